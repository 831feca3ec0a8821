"""How long to wait before dialling again, so that a thousand POSes do not come back in the same second."""

from collections.abc import Callable

FIRST_CEILING = 1.0
LONGEST_CEILING = 60.0


class BackOff:
    """Full jitter below a ceiling that doubles from 1 s to `longest` at each attempt; `uniform` as in `random`."""

    def __init__(self, uniform: Callable[[float, float], float], *, longest: float = LONGEST_CEILING) -> None:
        self._uniform = uniform
        self._longest = longest
        self._ceiling = min(FIRST_CEILING, longest)

    def next_pause(self, *, at_least: float = 0.0) -> float:
        """In seconds. `at_least` is what the server asked for; jitter comes on top, so nobody is early."""
        pause = at_least + self._uniform(0.0, self._ceiling)
        self._ceiling = min(self._ceiling * 2, self._longest)
        return pause

    def reset(self) -> None:
        self._ceiling = min(FIRST_CEILING, self._longest)
