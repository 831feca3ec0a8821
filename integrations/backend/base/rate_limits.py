"""Limits the calls of each API key. Each process counts the calls that it receives, without a database query.

A refusal is delayed, so a caller that immediately repeats refused calls cannot use up the process's time. With several
processes, each allows a key the whole limit. If they divided the limit, a caller with a single connection, and thus a
single process, would get only a part of the limit.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` has the quota `q` of each
window of `w` seconds. `RateLimit` has the calls that are left (`r`) and the seconds until the whole quota is available
again (`t`).
"""

import asyncio
import math
import random
import time
from dataclasses import dataclass
from functools import lru_cache

from integrations.backend.base.problems import RATE_LIMITED, Problem
from integrations.models.api_key import CallLimit
from integrations.wire.asgi_types import RawHeaders

POLICY = "api-key"
MOST = 10_000  # keys whose usage is kept; above this, the usage of idle keys is forgotten

DELAY_SECONDS = 1.0
MOST_DELAYED = 2_000  # delayed calls of all keys together


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key has used of its limit. The whole limit is available again in `full_in` seconds.

    If `wait` is not 0, the call is refused, and can be repeated after `wait` seconds.
    """

    limit: CallLimit
    remaining: int
    full_in: float
    wait: float

    def problem(self) -> Problem:
        """Return the problem for a call over the limit."""
        detail = f"The limit of this API key is {self.limit.words}. Send the call again after Retry-After."
        return Problem(RATE_LIMITED, detail, headers={"Retry-After": str(math.ceil(self.wait))})

    def headers(self) -> RawHeaders:
        """Return the header fields of the answer."""
        state = b'"%b";r=%d;t=%d' % (POLICY.encode(), self.remaining, math.ceil(self.full_in))
        return ((b"ratelimit-policy", _policy(self.limit)), (b"ratelimit", state))


class Buckets:
    """Counts the calls of each API key in this process with the generic cell rate algorithm (one number per key)."""

    def __init__(self) -> None:
        self._full_at: dict[int, float] = {}  # by API key: when its whole burst is available again
        self._delayed = 0

    def take(self, api_key_id: int, limit: CallLimit) -> Usage:
        """Count a call unless it is over the limit, and return the usage."""
        now = time.monotonic()
        full_in = max(0.0, self._full_at.get(api_key_id, 0.0) - now)
        window = limit.burst / limit.per_second
        wait = full_in + 1 / limit.per_second - window
        if wait > _ROUNDING:
            return Usage(limit, 0, full_in, wait)
        full_in += 1 / limit.per_second
        if len(self._full_at) >= MOST:
            self._forget(now)
        self._full_at[api_key_id] = now + full_in
        return Usage(limit, int((window - full_in) * limit.per_second + _ROUNDING), full_in, 0.0)

    async def delay(self) -> None:
        """Wait before a refusal, unless MOST_DELAYED calls are already waiting."""
        if self._delayed >= MOST_DELAYED:
            return
        self._delayed += 1
        try:
            await asyncio.sleep(DELAY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  (so they do not return together)
        finally:
            self._delayed -= 1

    def _forget(self, now: float) -> None:
        self._full_at = {each: at for each, at in self._full_at.items() if at > now}


_ROUNDING = 1e-6

buckets = Buckets()


@lru_cache(1024)
def _policy(limit: CallLimit) -> bytes:
    return f'"{POLICY}";q={limit.burst};w={math.ceil(limit.burst / limit.per_second)}'.encode()
