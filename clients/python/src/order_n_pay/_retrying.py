"""Decides whether a failed call is repeated, and after how long a pause."""

import random
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from order_n_pay import _json
from order_n_pay._temporary import TEMPORARY
from order_n_pay.errors import ApiError

_LONGEST_PAUSE = 8.0  # seconds; only a Retry-After header can lead to a longer pause


class Deadline:
    """The time when the client gives up on a call, and the pauses between its attempts."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._attempts = 0

    @property
    def remaining(self) -> float:
        return self._end - time.monotonic()

    def next_pause(self, retry_after: float | None) -> float | None:
        """Return the seconds until the next attempt, or None if that attempt would begin after the deadline."""
        backoff = min(_LONGEST_PAUSE, 0.25 * 2**self._attempts) * random.uniform(0.5, 1)  # noqa: S311
        self._attempts += 1
        pause = max(backoff, retry_after or 0)
        return pause if pause < self.remaining else None


def error_of(response: httpx2.Response) -> ApiError | None:
    """Return the problem in the response; None if the call succeeded."""
    if response.is_success:
        return None
    return ApiError.of(response.status_code, _members(response), _retry_after(response))


def is_temporary(error: ApiError) -> bool:
    """Return whether the same call may succeed if it is repeated soon.

    A 429 or 5xx answer without a problem document comes from a proxy, and counts as temporary.
    """
    return error.type in TEMPORARY if error.type else error.status >= 500 or error.status == 429


def _members(response: httpx2.Response) -> Mapping[str, Any]:
    try:
        members = _json.read(response.content)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _retry_after(response: httpx2.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
