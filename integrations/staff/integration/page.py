"""The integration's part of an outlet's page. The number of queries does not depend on the integration's age."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.models import AuditEvent, Integration, Outlet, UnrecognisedFrame
from integrations.models.audit import Verb
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.check_evidence import OutletRows
from integrations.services.integration.outlet_check import read_check
from integrations.services.integration.pairings import OWNER_NAMED, explain
from integrations.services.outlets.moves import explain_moves
from integrations.services.overview.fleet_state import Organisations
from integrations.staff.requests.descriptions import with_type_names

TEMPLATE = "staff/integration/page_parts.html"
ROWS = 10


def context_of(
    integration: Integration,
    now: datetime,
    organisations: Organisations,
    *,
    keys: Mapping[str, Any],
    with_content: bool,
) -> dict[str, Any]:
    """Return the template's context, for a person allowed to see these organisations.

    `keys` are those of the check. With `with_content`, the context has the content of unrecognised frames.
    """
    values = _values_for_powerepos(integration, now)
    connections = list(integration.connections.select_related("process")[:ROWS])
    attempts = list(integration.attempts.select_related(OWNER_NAMED)[:ROWS])
    explain(attempts, organisations)
    requests = list(with_type_names(integration.requests.defer("payload", "answer"))[:ROWS])
    rows = OutletRows(values["credentials"], connections, attempts, requests, keys)
    return values | {
        "has_details": True,
        "requests": requests,
        "connections": connections,
        "attempts": attempts,
        "with_content": with_content,
        "unrecognised_frames": _unrecognised_frames(integration, with_content=with_content),
        "check": read_check(integration, now, organisations, with_content=with_content, rows=rows),
        "disabling": None if integration.is_enabled else _disabling(integration),
        "rows": ROWS,
    }


def _values_for_powerepos(integration: Integration, now: datetime) -> dict[str, Any]:
    credentials = list(integration.credentials.all())
    return {
        "auth_url": auth_url(),
        "websocket_url": websocket_url(),
        "credentials": credentials,
        "current": next(each for each in credentials if each.is_current),
        "in_overlap": next((each for each in credentials if each.is_in_overlap(now)), None),
        "links": list(integration.handover_links.defer("sealed").select_related("credential")[:ROWS]),
    }


def _unrecognised_frames(integration: Integration, *, with_content: bool) -> list[UnrecognisedFrame]:
    frames = integration.unrecognised_frames.all() if with_content else integration.unrecognised_frames.defer("excerpt")
    return list(frames[:ROWS])


def events_of(outlet: Outlet, organisations: Organisations) -> list[AuditEvent]:
    """Return the newest events of an outlet and its integration, with the names that this person may read."""
    events = list(AuditEvent.objects.filter(outlet=outlet)[:ROWS])
    explain_moves(events, organisations)
    return events


def _disabling(integration: Integration) -> AuditEvent | None:
    return AuditEvent.objects.filter(integration=integration, verb=Verb.DISABLED).first()
