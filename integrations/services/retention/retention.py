"""Deletes what is kept for so long only, in small batches. Runs in database threads.

Each batch is a transaction of its own, found by an index, so that an embedded database's writer is held for
milliseconds and no POS waits. Open requests and open connections are never touched.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from integrations.models import AuditEvent, AuthAttempt, Connection, Presence, Request, ServerProcess, StrayFrame
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services import audit, metrics
from integrations.services.audit import Actor

# Measured on a machine with no core free: this many rows of 2 KB hold an embedded database's writer for 30 ms, of 120
# KB for 0.2 s.
BATCH = 100
SUBJECT = "old records"

Report = Callable[[RecordKind, int, int], None]


@dataclass(frozen=True)
class Rule:
    """What of a kind is due before a moment, the oldest first, and how a batch of it goes.

    `days` is a setting, or empty for what says by itself when it has expired.
    """

    days: str
    due: Callable[[datetime], QuerySet[Any]]
    prune: Callable[[QuerySet[Any], datetime], int]


def limit(kind: RecordKind, now: datetime) -> datetime | None:
    """Return the moment before which records of this kind are not kept; None: all of them are."""
    if not RULES[kind].days:
        return now
    days: int = getattr(settings, RULES[kind].days)
    return now - timedelta(days=days) if days else None


def due(now: datetime) -> dict[RecordKind, int]:
    """Return how many records of each kind there are to prune."""
    counts = {}
    for kind, rule in RULES.items():
        before = limit(kind, now)
        counts[kind] = rule.due(before).order_by().count() if before else 0
    counts[RecordKind.PAYLOADS] -= _payloads_of_due_requests(now)
    return counts


def prune_batch(kind: RecordKind, now: datetime) -> bool:
    """Prune at most BATCH records in one transaction; return whether there may be more."""
    return _prune_batch(kind, now) == BATCH


def prune_all(*, actor: Actor, report: Report, rest: Callable[[float], None] = time.sleep) -> dict[RecordKind, int]:
    """Prune until nothing is left, and return how much of each kind; one audit event says so.

    The event is written in the first transaction, with what is due: a command that is killed has left it. After each
    batch it rests for as long as the batch took, so that others find the database free half of the time.
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
    """Prune a kind, and yield after each batch its size and the seconds that it took."""
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


def _stray_frames(before: datetime) -> QuerySet[StrayFrame]:
    return StrayFrame.objects.filter(at__lt=before).order_by("at")


def _attempts(before: datetime) -> QuerySet[AuthAttempt]:
    return AuthAttempt.objects.filter(at__lt=before).order_by("at")


def _connections(before: datetime) -> QuerySet[Connection]:
    """Return ended connections but each integration's last one: its page says when that was, and presence names it."""
    newer = Connection.objects.filter(integration=OuterRef("integration"), opened_at__gt=OuterRef("opened_at"))
    named = Presence.objects.filter(connection=OuterRef("pk"))
    rows = Connection.objects.filter(closed_at__lt=before).filter(Exists(newer.order_by())).exclude(Exists(named))
    return rows.order_by("closed_at")


def _processes(before: datetime) -> QuerySet[ServerProcess]:
    held = Connection.objects.filter(process=OuterRef("pk")).order_by()
    return ServerProcess.objects.filter(heartbeat_at__lt=before).exclude(Exists(held)).order_by("heartbeat_at")


def _sessions(before: datetime) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=before).order_by("expire_date")


def _audit(before: datetime) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(at__lt=before).order_by("at")


def _delete(rows: QuerySet[Any], _now: datetime) -> int:
    # The condition is asked again with the deletion: between the two a row may have come back to life.
    deleted, _ = rows.order_by().filter(pk__in=_oldest(rows)).delete()
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
    RecordKind.STRAY_FRAMES: Rule("KEEP_PAYLOAD_DAYS", _stray_frames, _delete),
    RecordKind.ATTEMPTS: Rule("KEEP_CONNECTION_DAYS", _attempts, _delete),
    RecordKind.CONNECTIONS: Rule("KEEP_CONNECTION_DAYS", _connections, _delete),
    RecordKind.PROCESSES: Rule("KEEP_CONNECTION_DAYS", _processes, _delete),
    RecordKind.SESSIONS: Rule("", _sessions, _delete),
    RecordKind.AUDIT: Rule("KEEP_AUDIT_DAYS", _audit, _forget),
}
