"""Limits that all processes share and that survive a restart, because allauth counts events in the shared cache."""

import time
from dataclasses import dataclass

from allauth.core.internal import ratelimit
from django.core.cache import cache

APP = "portal"


@dataclass(frozen=True)
class SharedLimit:
    """A limit of `amount` events for each key within `seconds`, counted in one row for each key."""

    action: str
    amount: int
    seconds: int

    def wait(self, key: str = "") -> float:
        """Return the seconds until another event of the key is allowed, 0 if it is allowed now. Writes nothing."""
        return wait_in(cache.get(self._cache_key(key), []), self._rate)

    def take(self, key: str = "") -> ratelimit.RateLimitUsage | None:
        """Count an event and return its RateLimitUsage, whose `rollback` undoes the count.

        Return None without counting if the limit is already reached.
        """
        usage: ratelimit.RateLimitUsage | None = ratelimit.consume(
            None, app=APP, action=self.action, config={self.action: str(self)}, key=key, limit_get=True
        )
        return usage

    def __str__(self) -> str:
        return f"{self.amount}/{self.seconds}s/key"

    @property
    def _rate(self) -> ratelimit.Rate:
        rate: ratelimit.Rate = ratelimit.parse_rate(str(self))
        return rate

    def _cache_key(self, key: str) -> str:
        return str(ratelimit.get_cache_key(None, app=APP, action=self.action, rate=self._rate, key=key))


def wait_in(history: list[float], rate: ratelimit.Rate) -> float:
    """Return the seconds until `rate` allows another event; `history` has the Unix times of past ones, newest first."""
    if len(history) < rate.amount:
        return 0.0
    return max(0.0, float(history[rate.amount - 1] + rate.duration - time.time()))
