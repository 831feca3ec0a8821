"""Writes the records of a server process: connections, presence, attempts. Runs in a database thread.

Every statement handles many rows: after a restart, ten thousand outlets reconnect within seconds.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from functools import partial

from django.db import transaction

from integrations.models import (
    ApiKeySecret,
    Credential,
)
from integrations.relay.records.attempt_records import write_attempts
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import write_closed, write_counts, write_opened
from integrations.relay.records.frame_records import write_unrecognised
from integrations.relay.records.secret_records import write_redigested, write_used
from integrations.relay.retrying import is_refusal
from integrations.relay.sockets.registry import Live
from integrations.services.requests.storing import record_transient
from integrations.services.rows.chunks import chunks

logger = logging.getLogger(__name__)


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
        yield partial(write_closed, closings)
    for opened in chunks(list(batch.opened.values())):
        yield partial(write_opened, opened, process_id, losers)
    for counted in chunks(list(batch.counted.values())):
        yield partial(write_counts, counted)
    for closings in chunks([each for pk, each in batch.closed.items() if pk in batch.opened]):
        yield partial(write_closed, closings)
    yield partial(write_used, Credential, batch.used)
    yield partial(write_redigested, Credential.objects.all(), batch.redigested)
    yield partial(write_used, ApiKeySecret, batch.used_keys)
    yield partial(write_redigested, ApiKeySecret.objects.all(), batch.redigested_keys)
    for transient in chunks(list(batch.transient)):
        yield partial(record_transient, transient)
    yield partial(write_attempts, batch.attempts)
    yield partial(write_unrecognised, batch.unrecognised)
