"""Runs several POSes in one process, with one event loop and one HTTP client.

With more than LINES_UP_TO POSes, it prints regular summaries instead of lines for each POS.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from integrations.simulator.credentials import Credentials
from integrations.simulator.dialling import http_client
from integrations.simulator.misbehaviour import Fault, Plan
from integrations.simulator.simulated_pos import Renew, SimulatedPos, Timing

LINES_UP_TO = 20
SUMMARY_SECONDS = 10.0


class Fleet:
    """The POSes of several outlets of one portal. `credentials` must not be empty.

    `till_folder` gets one file for each outlet. Raises the same errors as SimulatedPos.
    """

    def __init__(
        self,
        credentials: Sequence[Credentials],
        *,
        say: Callable[[str], None],
        timing: Timing | None = None,
        once: bool = False,
        plan: Plan | None = None,
        till_folder: Path | None = None,
        message_numbers: Mapping[str, int] | None = None,
        renew: Renew | None = None,
    ) -> None:
        self._say = say
        self._timing = timing or Timing()
        self._http = http_client(credentials[0].auth_url)
        self._answers_reported = 0
        self._reported_at = self._timing.monotonic()
        create = partial(
            SimulatedPos, timing=timing, once=once, plan=plan, message_numbers=message_numbers, renew=renew
        )
        self.poses = [
            create(
                each,
                say=self._line_of(each) if len(credentials) <= LINES_UP_TO else None,
                till_file=till_folder / till_file_name(each) if till_folder else None,
                http=self._http,
            )
            for each in credentials
        ]

    async def run(self) -> None:
        """Run until cancelled; all POSes then close (code 1000). With `once`, the first refusal raises RefusedError."""
        tasks = [asyncio.create_task(pos.run()) for pos in self.poses]
        if len(self.poses) > LINES_UP_TO:
            tasks.append(asyncio.create_task(self._print_summaries()))
        try:
            await asyncio.gather(*tasks)
        finally:
            await _cancel_tasks(tasks)
            await self._http.aclose()

    def summary(self) -> str:
        """Return counts since the start, and the rate of answers since the last summary."""
        journals = [pos.journal for pos in self.poses]
        answers = sum(journal.answers for journal in journals)
        parts = [
            f"connected {sum(pos.is_connected for pos in self.poses)} of {len(self.poses)}",
            f"answers {answers} ({self._rate(answers):.1f} a second)",
            f"orders {sum(len(pos.till.orders) for pos in self.poses)}",
            f"refusals {sum(len(journal.refusals) for journal in journals)}",
            f"closures {sum(len(journal.closures) for journal in journals)}",
        ]
        faults = sum((journal.faults for journal in journals), Counter[Fault]())
        return ", ".join(parts + [f"{fault} {count}" for fault, count in sorted(faults.items())])

    async def _print_summaries(self) -> None:
        while True:
            await self._timing.sleep(SUMMARY_SECONDS)
            self._say(self.summary())

    def _rate(self, answers: int) -> float:
        now = self._timing.monotonic()
        seconds = now - self._reported_at
        rate = (answers - self._answers_reported) / seconds if seconds > 0 else 0.0
        self._answers_reported, self._reported_at = answers, now
        return rate

    def _line_of(self, credentials: Credentials) -> Callable[[str], None]:
        return partial(self._say_of, ascii(credentials.provider_outlet_id))

    def _say_of(self, name: str, line: str) -> None:
        self._say(f"{name}: {line}")


async def _cancel_tasks(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel each task once and wait, because a second cancel would interrupt a POS that is closing its socket."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def till_file_name(credentials: Credentials) -> str:
    """Return the name of an outlet's file. The ID is quoted, because it must not point outside the folder."""
    return f"{quote(credentials.provider_outlet_id, safe=' ').replace('.', '%2E')}.json"
