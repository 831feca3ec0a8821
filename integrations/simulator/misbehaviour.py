"""Plans how a POS misbehaves: by a script, or at random. A seed gives the same faults in every run. Does no I/O."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """A fault in the answer to one request. In all cases except DROP_BEFORE the till has executed the request."""

    LATE = "late"
    NEVER = "never"
    TWICE = "twice"
    OUT_OF_ORDER = "out-of-order"
    GARBAGE = "garbage"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    VANISH = "vanish"


class WrongPlanError(ValueError):
    """A probability, a delay or a fault's name is invalid. The error's text is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The faults and delays of one POS. Raises WrongPlanError.

    `script` has the faults of the first requests, one item for each request (None: no fault). Each later request gets a
    random fault, or none: `chances` has the probability of each fault, from 0 to 1. `delay` is a range in seconds. If
    the plan contains LATE, only answers with that fault are delayed; otherwise every answer is delayed.
    """

    delay: tuple[float, float] = (0.0, 0.0)
    chances: Mapping[Fault, float] = field(default_factory=dict)
    script: Sequence[Fault | None] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delay[0] <= self.delay[1] < math.inf:
            raise WrongPlanError("A delay must be 0 or more, and its upper end must not be below its lower end.")
        if any(not 0 <= chance <= 1 for chance in self.chances.values()) or sum(self.chances.values()) > 1.000001:
            raise WrongPlanError("Each probability must be from 0 to 1, and their sum must not exceed 1.")

    @property
    def delays_all(self) -> bool:
        return Fault.LATE not in self.chances and Fault.LATE not in self.script

    @classmethod
    def from_texts(cls, *, delay: str | None = None, misbehave: str | None = None, seed: int = 0) -> "Plan":
        """Parse texts such as `0.5:2` and `drop-before=0.05,twice=0.1`. Raises WrongPlanError."""
        return cls(delay=_delay(delay) if delay else (0.0, 0.0), chances=_chances(misbehave or ""), seed=seed)


class Behaviour:
    """Applies a plan to one POS. `name` is part of the seed, so POSes with the same plan behave differently."""

    def __init__(self, plan: Plan, *, name: str) -> None:
        self._plan = plan
        self._script = list(plan.script)
        self._chance = random.Random(f"{plan.seed} {name}")  # noqa: S311 - must be repeatable, not secret

    def next_fault(self) -> Fault | None:
        """Return the fault for the next request, or None."""
        if self._script:
            return self._script.pop(0)
        drawn = self._chance.random()
        for fault, chance in self._plan.chances.items():
            drawn -= chance
            if drawn < 0:
                return fault
        return None

    def delay(self, fault: Fault | None) -> float:
        """Return the delay of the answer in seconds."""
        if not self._plan.delay[1] or not (self._plan.delays_all or fault is Fault.LATE):
            return 0.0
        return self._chance.uniform(*self._plan.delay)

    def garbage(self, answer: str) -> str | bytes:
        """Return one of several frames that are not a valid answer."""
        frames: list[str | bytes] = [
            answer[: len(answer) // 2],
            "\ufffd\x00 }{ not JSON",
            "[]",
            '{"RequestID": 7, "ResultCode": "none"}',
            '{"RequestID": "a-request-that-was-never-sent", "ResultCode": 0, "Payload": null}',
            answer.encode(),
        ]
        return self._chance.choice(frames)


def _delay(text: str) -> tuple[float, float]:
    lowest, _, highest = text.partition(":")
    try:
        return float(lowest), float(highest or lowest)
    except ValueError:
        raise WrongPlanError("Write a delay as in 0.5:2, in seconds.") from None


def _chances(text: str) -> dict[Fault, float]:
    try:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        return {Fault(name.strip()): float(chance) for name, _, chance in pairs}
    except ValueError:
        names = ", ".join(Fault)
        raise WrongPlanError(f"Write misbehaviour as in twice=0.1,never=0.05. The faults are {names}.") from None
