"""CSV export of the outlet list, with the list's filters and search."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from integrations.models import Credential, Integration, Outlet
from integrations.models.clock import shared_now
from integrations.services.bulk import spreadsheet
from integrations.services.people import scope
from integrations.services.people.grants import find_person
from integrations.staff.base.presentation import standing_of
from integrations.staff.signing_in import gate
from integrations.text.moments import iso

CHUNK = 500
SEES_OUTLETS, SEES_INTEGRATIONS = "integrations.view_outlet", "integrations.view_integration"
COLUMNS = (
    "Organisation", "Outlet", "ProviderOutletID", "POSRemoteID", "State", "Since", "Last seen", "Disabled because",
    "Secret begins",
)  # fmt: skip


def export(model_admin: ModelAdmin[Outlet], request: HttpRequest) -> HttpResponseBase:
    """Stream the outlets that match the list's URL. Include prefixes of secrets if the user may see integrations."""
    if not model_admin.has_view_or_change_permission(request):
        raise PermissionDenied
    found = model_admin.get_changelist_instance(request).get_queryset(request)
    rows = found.order_by("pk").distinct()
    pages = _Pages(_with_prefix(rows), user_id=request.user.pk)
    # ASGI needs an async iterator, because Django would first collect a synchronous iterator in memory.
    content: Any = pages.later() if isinstance(request, ASGIRequest) else pages.now()
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="outlets-{timezone.localtime():%Y-%m-%d-%H%M}.csv"'
    response["Cache-Control"] = "no-store"
    return response


class _Pages:
    """Yields the file in chunks, and runs a separate query for each chunk.

    A single query for the whole file would keep its transaction open until a slow client has read the file.
    """

    def __init__(self, rows: QuerySet[Outlet], *, user_id: int | None) -> None:
        self._rows, self._user_id, self._shows_secrets = rows, user_id, False

    def now(self) -> Iterator[str]:
        yield self._header()
        after = 0
        while found := self._page(after):
            after, text = found
            yield text

    async def later(self) -> AsyncIterator[str]:
        yield self._header()
        after = 0
        while found := await sync_to_async(self._page)(after):
            after, text = found
            yield text

    def _header(self) -> str:
        return spreadsheet.BOM + spreadsheet.lines([COLUMNS])

    def _page(self, after: int) -> tuple[int, str] | None:
        found = list(self._seen_now().filter(pk__gt=after)[:CHUNK])
        if not found:
            return None
        return found[-1].pk, spreadsheet.lines(self._cells(outlet) for outlet in found)

    def _seen_now(self) -> QuerySet[Outlet]:
        """Return the rows that the user may see now. The rights may have changed since the previous chunk."""
        person = find_person(self._user_id or 0)
        if person is None or not gate.is_staff(person) or not person.has_perms([SEES_OUTLETS]):
            return self._rows.none()
        self._shows_secrets = person.has_perm(SEES_INTEGRATIONS)
        return scope.limit(self._rows, person, "organisation")

    def _cells(self, outlet: Outlet) -> list[str]:
        integration = Integration.of(outlet)
        standing = standing_of(integration, shared_now())
        presence = integration.presence if integration else None
        return [
            outlet.organisation.name,
            outlet.name,
            outlet.provider_outlet_id,
            integration.pos_remote_id if integration else "",
            standing.state.label,
            iso(standing.since, "seconds") if standing.since else "",
            iso(presence.last_seen_at, "seconds") if presence and presence.last_seen_at else "",
            integration.disabled_reason if integration else "",
            getattr(outlet, "shown", None) or "" if self._shows_secrets else "",
        ]


def _with_prefix(rows: QuerySet[Outlet]) -> QuerySet[Outlet]:
    current = Credential.objects.filter(integration__outlet=OuterRef("pk"), is_current=True)
    return rows.select_related("organisation", "integration__presence__connection__process").annotate(
        shown=Subquery(current.values("shown")[:1])
    )
