"""The integration's part of an outlet's page. The number of queries does not depend on the integration's age."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F

from integrations.models import AuditEvent, Credential, HandoverLink, Integration, Outlet, UnrecognisedFrame
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.check_evidence import OutletRows, attempts_with, requests_with_test, secrets_in
from integrations.services.integration.outlet_check import read_check
from integrations.services.integration.pairings import explain
from integrations.services.outlets.moves import explain_moves
from integrations.services.overview.fleet_state import Organisations
from integrations.staff.requests.descriptions import with_type_names

TEMPLATE = "staff/integration/page_parts.html"
ROWS = 10
LINK = "link_"  # prefix of a hand-over link's columns in the query for secrets
LINK_FIELDS = (
    *("id", "state", "tries", "created_by", "created_at", "expires_at"),
    *("ended_at", "ended_reason", "address", "user_agent"),
)


def context_of(
    integration: Integration,
    now: datetime,
    organisations: Organisations,
    *,
    keys: Mapping[str, Any],
    with_content: bool,
) -> dict[str, Any]:
    """Return the template's context, for a person allowed to see these organisations.

    `keys` are the values of `key_columns`. With `with_content`, the context includes unrecognised frames' content.
    """
    values = _values_for_powerepos(integration, now)
    connections = list(integration.connections.select_related("process")[:ROWS])
    attempts = attempts_with(integration, now, organisations, keys)
    explain(attempts, organisations)
    requests = list(with_type_names(requests_with_test(integration, keys, values["current"])))
    rows = OutletRows(values["credentials"], connections, attempts, requests, keys)
    return values | {
        "has_details": True,
        "requests": requests[:ROWS],
        "connections": connections,
        "attempts": attempts[:ROWS],
        "with_content": with_content,
        "unrecognised_frames": _unrecognised_frames(integration, with_content=with_content),
        "check": read_check(integration, now, organisations, with_content=with_content, rows=rows),
        "keys": keys,
    }


def _values_for_powerepos(integration: Integration, now: datetime) -> dict[str, Any]:
    credentials, links = _credentials_and_links(integration)
    current, in_overlap = secrets_in(credentials, now)
    return {
        "auth_url": auth_url(),
        "websocket_url": websocket_url(),
        "credentials": credentials,
        "current": current,
        "in_overlap": in_overlap,
        "links": links[:ROWS],
    }


def _credentials_and_links(integration: Integration) -> tuple[list[Credential], list[HandoverLink]]:
    """Return all secrets and all their hand-over links, both newest first. Uses one query."""
    columns = {f"{LINK}{name}": F(f"handover_links__{name}") for name in LINK_FIELDS}
    rows = list(integration.credentials.annotate(**columns))
    credentials = list({row.pk: row for row in rows}.values())
    links = [
        HandoverLink(**{name: vars(row)[f"{LINK}{name}"] for name in LINK_FIELDS}, credential=row)
        for row in rows
        if vars(row)[f"{LINK}id"] is not None
    ]
    return credentials, sorted(links, key=lambda link: (link.created_at, link.pk), reverse=True)


def _unrecognised_frames(integration: Integration, *, with_content: bool) -> list[UnrecognisedFrame]:
    frames = integration.unrecognised_frames.all() if with_content else integration.unrecognised_frames.defer("excerpt")
    return list(frames[:ROWS])


def events_of(outlet: Outlet, organisations: Organisations) -> list[AuditEvent]:
    """Return the newest events of an outlet and its integration.

    An event about a move between organisations names only those that the viewer may see (`organisations`).
    """
    # Read one event more than is shown. If the oldest event shown is a move, the additional event belongs to the old
    # organisation, whose name is then known without another query.
    events = list(AuditEvent.objects.filter(outlet=outlet).select_related("organisation")[: ROWS + 1])
    explain_moves(events, organisations, known=[each.organisation for each in events])
    return events[:ROWS]
