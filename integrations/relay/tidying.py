"""The chore that deletes what is kept for so long only, and redacts what an older version left readable."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from integrations.clock import shared_now
from integrations.relay.database import in_database
from integrations.retention import Kind
from integrations.services.redacting import redact_batch
from integrations.services.retention import prune_batch

EVERY = 15.0  # seconds
BATCHES_PER_TURN = 10  # of each kind: 5,000 rows in a turn, 28 million in a day


async def turn() -> None:
    """Do a few batches of each kind; what is left has its turn next."""
    await _repeat(redact_batch)
    now = shared_now()
    for kind in Kind:
        await _repeat(partial(prune_batch, kind, now))


async def _repeat(batch: Callable[[], bool]) -> None:
    for _ in range(BATCHES_PER_TURN):
        began = time.perf_counter()
        if not await in_database(batch):
            return
        # For as long as the batch took the database is everybody else's.
        await asyncio.sleep(time.perf_counter() - began)
