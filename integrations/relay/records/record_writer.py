"""Writes the records of a server process: connections, presence, attempts. Runs in a database thread.

Every statement handles many rows: after a restart, ten thousand outlets reconnect within seconds.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from integrations.models import (
    ApiKeySecret,
    AuthAttempt,
    Connection,
    Credential,
    Integration,
    Presence,
    UnrecognisedFrame,
)
from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.relay.records.batch import Attempt, Batch, Closing
from integrations.relay.retrying import is_refusal
from integrations.relay.sockets.registry import Live
from integrations.security.secret_digests import Algorithm, Digest, known_keys
from integrations.services.connections.presence import COUNTS, close_rows, save_presences
from integrations.services.integration.pairings import find_owners
from integrations.services.requests.storing import record_transient
from integrations.services.rows import plain_rows
from integrations.services.rows.chunks import CHUNK, chunks
from integrations.text.characters import identity

FUTURE = timedelta(seconds=5)  # allowed difference between the clocks of processes; see _age_key
FRAMES_PER_INTEGRATION = 50
CONNECTION = tuple(field.attname for field in Connection._meta.concrete_fields)

logger = logging.getLogger(__name__)


_attempt_values = attrgetter(*Attempt.__slots__)


def write(batch: Batch, process_id: uuid.UUID) -> list[Live]:
    """Write a batch in one transaction; return the live connections that a newer one has replaced."""
    losers: list[Live] = []
    with transaction.atomic():
        for part in _parts(batch, process_id, losers):
            part()
    return losers


def write_in_parts(batch: Batch, process_id: uuid.UUID) -> list[Live]:
    """Write each part of a rejected batch separately and skip the rejected parts; return replaced connections."""
    losers: list[Live] = []
    for part in _parts(batch, process_id, losers):
        try:
            with transaction.atomic():
                part()
        except Exception as error:
            if not is_refusal(error):
                raise
            logger.exception("Records dropped because they could not be written.")
    return losers


def _parts(batch: Batch, process_id: uuid.UUID, losers: list[Live]) -> Iterator[Callable[[], None]]:
    # First write the ends of connections of earlier batches: otherwise a newer connection would seem to replace them.
    for closings in chunks([each for pk, each in batch.closed.items() if pk not in batch.opened]):
        yield partial(_write_closed, closings)
    for opened in chunks(list(batch.opened.values())):
        yield partial(_write_opened, opened, process_id, losers)
    for counted in chunks(list(batch.counted.values())):
        yield partial(_write_counts, counted)
    for closings in chunks([each for pk, each in batch.closed.items() if pk in batch.opened]):
        yield partial(_write_closed, closings)
    yield partial(_write_used, Credential, batch.used)
    yield partial(_write_redigested, Credential.objects.all(), batch.redigested)
    yield partial(_write_used, ApiKeySecret, batch.used_keys)
    yield partial(_write_redigested, ApiKeySecret.objects.all(), batch.redigested_keys)
    for transient in chunks(list(batch.transient)):
        yield partial(record_transient, transient)
    yield partial(_write_attempts, batch.attempts)
    yield partial(_write_unrecognised, batch.unrecognised)


def _write_opened(opened: Sequence[Live], process_id: uuid.UUID, losers: list[Live]) -> None:
    """Insert connections. If an outlet has two, the newer one stays open, even if another process holds it."""
    _lock_presences(live.integration_id for live in opened)
    limit = shared_now() + FUTURE
    winners = {live.integration_id: live for live in sorted(opened, key=lambda live: _age_key(live, limit))}
    own = [live.id for live in opened]
    rivals = Connection.objects.filter(integration__in=winners, closed_at=None).exclude(pk__in=own)
    replaced = []
    taken_at = {integration_id: live.opened_at for integration_id, live in winners.items()}
    for rival in rivals:
        winner = winners[rival.integration_id]
        if _age_key(winner, limit) < _age_key(rival, limit):
            del winners[rival.integration_id]
            taken_at[rival.integration_id] = rival.opened_at
            continue
        rival.closed_at, rival.close_reason = max(winner.opened_at, rival.opened_at), CloseReason.REPLACED
        replaced.append(rival)
    close_rows(replaced)
    rows = [_connection_row(live, process_id) for live in opened]
    stay_open = {live.id for live in winners.values()}
    for row in rows:
        if row.pk not in stay_open:
            row.closed_at, row.close_reason = taken_at[row.integration_id], CloseReason.REPLACED
    _insert_connections(rows)
    _go_online(winners.values())
    losers += [live for live in opened if winners.get(live.integration_id) is not live]


def _insert_connections(rows: Iterable[Connection]) -> None:
    in_order = sorted(rows, key=lambda row: row.closed_at is None)  # closed first: one open row per outlet
    plain_rows.insert_rows(
        Connection,
        CONNECTION,
        map(attrgetter(*CONNECTION), in_order),
        key="id",  # a process that was wrongly declared dead opens its rows again
        update=["process_id", "closed_at", "close_code", "close_reason"],
    )


def _go_online(lives: Iterable[Live]) -> None:
    save_presences(
        Presence(
            integration_id=live.integration_id,
            is_online=True,
            since=live.opened_at,
            last_seen_at=live.opened_at,
            connection_id=live.id,
        )
        for live in lives
    )


def _age_key(opened: Live | Connection, limit: datetime) -> tuple[bool, datetime, bytes]:
    """Return the sort key for connections of one outlet, the newest last.

    A connection that claims to be opened after `limit` counts as the oldest: it was opened before a clock was set back.
    """
    return opened.opened_at <= limit, opened.opened_at, opened.id.bytes


def _connection_row(live: Live, process_id: uuid.UUID) -> Connection:
    return Connection(
        id=live.id,
        integration_id=live.integration_id,
        credential_id=live.credential_id,
        generation=live.generation,
        process_id=process_id,
        opened_at=live.opened_at,
        address=live.address,
        user_agent=live.user_agent,
        origin=live.origin,
    )


def _write_counts(lives: Sequence[Live]) -> None:
    by_id = {live.id: live for live in lives}
    rows = list(Connection.objects.filter(pk__in=by_id, closed_at=None))
    for row in rows:
        _set_frame_counts(row, by_id[row.pk])
    Connection.objects.bulk_update(rows, COUNTS)


def _set_frame_counts(row: Connection, live: Live) -> None:
    row.frames_in, row.frames_out, row.unrecognised_frames = live.frames_in, live.frames_out, live.unrecognised_frames


def _write_closed(closings: Sequence[Closing]) -> None:
    _lock_presences(closing.live.integration_id for closing in closings)
    rows = Connection.objects.in_bulk([closing.live.id for closing in closings])
    for closing in closings:
        if row := rows.get(closing.live.id):
            _fill_in(row, closing)
    close_rows(list(rows.values()))


def _fill_in(row: Connection, closing: Closing) -> None:
    _set_frame_counts(row, closing.live)
    row.close_code = closing.code
    # If the row was already closed, keep its time and reason. But "replaced" may be wrong: this connection may have
    # ended before the newer one began, and then its own reason counts.
    if row.closed_at is None:
        row.closed_at, row.close_reason = closing.at, closing.reason
    elif row.close_reason == CloseReason.REPLACED:
        row.closed_at, row.close_reason = min(row.closed_at, closing.at), closing.reason


def _lock_presences(integration_ids: Iterable[int]) -> None:
    # In the order of the ids, to avoid deadlocks between processes.
    locked = Presence.objects.select_for_update().filter(pk__in=set(integration_ids)).order_by("pk")
    list(locked.values_list("pk"))


def _write_used(model: type[Credential | ApiKeySecret], used: dict[int, datetime]) -> None:
    if not used:
        return
    latest = max(used.values())  # one time for the batch: it spans a fraction of a second
    for ids in chunks(list(used)):
        plain_rows.stamp_rows(model, "last_used_at", latest, ids)


def _write_redigested(secrets: QuerySet[Any], redigested: "dict[int, Digest]") -> None:
    for pk, digest in redigested.items():
        secrets.filter(pk=pk).update(digest=digest.value, key_id=digest.key_id)


def _write_attempts(attempts: Iterable[Attempt]) -> None:
    rows = list(attempts)
    _find_integrations([row for row in rows if row.integration_id is None and row.provider_outlet_id])
    _refer_to_owners([row for row in rows if _is_under_another_id(row)])
    plain_rows.insert_rows(AuthAttempt, Attempt.__slots__, map(_attempt_values, rows))


def _find_integrations(unplaced: Sequence[Attempt]) -> None:
    """Set the integration of attempts that were refused before any look-up, so that the outlet's page shows them."""
    if not unplaced:
        return
    sent = {identity(attempt.provider_outlet_id) for attempt in unplaced}
    rows = Integration.objects.filter(outlet__match_id__in=sent)
    ids = dict(rows.values_list("outlet__match_id", "pk"))
    for attempt in unplaced:
        attempt.integration_id = ids.get(identity(attempt.provider_outlet_id))
    _explain(unplaced)


