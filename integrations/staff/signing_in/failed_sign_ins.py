"""Limits failed sign-ins and computes the time to wait. All processes share the counts, which are in the cache.

allauth limits failures per name and address, and per address (ACCOUNT_RATE_LIMITS). This module adds two limits over
all addresses: per name, and for all names together. An attacker with many addresses can use up these two
limits. They therefore do not apply to a person who has signed in from the same address (IPv6: the same /64) before.
"""

import math
from dataclasses import dataclass

from allauth.account.internal.userkit import get_user_by_username
from allauth.core.internal import ratelimit
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpRequest

from integrations.services.rows.shared_limits import SharedLimit, wait_in
from integrations.text.client_address import address_of, network_of

APP, ACTION = "allauth.account", "login_failed"
ADDRESSES_OF_ONE_NAME = 10  # failures allowed for one name, as a multiple of the limit per name and address
ADDRESSES_AT_ONCE = 20  # failures allowed in total, as a multiple of the limit per address
KNOWN_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class SignInAttempt:
    """A sign-in attempt: the user name that was entered, and the network of the client's address."""

    name: str
    network: str

    @property
    def key(self) -> str:
        """Return the key of the limit per name and address."""
        return f"{self.name} {self.network}"

    def is_known(self) -> bool:
        """Return whether the person with this name signed in from this address within KNOWN_SECONDS."""
        person = get_user_by_username(self.name)
        return person is not None and bool(cache.get(_known_key(person, self.network)))

    def waits(self) -> float:
        """Return the seconds until the limits over all addresses allow an attempt with this name."""
        return max(_of_name().wait(self.name), _of_all().wait())

    def take(self) -> list[ratelimit.RateLimitUsage] | None:
        """Count the attempt against both limits over all addresses. Return the usages; None if a limit is reached."""
        used = [usage for usage in (_of_name().take(self.name), _of_all().take()) if usage]
        if len(used) == 2:
            return used
        give_back(used)
        return None


def attempt_of(request: HttpRequest, name: str) -> SignInAttempt:
    return SignInAttempt(name.lower(), network_of(address_of(request)))


def give_back(used: list[ratelimit.RateLimitUsage]) -> None:
    """Remove an attempt from the counts, because it succeeded or another limit refused it."""
    for usage in used:
        usage.rollback()


def remember(request: HttpRequest, person: AbstractBaseUser) -> None:
    """Remember that this person signed in from this address."""
    cache.set(_known_key(person, network_of(address_of(request))), 1, KNOWN_SECONDS)


def wait_of(request: HttpRequest, attempt: SignInAttempt) -> float:
    """Return the seconds until another attempt with this name from this address is allowed."""
    own = max((_seconds_to_wait(request, rate, attempt.key) for rate in _rates()), default=0.0)
    return own or attempt.waits()


def longest_wait() -> str:
    return in_words(max(rate.duration for rate in _rates()))


def in_words(seconds: float) -> str:
    """Return a waiting time as text, rounded up, so that the wait is over after that time."""
    if seconds <= 90:
        return f"{max(1, math.ceil(seconds))} seconds"
    return f"{math.ceil(seconds / 60)} minutes"


def _seconds_to_wait(request: HttpRequest, rate: ratelimit.Rate, key: str) -> float:
    name = ratelimit.get_cache_key(request, app=APP, action=ACTION, rate=rate, key=key)
    return wait_in(cache.get(name, []), rate)


def _of_name() -> SharedLimit:
    return _over_all_addresses("login_failed_name", ADDRESSES_OF_ONE_NAME, per="key")


def _of_all() -> SharedLimit:
    return _over_all_addresses("login_failed_all", ADDRESSES_AT_ONCE, per="ip")


def _over_all_addresses(name: str, multiple: int, *, per: str) -> SharedLimit:
    """Return a limit that counts the failures from all addresses together.

    It is `multiple` times allauth's rate per key or per IP address; `per` is "key" or "ip".
    """
    rate = next(each for each in _rates() if each.per == per)
    return SharedLimit(name, multiple * rate.amount, int(rate.duration))


def _rates() -> list[ratelimit.Rate]:
    rates: list[ratelimit.Rate] = ratelimit.get_rates(app=APP, action=ACTION)
    return rates


def _known_key(person: AbstractBaseUser, network: str) -> str:
    return f"signed-in-from:{person.pk}:{network}"
