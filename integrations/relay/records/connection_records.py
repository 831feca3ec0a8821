"""Connections of POSes: when they began and ended, and their frame counts."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Self

from integrations.models import Connection, Presence
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.relay.records.batch import BatchRecord, Writing
from integrations.relay.sockets.registry import Live
from integrations.services.connections.presence import COUNTS, close_rows, save_presences
from integrations.services.rows import plain_rows

FUTURE = timedelta(seconds=5)  # allowed difference between the clocks of processes; see _age_key
CONNECTION = tuple(field.attname for field in Connection._meta.concrete_fields)


@dataclass(slots=True, eq=False)
class _OfConnection(BatchRecord):
    live: Live

    @property
    def key(self) -> uuid.UUID:
        return self.live.id


class ConnectionOpened(_OfConnection):
    """A new connection, or one that was wrongly marked as lost."""

    __slots__ = ()

    @classmethod
    def write(cls, records: Sequence[Self], writing: Writing) -> None:
        writing.losers += _write_opened([each.live for each in records], writing.process_id)


class FramesCounted(_OfConnection):
    """A connection's frame counts so far."""

    __slots__ = ()

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        by_id = {each.live.id: each.live for each in records}
        rows = list(Connection.objects.filter(pk__in=by_id, closed_at=None))
        for row in rows:
            _set_frame_counts(row, by_id[row.pk])
        Connection.objects.bulk_update(rows, COUNTS)


@dataclass(slots=True, eq=False)
class ConnectionClosed(_OfConnection):
    """The end of a connection."""

    at: datetime
    code: int | None
    reason: CloseReason

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        _lock_presences(each.live.integration_id for each in records)
        rows = Connection.objects.in_bulk([each.live.id for each in records])
        for each in records:
            if row := rows.get(each.live.id):
                _fill_in(row, each)
        close_rows(list(rows.values()))


def _write_opened(opened: Sequence[Live], process_id: uuid.UUID) -> list[Live]:
    """Insert connections, and return those that a newer connection of the outlet has replaced.

    If an outlet has two connections, the newer one stays open, even if another process holds it.
    """
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
    return [live for live in opened if winners.get(live.integration_id) is not live]


def _insert_connections(rows: Iterable[Connection]) -> None:
    # Write the closed rows first. One of them may still be open in the database, and each outlet may have only one open
    # row there.
    in_order = sorted(rows, key=lambda row: row.closed_at is None)
    plain_rows.insert_rows(
        Connection,
        CONNECTION,
        map(attrgetter(*CONNECTION), in_order),
        key="id",  # the row exists already if its process was wrongly declared dead; the update reopens it
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
    """Return a key that sorts the connections of one outlet from the oldest to the newest.

    A connection whose `opened_at` is after `limit` was opened before a wrong clock was set back, so it counts as the
    oldest.
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


def _set_frame_counts(row: Connection, live: Live) -> None:
    row.frames_in, row.frames_out, row.unrecognised_frames = live.frames_in, live.frames_out, live.unrecognised_frames


def _fill_in(row: Connection, closing: ConnectionClosed) -> None:
    _set_frame_counts(row, closing.live)
    row.close_code = closing.code
    # A closed row keeps its time and reason, unless the reason is "replaced". That reason may be wrong, because this
    # connection may have ended before the newer one began. So take the reason in `closing`, and the earlier of the two
    # times.
    if row.closed_at is None:
        row.closed_at, row.close_reason = closing.at, closing.reason
    elif row.close_reason == CloseReason.REPLACED:
        row.closed_at, row.close_reason = min(row.closed_at, closing.at), closing.reason


def _lock_presences(integration_ids: Iterable[int]) -> None:
    # Lock the rows in the order of their ids, to avoid deadlocks between processes.
    locked = Presence.objects.select_for_update().filter(pk__in=set(integration_ids)).order_by("pk")
    list(locked.values_list("pk"))