def _explain(unplaced: Sequence[Attempt]) -> None:
    """Set the precise outcome of wrong secrets. This happens after the answer, so its timing reveals nothing."""
    wrong = [attempt for attempt in unplaced if Outcome.WRONG_SECRET in (attempt.outcome, attempt.cause)]
    ids = {attempt.integration_id for attempt in wrong} - {None}
    current = Credential.objects.filter(integration__in=ids, is_current=True, algorithm=Algorithm.HMAC_SHA256)
    lost = current.exclude(key_id__in=known_keys()).values_list("integration", flat=True) if ids else ()
    under_lost_key = set(lost)
    for attempt in wrong:
        if attempt.integration_id is None:
            _blame(attempt, Outcome.UNKNOWN_OUTLET)
        elif attempt.integration_id in under_lost_key:
            _blame(attempt, Outcome.UNKNOWN_KEY)


def _blame(attempt: Attempt, cause: Outcome) -> None:
    """Set the precise outcome of an attempt, or its cause if the caller was blocked."""
    if attempt.outcome == Outcome.THROTTLED:
        attempt.cause = cause
    else:
        attempt.outcome = cause


def _is_under_another_id(attempt: Attempt) -> bool:
    """Return whether the attempt's POSRemoteID may belong to another outlet."""
    is_unknown = attempt.integration_id is None and bool(attempt.provider_outlet_id and attempt.pos_remote_id)
    return is_unknown or attempt.outcome == Outcome.WRONG_POS_REMOTE_ID


def _refer_to_owners(mispaired: Sequence[Attempt]) -> None:
    """Note the integration that owns a wrongly sent POSRemoteID. Done here because the POS should not wait for it."""
    if not mispaired:
        return
    owners = find_owners({attempt.pos_remote_id for attempt in mispaired})
    for attempt in mispaired:
        attempt.pos_remote_id_of_id = owners.get(attempt.pos_remote_id)


def _write_unrecognised(frames: Iterable[UnrecognisedFrame]) -> None:
    rows = list(frames)
    UnrecognisedFrame.objects.bulk_create(rows, batch_size=CHUNK)
    for integration_id in {row.integration_id for row in rows}:
        of_integration = UnrecognisedFrame.objects.filter(integration=integration_id)
        kept = list(of_integration.values_list("pk", flat=True)[:FRAMES_PER_INTEGRATION])
        of_integration.exclude(pk__in=kept).delete()
