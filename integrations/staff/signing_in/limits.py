"""How long somebody must wait who failed too often: allauth counts (in the shared cache), this tells."""

import math
import time

from allauth.core.internal import ratelimit
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

APP, ACTION = "allauth.account", "login_failed"


def wait_of(request: HttpRequest, key: str) -> float:
    """Return the seconds until another attempt of this name from this address is looked at."""
    return max((_wait(request, rate, key) for rate in ratelimit.get_rates(app=APP, action=ACTION)), default=0.0)


def longest_wait() -> str:
    return in_words(settings.LOGIN_BLOCK_SECONDS)


def in_words(seconds: float) -> str:
    """Return a time to wait, rounded up: it is over when the words say so."""
    if seconds <= 90:
        return f"{max(1, math.ceil(seconds))} seconds"
    return f"{math.ceil(seconds / 60)} minutes"


def _wait(request: HttpRequest, rate: ratelimit.Rate, key: str) -> float:
    name = ratelimit.get_cache_key(request, app=APP, action=ACTION, rate=rate, key=key)
    history: list[float] = cache.get(name, [])  # the newest first
    if len(history) < rate.amount:
        return 0.0
    return float(history[-1] + rate.duration - time.time())
