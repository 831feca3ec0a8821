"""Maintains the lease of a server process, and ends the leases of dead processes. Runs in a database thread."""

import os
import socket
import uuid
from datetime import datetime

from django.db import transaction

from integrations.models import Connection, ServerProcess, clock
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.services.connections import leases
from integrations.services.connections.presence import close_rows
from integrations.services.keys import keys, newer_keys

LEASES_ENDED_AT_ONCE = 500


def begin_lease() -> uuid.UUID:
    """Register this process and its keys, end the leases of its dead predecessors, and return its id."""
    clock.compare()
    now = clock.shared_now()
    process = ServerProcess.objects.create(
        host=_host(), pid=os.getpid(), started_at=now, heartbeat_at=now, **keys.announcement()
    )
    _end_predecessors(process.pk)
    end_lost_leases(process.pk)
    keys.choose(process.pk)
    newer_keys.report_unknown()
    return process.pk


def renew_lease(process_id: uuid.UUID) -> bool:
    """Renew the heartbeat. Return False if another process had ended this lease.

    If the result is False, the caller must record its connections again.
    """
    clock.compare()
    alive = ServerProcess.objects.filter(pk=process_id)
    was_held = bool(alive.filter(ended_at=None).update(heartbeat_at=clock.shared_now()))
    if not was_held:
        alive.update(heartbeat_at=clock.shared_now(), ended_at=None)
    return was_held


def end_lease(process_id: uuid.UUID) -> None:
    """End this process's lease, and close the connections that the database still attributes to it."""
    _end_process(process_id, at=clock.shared_now(), reason=CloseReason.RESTART)


def end_lost_leases(own_id: uuid.UUID) -> int:
    """End the leases of dead processes and close their connections; return the number of processes.

    A process counts as dead when its heartbeat is older than LEASE_SECONDS.
    """
    lost = list(ServerProcess.objects.dead(shared_now()).filter(ended_at=None).exclude(pk=own_id))
    for process in lost:
        _end_process(process.pk, at=process.heartbeat_at, reason=CloseReason.SERVER_LOST)
    return len(lost)


def _end_predecessors(own_id: uuid.UUID) -> None:
    """End each lease of this host if its process id no longer exists or now belongs to this process.

    Call this only at start. Otherwise, containers with the same host name but separate process ids would keep ending
    each other's leases.
    """
    for process in ServerProcess.objects.filter(ended_at=None, host=_host()).exclude(pk=own_id):
        if _is_dead_here(process):
            _end_process(process.pk, at=process.heartbeat_at, reason=CloseReason.SERVER_LOST)


def _host() -> str:
    return socket.gethostname()[:255]


def _end_process(process_id: uuid.UUID, *, at: datetime, reason: CloseReason) -> None:
    while rows := list(Connection.objects.filter(process=process_id, closed_at=None)[:LEASES_ENDED_AT_ONCE]):
        for row in rows:
            row.closed_at, row.close_reason = max(at, row.opened_at), reason
        with transaction.atomic():
            close_rows(rows)
    ServerProcess.objects.filter(pk=process_id, ended_at=None).update(ended_at=at)
    leases.release(process_id)


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
