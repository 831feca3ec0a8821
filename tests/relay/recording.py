"""Write records of connections as a server process does, and read the resulting rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.models import Connection, Presence, ServerProcess, UnrecognisedFrame
from integrations.models.connection import CloseReason
from integrations.relay.records import record_writer
from integrations.relay.records.attempt_records import Attempt, FrameUnrecognised
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import ConnectionClosed, ConnectionOpened, FramesCounted
from integrations.relay.sockets.registry import Live
from tests.support.factories import Enabled

MINUTE = timedelta(minutes=1)


def write(
    process: ServerProcess,
    *,
    opened: Sequence[Live] = (),
    closed: Sequence[ConnectionClosed] = (),
    counted: Sequence[Live] = (),
    attempts: Sequence[Attempt] = (),
    unrecognised: Sequence[UnrecognisedFrame] = (),
) -> list[Live]:
    """Write a batch as `process` would; return the connections that a newer one has replaced."""
    batch = Batch(
        *map(ConnectionOpened, opened),
        *map(FramesCounted, counted),
        *closed,
        *attempts,
        *map(FrameUnrecognised, unrecognised),
    )
    return record_writer.write(batch, process.pk)


def closing(
    live: Live, at: datetime, reason: CloseReason = CloseReason.BY_POS, code: int | None = 1000
) -> ConnectionClosed:
    return ConnectionClosed(live, at, code, reason)


def presence_of(enabled: Enabled) -> Presence:
    return Presence.objects.get(integration=enabled.integration)


def row_of(live: Live) -> Connection:
    return Connection.objects.get(pk=live.id)
