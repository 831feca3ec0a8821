"""How a POS is to misbehave: planned beforehand, drawn by a seed, the same at every run. Pure."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What may go wrong with one request. In all but DROP_BEFORE the till has executed it."""

    LATE = "late"
    NEVER = "never"
    TWICE = "twice"
    OUT_OF_ORDER = "out-of-order"
    GARBAGE = "garbage"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    VANISH = "vanish"


class WrongPlanError(ValueError):
    """A chance or a delay that makes no sense; the text is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`script` is used up first, request by request (None: behave); then `chances` decide, each from 0 to 1.

    `delay` is in seconds, from and to. It holds for every answer, unless the plan has a LATE: then for those alone.
    Raises WrongPlanError.
    """

    delay: tuple[float, float] = (0.0, 0.0)
    chances: Mapping[Fault, float] = field(default_factory=dict)
    script: Sequence[Fault | None] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delay[0] <= self.delay[1] < math.inf:
            raise WrongPlanError("A delay goes from no less than 0 to no less than that.")
        if any(not 0 <= chance <= 1 for chance in self.chances.values()) or sum(self.chances.values()) > 1.000001:
            raise WrongPlanError("Chances go from 0 to 1, and all together are no more than 1.")

    @property
    def delays_all(self) -> bool:
        return Fault.LATE not in self.chances and Fault.LATE not in self.script

    @classmethod
    def from_texts(cls, *, delay: str | None = None, misbehave: str | None = None, seed: int = 0) -> "Plan":
        """From texts like `0.5:2` and `drop-before=0.05,twice=0.1`. Raises WrongPlanError."""
        return cls(delay=_delay(delay) if delay else (0.0, 0.0), chances=_chances(misbehave or ""), seed=seed)


class Behaviour:
    """One POS that follows a plan; `name` makes the POSes of one plan differ from each other."""

    def __init__(self, plan: Plan, *, name: str) -> None:
        self._plan = plan
        self._script = list(plan.script)
        self._chance = random.Random(f"{plan.seed} {name}")  # noqa: S311 - to be repeated, not to be secret

    def next_fault(self) -> Fault | None:
        """For the request that has just come."""
        if self._script:
            return self._script.pop(0)
        drawn = self._chance.random()
        for fault, chance in self._plan.chances.items():
            drawn -= chance
            if drawn < 0:
                return fault
        return None

    def delay(self, fault: Fault | None) -> float:
        """Seconds for which the answer is held back."""
        if not self._plan.delay[1] or not (self._plan.delays_all or fault is Fault.LATE):
            return 0.0
        return self._chance.uniform(*self._plan.delay)

    def garbage(self, answer: str) -> str | bytes:
        """One of several frames that answer nothing."""
        frames: list[str | bytes] = [
            answer[: len(answer) // 2],
            "\ufffd\x00 }{ not JSON",
            "[]",
            '{"RequestID": 7, "ResultCode": "none"}',
            '{"RequestID": "a-request-that-nobody-made", "ResultCode": 0, "Payload": null}',
            answer.encode(),
        ]
        return self._chance.choice(frames)


def _delay(text: str) -> tuple[float, float]:
    lowest, _, highest = text.partition(":")
    try:
        return float(lowest), float(highest or lowest)
    except ValueError:
        raise WrongPlanError("A delay is written like 0.5:2, in seconds.") from None


def _chances(text: str) -> dict[Fault, float]:
    try:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        return {Fault(name.strip()): float(chance) for name, _, chance in pairs}
    except ValueError:
        names = ", ".join(Fault)
        raise WrongPlanError(f"Misbehaviour is written like twice=0.1,never=0.05; there are {names}.") from None
