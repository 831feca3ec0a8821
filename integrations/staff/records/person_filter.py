"""Filters audit events by their actor, through an index on the actors' names."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from integrations.models import AuditEvent
from integrations.services.audit import actors_called
from integrations.services.rows.keyset_pages import Source, Streams
from integrations.staff.base.filters import NameFilter


class PersonFilter(NameFilter):
    """Filters audit events by the actor's name. An actor is a person, a system or a command."""

    title = "person"

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor_name__in=self._names) if self.text else queryset

    def equal(self) -> dict[str, Any]:
        return {"actor_name": self._names[0]} if self.text and len(self._names) == 1 else {}

    def source(self, rows: QuerySet[Any]) -> Source | None:
        """Return a Source of the matching rows if several names match. Otherwise return None, as `equal` is enough."""
        if not self.text or len(self._names) == 1:
            return None
        one_of_each = AuditEvent.objects.filter(pk__in=self._found.values())
        return Streams(rows, one_of_each, "actor_name", key="actor_name")

    @cached_property
    def _found(self) -> dict[str, int]:
        return {} if self.whole_name else actors_called(self.text)

    @property
    def _names(self) -> list[str]:
        return list(self._found) or [self.whole_name or self.text]
