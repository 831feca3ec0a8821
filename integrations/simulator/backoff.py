"""Back-off before reconnecting, which keeps thousands of POSes from reconnecting in the same second."""

from collections.abc import Callable

FIRST_CEILING = 1.0
LONGEST_CEILING = 60.0


class BackOff:
    """Draws random pauses from 0 up to a ceiling (full jitter). `uniform` is a function such as random.uniform.

    The ceiling is 1 s for the first pause, and doubles with each further pause, up to `longest`.
    """

    def __init__(self, uniform: Callable[[float, float], float], *, longest: float = LONGEST_CEILING) -> None:
        self._uniform = uniform
        self._longest = longest
        self._ceiling = min(FIRST_CEILING, longest)

    def next_pause(self, *, at_least: float = 0.0) -> float:
        """Return the next pause in seconds: `at_least` (the server's Retry-After) plus a random time."""
        pause = at_least + self._uniform(0.0, self._ceiling)
        self._ceiling = min(self._ceiling * 2, self._longest)
        return pause

    def reset(self) -> None:
        self._ceiling = min(FIRST_CEILING, self._longest)
