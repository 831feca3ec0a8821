"""The chore that prunes records after their retention time, and redacts rows that older versions stored unredacted."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services.outlets.outlets import fill_match_ids
from integrations.services.retention.redacting import redact_batch
from integrations.services.retention.retention import prune_batch
from integrations.services.rows.threads import recorders

EVERY = 15.0  # seconds
WORK = 0.5  # seconds of work for each kind in one run, enough for a few thousand rows; pauses take as long again


async def run() -> None:
    """Prune each kind for at most WORK seconds. The next run continues."""
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
        await asyncio.sleep(took)  # leave the database to others for as long as the batch took
