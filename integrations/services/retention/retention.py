"""Delete records at the end of their retention time, in small batches. Runs in database threads.

Each batch is a separate transaction that finds its rows by an index, so it blocks SQLite's only writer for
milliseconds and delays no POS. Open requests and open connections are never touched.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from integrations.models import (
    AnsweredCall,
    AuditEvent,
    AuthAttempt,
    Connection,
    Presence,
    Request,
    ServerProcess,
    UnrecognisedFrame,
)
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services import audit, metrics
from integrations.services.audit import Actor

# Measured on a machine without a free core: this many rows of 2 KB block SQLite's writer for 30 ms, and this many rows
# of 120 KB block it for 0.2 s.
BATCH = 100
SUBJECT = "old records"

Report = Callable[[RecordKind, int, int], None]


@dataclass(frozen=True)
class Rule:
    """How one kind of record is pruned.

    `due` returns the records from before a moment, the oldest first, and `prune` prunes a batch of them. `days` is the
    name of a setting, or empty for records with their own expiry time.
    """

    days: str
    due: Callable[[datetime], QuerySet[Any]]
    prune: Callable[[QuerySet[Any], datetime], int]


def limit(kind: RecordKind, now: datetime) -> datetime | None:
    """Return the moment before which records of this kind are pruned, or None if all are kept."""
    if not RULES[kind].days:
        return now
    days: int = getattr(settings, RULES[kind].days)
    return now - timedelta(days=days) if days else None


def due(now: datetime) -> dict[RecordKind, int]:
    """Return the number of records of each kind that are due for pruning."""
    counts = {}
    for kind, rule in RULES.items():
        before = limit(kind, now)
        counts[kind] = rule.due(before).order_by().count() if before else 0
    counts[RecordKind.PAYLOADS] -= _payloads_of_due_requests(now)
    return counts


def prune_batch(kind: RecordKind, now: datetime) -> bool:
    """Prune at most BATCH records in one transaction. Return whether there may be more."""
    return _prune_batch(kind, now) == BATCH


def prune_all(*, actor: Actor, report: Report, rest: Callable[[float], None] = time.sleep) -> dict[RecordKind, int]:
    """Prune until no due records are left, record one audit event, and return how many of each kind were pruned.

    The first transaction stores the event with the numbers of due records, so the event exists even if the process is
    killed later. After each batch, pruning pauses for as long as the batch took, which leaves the database free half
    of the time.
    """
    now = shared_now()
    planned = due(now)
    pruned = dict.fromkeys(planned, 0)
    if not any(planned.values()):
        return pruned
    for kind in planned:
        is_first = not any(pruned.values())
        for count, seconds in _batches(kind, now, planned=planned if is_first else None, actor=actor):
            pruned[kind] += count
            report(kind, pruned[kind], planned[kind])
            rest(seconds)
    return pruned


def _batches(
    kind: RecordKind, now: datetime, *, planned: Mapping[RecordKind, int] | None, actor: Actor
) -> Iterator[tuple[int, float]]:
    """Prune all due records of one kind. After each batch, yield its size and the seconds that it took."""
    count = BATCH
    while count == BATCH:
        began = time.perf_counter()
        with transaction.atomic():
            count = _prune_batch(kind, now)
            if count and planned is not None:
                _record(planned, actor)
                planned = None
        if count:
            yield count, time.perf_counter() - began


def _record(planned: Mapping[RecordKind, int], actor: Actor) -> None:
    audit.record(Verb.PRUNED, SUBJECT, actor=actor, **{str(kind): count for kind, count in planned.items() if count})


def _prune_batch(kind: RecordKind, now: datetime) -> int:
    before = limit(kind, now)
    if before is None:
        return 0
    rule = RULES[kind]
    with transaction.atomic():
        count = rule.prune(rule.due(before), now)
    metrics.pruned[kind].inc(count)
    return count


def _payloads_of_due_requests(now: datetime) -> int:
    limits = [limit(kind, now) for kind in (RecordKind.PAYLOADS, RecordKind.REQUESTS)]
    found = [moment for moment in limits if moment is not None]
    return _payloads(min(found)).order_by().count() if len(found) == len(limits) else 0


def _requests(before: datetime) -> QuerySet[Request]:
    return Request.objects.filter(ended_at__lt=before).order_by("ended_at")


def _payloads(before: datetime) -> QuerySet[Request]:
    return Request.objects.filter(ended_at__lt=before, content_pruned_at=None).order_by("ended_at")


def _unrecognised_frames(before: datetime) -> QuerySet[UnrecognisedFrame]:
    return UnrecognisedFrame.objects.filter(at__lt=before).order_by("at")


def _attempts(before: datetime) -> QuerySet[AuthAttempt]:
    return AuthAttempt.objects.filter(at__lt=before).order_by("at")


def _connections(before: datetime) -> QuerySet[Connection]:
    """Return ended connections, except those that are still needed.

    The page of an integration shows its last connection, and a presence may refer to a connection.
    """
    newer = Connection.objects.filter(integration=OuterRef("integration"), opened_at__gt=OuterRef("opened_at"))
    named = Presence.objects.filter(connection=OuterRef("pk"))
    rows = Connection.objects.filter(closed_at__lt=before).filter(Exists(newer.order_by())).exclude(Exists(named))
    return rows.order_by("closed_at")


def _processes(before: datetime) -> QuerySet[ServerProcess]:
    held = Connection.objects.filter(process=OuterRef("pk")).order_by()
    return ServerProcess.objects.filter(heartbeat_at__lt=before).exclude(Exists(held)).order_by("heartbeat_at")


def _sessions(before: datetime) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=before).order_by("expire_date")


def _answered_calls(before: datetime) -> QuerySet[AnsweredCall]:
    return AnsweredCall.objects.filter(expires_at__lt=before).order_by("expires_at")


def _audit(before: datetime) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(at__lt=before).order_by("at")


def _delete(rows: QuerySet[Any], _now: datetime) -> int:
    # The deletion checks the condition of `rows` again, because a row may have become live since its key was read.
    deleted, _ = rows.order_by().filter(pk__in=_oldest(rows)).delete()
    return deleted


def _delete_sessions(rows: QuerySet[Session], now: datetime) -> int:
    """Delete ended sessions, then the UserSession rows (address and browser) whose session is no longer stored."""
    deleted = _delete(rows, now)
    if deleted:
        running = Session.objects.filter(session_key=OuterRef("session_key"))
        UserSession.objects.filter(pk__in=_oldest(UserSession.objects.exclude(Exists(running)).order_by("pk"))).delete()
    return deleted


def _erase_contents(rows: QuerySet[Any], now: datetime) -> int:
    return (
        rows.order_by()
        .filter(pk__in=_oldest(rows))
        .update(payload="", answer=None, sealed_request=None, sealed_answer=None, content_pruned_at=now)
    )


def _forget(_rows: QuerySet[Any], now: datetime) -> int:
    before = limit(RecordKind.AUDIT, now)
    return AuditEvent.objects.forget(before=before, limit=BATCH) if before else 0


def _oldest(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.values_list("pk", flat=True)[:BATCH])


RULES = {
    RecordKind.REQUESTS: Rule("KEEP_REQUEST_DAYS", _requests, _delete),
    RecordKind.PAYLOADS: Rule("KEEP_PAYLOAD_DAYS", _payloads, _erase_contents),
    RecordKind.UNRECOGNISED_FRAMES: Rule("KEEP_PAYLOAD_DAYS", _unrecognised_frames, _delete),
    RecordKind.ATTEMPTS: Rule("KEEP_CONNECTION_DAYS", _attempts, _delete),
    RecordKind.CONNECTIONS: Rule("KEEP_CONNECTION_DAYS", _connections, _delete),
    RecordKind.PROCESSES: Rule("KEEP_CONNECTION_DAYS", _processes, _delete),
    RecordKind.SESSIONS: Rule("", _sessions, _delete_sessions),
    RecordKind.ANSWERED_CALLS: Rule("", _answered_calls, _delete),
    RecordKind.AUDIT: Rule("KEEP_AUDIT_DAYS", _audit, _forget),
}
