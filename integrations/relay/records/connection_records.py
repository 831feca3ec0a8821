"""Writes when connections of POSes began and ended, and their frame counts. Runs in a database thread."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from integrations.models import (
    Connection,
    Presence,
)
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.relay.records.batch import Closing
from integrations.relay.sockets.registry import Live
from integrations.services.connections.presence import COUNTS, close_rows, save_presences
from integrations.services.rows import plain_rows

FUTURE = timedelta(seconds=5)  # allowed difference between the clocks of processes; see _age_key
CONNECTION = tuple(field.attname for field in Connection._meta.concrete_fields)


def write_opened(opened: Sequence[Live], process_id: uuid.UUID, losers: list[Live]) -> None:
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


def write_counts(lives: Sequence[Live]) -> None:
    by_id = {live.id: live for live in lives}
    rows = list(Connection.objects.filter(pk__in=by_id, closed_at=None))
    for row in rows:
        _set_frame_counts(row, by_id[row.pk])
    Connection.objects.bulk_update(rows, COUNTS)


def _set_frame_counts(row: Connection, live: Live) -> None:
    row.frames_in, row.frames_out, row.unrecognised_frames = live.frames_in, live.frames_out, live.unrecognised_frames


def write_closed(closings: Sequence[Closing]) -> None:
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
