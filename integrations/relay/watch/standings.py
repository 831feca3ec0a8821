"""What the rows say of the sockets of a server process. Runs in a database thread."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from integrations.models import Connection, Integration
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.services.rows.look_up import LookUp

READ_AT_ONCE = 500
CHANGED_AT = Cast("changed_at", TextField())


@dataclass(frozen=True)
class Standing:
    """What an integration's row says now of the sockets and tokens that hang on it."""

    is_enabled: bool
    generation: int
    changed_at: str  # as the database writes it: to be compared, and for nothing else
    provider_outlet_id: str
    live_credentials: dict[int, datetime | None]  # with the moment at which each expires


def changed_since(moment: datetime, known: Mapping[int, Standing]) -> dict[int, Standing]:
    """Return the standing of every integration that changed since `moment`: one indexed query when none did.

    What is in `known`, and has not changed again, is not read again: ten thousand may have changed in a minute.
    """
    changed = Integration.objects.filter(changed_at__gte=moment).order_by().values_list("pk", CHANGED_AT)
    standings = {pk: known[pk] for pk, changed_at in changed if pk in known and known[pk].changed_at == changed_at}
    fresh = [pk for pk, _ in changed if pk not in standings]
    for start in range(0, len(fresh), READ_AT_ONCE):
        standings |= standings_of(fresh[start : start + READ_AT_ONCE])
    return standings


def standings_of(integration_ids: Sequence[int]) -> dict[int, Standing]:
    """Return the standing of these integrations, at a tenth of what objects would cost: all are asked for at times."""
    now = shared_now()
    standings: dict[int, Standing] = {}
    for key, enabled, generation, changed_at, outlet, credential, expires_at, retired_at in _rows.rows(integration_ids):
        live: dict[int, datetime | None] = {}
        standing = standings.setdefault(key, Standing(enabled, generation, changed_at, outlet, live))
        if credential is not None and retired_at is None and (expires_at is None or expires_at > now):
            standing.live_credentials[credential] = expires_at
    return standings


def closed_elsewhere(process_id: uuid.UUID, since: datetime) -> dict[uuid.UUID, CloseReason]:
    """Return which connections of this process were closed in the database since then, and why."""
    rows = Connection.objects.filter(process=process_id, closed_at__gte=since)
    return {pk: CloseReason(reason) for pk, reason in rows.values_list("pk", "close_reason")}


def _rows_of(integration_ids: Sequence[int]) -> QuerySet[Integration, Any]:
    """Each with each of its credentials; one without any is there too, with None in their place."""
    return (
        Integration.objects.filter(pk__in=integration_ids)
        .order_by()
        .values_list(
            "pk",
            "is_enabled",
            "generation",
            CHANGED_AT,
            "outlet__provider_outlet_id",
            "credentials",
            "credentials__expires_at",
            "credentials__retired_at",
        )
    )


_rows = LookUp(_rows_of, int)
