"""Writes how requests ended, and notifies the waiting calls in this process and the others."""

import contextlib
import logging
from collections.abc import Sequence

from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.relay.delivery.waiters import Waiters
from integrations.relay.retrying import until_back, until_done
from integrations.relay.wakeups import Wakeups
from integrations.services import wake
from integrations.services.requests import ending, retries
from integrations.services.requests.request_types import Ending, Result
from integrations.services.rows.shared_writes import SharedWrite, SharedWrites
from integrations.services.rows.threads import writers
from integrations.wire.envelope import Answer, Unreadable

UNKEPT = "The database rejected the POS's answer."
UNSENDABLE = "It could not be sent: an error in the portal."

logger = logging.getLogger(__name__)


class Endings:
    """Writes and announces the ends of requests. Use it on the event loop only."""

    def __init__(self, waiters: Waiters, wakeups: Wakeups, shared: SharedWrites) -> None:
        self._waiters = waiters
        self._wakeups = wakeups
        self._ends: SharedWrite[Ending, Result] = shared.kind(ending.end)

    async def write_answer(self, pk: int, answer: Answer | Unreadable) -> Result | None:
        """Store the end of a request that the POS answered. Return the request's result, to be passed to `announce`."""
        return await self._write(_ending_of(pk, answer))

    async def fail_unsendable(self, pk: int) -> None:
        """End a request that cannot be written as a frame."""
        self.announce(await self._write(Ending(pk, RequestState.FAILED, shared_now(), failure=UNSENDABLE)))

    async def suspect(self, pks: Sequence[int], reason: CloseReason) -> None:
        """Count a disconnect for each of these unanswered requests; announce the requests that fail because of it."""
        failed = await until_back(lambda: writers.run(retries.suspect, pks, reason), "record a lost connection")
        for result in failed:
            logger.warning("Request failed.", extra={"id": str(result.uuid), "error": result.failure})
            self._waiters.complete(result)
        if failed:
            self._wakeups.send(wake.ENDED, [result.pk for result in failed])

    def announce(self, result: Result | None) -> None:
        """Notify the calls that wait for this request, in all processes."""
        if result is not None:
            self._waiters.complete(result)
            self._wakeups.send(wake.ENDED, [result.pk])

    async def _write(self, end: Ending) -> Result | None:
        # If the shared write fails, another request in the batch may be the cause. So this end is then written alone.
        with contextlib.suppress(Exception):
            return await until_back(lambda: self._ends.find(end), "store an answer")
        try:
            return await until_back(lambda: self._write_alone(end), "store an answer")
        except Exception:
            logger.exception("Answer could not be stored, so its request failed.")
        failed = Ending(end.pk, RequestState.FAILED, end.at, failure=UNKEPT)
        return await until_done(lambda: self._write_alone(failed), "end a request")

    async def _write_alone(self, end: Ending) -> Result | None:
        return (await writers.run(ending.end, [end])).get(end)


def _ending_of(pk: int, answer: Answer | Unreadable) -> Ending:
    if isinstance(answer, Unreadable):
        return Ending(pk, RequestState.FAILED, shared_now(), failure=str(answer))
    return Ending(
        pk=pk,
        state=RequestState.ANSWERED if answer.result_code == 0 else RequestState.REFUSED,
        at=shared_now(),
        result_code=answer.result_code,
        error_message=answer.error_message,
        answer=answer.payload,
    )
