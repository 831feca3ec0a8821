"""The chore that deletes what is kept for so long only, and redacts what an older version left readable."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services.outlets.outlets import fill_match_ids
from integrations.services.requests.redacting import redact_batch
from integrations.services.retention.retention import prune_batch
from integrations.services.rows.threads import recorders

EVERY = 15.0  # seconds
WORK = 0.5  # seconds of a turn for each kind, and as many of rest: some thousands of rows


async def turn() -> None:
    """Do what there is to do of each kind for a moment; what is left has its turn next."""
    await _repeat(fill_match_ids)
    await _repeat(redact_batch)
    now = shared_now()
    for kind in RecordKind:
        await _repeat(partial(prune_batch, kind, now))


async def _repeat(batch: Callable[[], bool]) -> None:
    worked = 0.0
    while worked <= WORK:
        began = time.perf_counter()
        if not await recorders.run(batch):
            return
        took = time.perf_counter() - began
        worked += took
        await asyncio.sleep(took)  # for as long as the batch took the database is everybody else's
