"""Reads from the database whether a server process's connections are still allowed. Runs in a database thread."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextField
from django.db.models.functions import Cast

from integrations.models import Connection, Integration
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.models.kept_secret import is_live
from integrations.services.rows.sql_query import SqlQuery

READ_AT_ONCE = 500
CHANGED_AT = Cast("changed_at", TextField())


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The state of an integration that decides whether its connections and tokens are valid."""

    is_enabled: bool
    generation: int
    changed_at: str  # in the database's format; only for comparison
    provider_outlet_id: str
    live_credentials: dict[int, datetime | None]  # expiry time of each live credential, by its primary key


@dataclass(slots=True)
class _StandingRow:
    """An integration with one of its credentials. `credential_id` is None if the integration has no credentials."""

    integration_id: int
    is_enabled: bool
    generation: int
    changed_at: str
    provider_outlet_id: str
    credential_id: int | None
    expires_at: datetime | None
    retired_at: datetime | None


_with_credentials = SqlQuery(
    _StandingRow,
    """
    SELECT integration.id AS integration_id, integration.is_enabled, integration.generation,
        CAST(integration.changed_at AS text) AS changed_at, outlet.provider_outlet_id,
        credential.id AS credential_id, credential.expires_at, credential.retired_at
    FROM integrations_integration AS integration
    JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
    LEFT JOIN integrations_credential AS credential ON credential.integration_id = integration.id
    WHERE integration.id {among}
    """,
)


def changed_since(moment: datetime, known: Mapping[int, Standing]) -> dict[int, Standing]:
    """Return the standing of every integration that changed since `moment`. Takes one indexed query if none changed.

    The caller looks back a minute, in which ten thousand integrations may change. So an integration in `known`, the
    previous result, is read only if it has changed again.
    """
    changed = Integration.objects.filter(changed_at__gte=moment).order_by().values_list("pk", CHANGED_AT)
    standings = {pk: known[pk] for pk, changed_at in changed if pk in known and known[pk].changed_at == changed_at}
    fresh = [pk for pk, _ in changed if pk not in standings]
    for start in range(0, len(fresh), READ_AT_ONCE):
        standings |= standings_of(fresh[start : start + READ_AT_ONCE])
    return standings


def standings_of(integration_ids: Sequence[int]) -> dict[int, Standing]:
    """Return the standing of these integrations.

    A full poll reads every connected integration, so this creates no model objects, which would take ten times as long.
    """
    now = shared_now()
    standings: dict[int, Standing] = {}
    for row in _with_credentials.rows(integration_ids):
        standing = standings.setdefault(row.integration_id, _standing_of(row))
        if row.credential_id is not None and is_live(row, now):
            standing.live_credentials[row.credential_id] = row.expires_at
    return standings


def closed_elsewhere(process_id: uuid.UUID, since: datetime) -> dict[uuid.UUID, CloseReason]:
    """Return the connections of this process that were closed in the database after `since`, with their reasons."""
    rows = Connection.objects.filter(process=process_id, closed_at__gte=since)
    return {pk: CloseReason(reason) for pk, reason in rows.values_list("pk", "close_reason")}


def _standing_of(row: _StandingRow) -> Standing:
    return Standing(
        is_enabled=row.is_enabled,
        generation=row.generation,
        changed_at=row.changed_at,
        provider_outlet_id=row.provider_outlet_id,
        live_credentials={},
    )
