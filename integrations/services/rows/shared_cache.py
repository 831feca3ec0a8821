"""Django's cache backend in the portal's own database (settings.CACHES).

It holds rarely used values that all processes must share: counts of failed sign-ins, and used codes. Redis does not
hold them, because it may be unavailable. With one cache per process, N processes would allow N times the tries. Values
are JSON. Django's own database cache unpickles values, so an attacker with write access to its table could run code in
the server.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.models import SharedEntry
from integrations.models.clock import shared_now


class SharedCache(BaseCache):
    """The part of Django's cache interface that is used. Raises the database's errors, as all other queries do."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        entry = _live().filter(key=self._key(key, version)).first()
        return default if entry is None else entry.value

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        values = {"value": value, "expires_at": self._end(timeout)}
        SharedEntry.objects.update_or_create(key=self._key(key, version), defaults=values)

    @transaction.atomic
    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store the value unless a live one exists. If processes race, only one of them gets True."""
        name = self._key(key, version)
        SharedEntry.objects.filter(key=name, expires_at__lte=shared_now()).delete()
        values = {"value": value, "expires_at": self._end(timeout)}
        _, is_new = SharedEntry.objects.get_or_create(key=name, defaults=values)
        return is_new

    def delete(self, key: Any, version: int | None = None) -> bool:
        deleted, _ = SharedEntry.objects.filter(key=self._key(key, version)).delete()
        return deleted > 0

    def clear(self) -> None:
        SharedEntry.objects.all().delete()

    def _key(self, key: Any, version: int | None) -> str:
        return str(self.make_and_validate_key(key, version=version))

    def _end(self, timeout: Any) -> datetime | None:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else shared_now() + timedelta(seconds=seconds)


def forget_expired() -> None:
    """Delete expired entries."""
    SharedEntry.objects.filter(expires_at__lte=shared_now()).delete()


def _live() -> "QuerySet[SharedEntry]":
    return SharedEntry.objects.filter(Q(expires_at=None) | Q(expires_at__gt=shared_now()))
