"""Writes the records of a server process. Runs in a database thread.

Every statement handles many rows, because after a restart ten thousand outlets reconnect within seconds.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from integrations.relay.records.batch import Batch, BatchRecord, Writing
from integrations.relay.records.connection_records import ConnectionClosed, ConnectionOpened, FramesCounted
from integrations.relay.retrying import is_refusal
from integrations.relay.sockets.registry import Live
from integrations.services.rows.chunks import chunks

logger = logging.getLogger(__name__)


def write(batch: Batch, process_id: uuid.UUID) -> list[Live]:
    """Write a batch in one transaction; return the live connections that a newer one has replaced."""
    writing = Writing(process_id)
    with transaction.atomic():
        for part in _parts(batch, writing):
            part()
    return writing.losers


def write_in_parts(batch: Batch, process_id: uuid.UUID) -> list[Live]:
    """Write each part of a rejected batch separately and skip the rejected parts; return replaced connections."""
    writing = Writing(process_id)
    for part in _parts(batch, writing):
        try:
            with transaction.atomic():
                part()
        except Exception as error:
            if not is_refusal(error):
                raise
            logger.exception("Records dropped because they could not be written.")
    return writing.losers


def _parts(batch: Batch, writing: Writing) -> Iterator[Callable[[], None]]:
    for kind, records in _in_order(batch):
        for part in chunks(records):
            yield partial(kind.write, part, writing)


def _in_order(batch: Batch) -> Iterator[tuple[type[Any], Sequence[BatchRecord]]]:
    # First write the ends of connections that earlier batches opened. Otherwise newer ones would seem to replace them.
    opened, closed = batch.of(ConnectionOpened), batch.of(ConnectionClosed)
    ids = {each.live.id for each in opened}
    yield ConnectionClosed, [each for each in closed if each.live.id not in ids]
    yield ConnectionOpened, opened
    yield FramesCounted, batch.of(FramesCounted)
    yield ConnectionClosed, [each for each in closed if each.live.id in ids]
    of_connections = (ConnectionOpened, FramesCounted, ConnectionClosed)
    yield from ((kind, batch.of(kind)) for kind in batch.kinds() if kind not in of_connections)
