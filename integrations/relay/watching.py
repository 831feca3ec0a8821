"""The questions that a server process asks the rows again and again, and its lease. Runs in a database thread."""

import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from integrations.models import Connection, Integration, ServerProcess, clock
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason, dead_processes
from integrations.models.kept_secret import is_live
from integrations.services.connections import leases
from integrations.services.connections.presence import close_rows
from integrations.services.keys import keys, newer_keys
from integrations.services.rows.look_up import LookUp

LEASES_ENDED_AT_ONCE = 500
READ_AT_ONCE = 500
CHANGED_AT = Cast("changed_at", TextField())


@dataclass(slots=True)  # not frozen: a mass change creates thousands, and that takes four times as long
class Standing:
    """What an integration's row says now of the sockets and tokens that hang on it."""

    is_enabled: bool
    generation: int
    changed_at: str  # as the database writes it: to be compared, and for nothing else
    provider_outlet_id: str
    live_credentials: dict[int, datetime | None]  # with the moment at which each expires


class _Row(NamedTuple):
    """An integration with one of its credentials."""

    integration_id: int
    is_enabled: bool
    generation: int
    changed_at: str
    provider_outlet_id: str
    credential_id: int | None
    expires_at: datetime | None
    retired_at: datetime | None


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
    for row in (_Row(*columns) for columns in _rows.rows(integration_ids)):
        live: dict[int, datetime | None] = {}
        fresh = Standing(row.is_enabled, row.generation, row.changed_at, row.provider_outlet_id, live)
        standing = standings.setdefault(row.integration_id, fresh)
        if row.credential_id is not None and is_live(row, now):
            standing.live_credentials[row.credential_id] = row.expires_at
    return standings


def closed_elsewhere(process_id: uuid.UUID, since: datetime) -> dict[uuid.UUID, CloseReason]:
    """Return which connections of this process were closed in the database since then, and why."""
    rows = Connection.objects.filter(process=process_id, closed_at__gte=since)
    return {pk: CloseReason(reason) for pk, reason in rows.values_list("pk", "close_reason")}


def begin_lease() -> uuid.UUID:
    """Enter this process with the keys that it has, end the leases of its dead forerunners here, and return its id."""
    clock.compare()
    now = clock.shared_now()
    process = ServerProcess.objects.create(
        host=_host(), pid=os.getpid(), started_at=now, heartbeat_at=now, **keys.announcement()
    )
    _end_forerunners(process.pk)
    end_lost_leases(process.pk)
    keys.choose(process.pk)
    newer_keys.report_unknown()
    return process.pk


def renew_lease(process_id: uuid.UUID) -> bool:
    """Say that this process lives; False when others had given it up, so that its connections need re-entering."""
    clock.compare()
    alive = ServerProcess.objects.filter(pk=process_id)
    was_held = bool(alive.filter(ended_at=None).update(heartbeat_at=clock.shared_now()))
    if not was_held:
        alive.update(heartbeat_at=clock.shared_now(), ended_at=None)
    return was_held


def end_lease(process_id: uuid.UUID) -> None:
    """Say that this process ends, and close whatever the database still believes it to hold."""
    _end(process_id, at=clock.shared_now(), reason=CloseReason.RESTART)


def end_lost_leases(own_id: uuid.UUID) -> int:
    """End the leases of processes that died, with their connections; return how many.

    A process counts as dead when its heartbeat is older than LEASE_SECONDS.
    """
    lost = list(dead_processes(shared_now()).filter(ended_at=None).exclude(pk=own_id))
    for process in lost:
        _end(process.pk, at=process.heartbeat_at, reason=CloseReason.SERVER_LOST)
    return len(lost)


def _end_forerunners(own_id: uuid.UUID) -> None:
    """End those that ran on this host under a process id that nobody, or now this process, has.

    Only at a start: hosts of one name that see each other's process ids (containers) would bury each other for ever.
    """
    for process in ServerProcess.objects.filter(ended_at=None, host=_host()).exclude(pk=own_id):
        if _is_dead_here(process):
            _end(process.pk, at=process.heartbeat_at, reason=CloseReason.SERVER_LOST)


def _host() -> str:
    return socket.gethostname()[:255]


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


def _end(process_id: uuid.UUID, *, at: datetime, reason: CloseReason) -> None:
    while rows := list(Connection.objects.filter(process=process_id, closed_at=None)[:LEASES_ENDED_AT_ONCE]):
        for row in rows:
            row.closed_at, row.close_reason = max(at, row.opened_at), reason
        with transaction.atomic():
            close_rows(rows)
    ServerProcess.objects.filter(pk=process_id, ended_at=None).update(ended_at=at)
    leases.give_back(process_id)


def _is_dead_here(process: ServerProcess) -> bool:
    if process.pid == os.getpid():
        return True
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
