"""The acts that a list offers for the rows that are ticked, or for all that it found."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from integrations.models.bulk_job import Kind
from integrations.services.bulk import jobs as bulk_jobs
from integrations.services.errors import PortalError
from integrations.staff.base import rights
from integrations.staff.bulk.page import job_url
from integrations.staff.signing_in.actors import actor_of


class BulkActions:
    """For an admin class of outlets or integrations; `to_integration` leads from its rows to the integration's id.

    An action does nothing itself: it leads to a page that says row by row what would happen.
    """

    to_integration = "pk"
    actions: Any = ("disable_many", "reenable_many", "rotate_many")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return rights.may_act(request)

    @admin.action(description="Disable…", permissions=["act"])
    def disable_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _begin(self, request, rows, Kind.DISABLE)

    @admin.action(description="Enable again…", permissions=["act"])
    def reenable_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _begin(self, request, rows, Kind.REENABLE)

    @admin.action(description="Rotate secrets…", permissions=["act"])
    def rotate_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _begin(self, request, rows, Kind.ROTATE)


def _begin(actions: Any, request: HttpRequest, rows: QuerySet[Any], kind: Kind) -> HttpResponse | None:
    model_admin: ModelAdmin[Any] = actions
    chosen = list(rows.order_by().values_list(actions.to_integration, flat=True)[: settings.BULK_ROWS + 1])
    if len(chosen) > settings.BULK_ROWS:
        words = f"More than {settings.BULK_ROWS:,} are chosen: narrow the list down by a filter or a search."
        model_admin.message_user(request, words, messages.ERROR)
        return None
    try:
        job = bulk_jobs.check_selection(kind, [pk for pk in chosen if pk is not None], actor=actor_of(request))
    except PortalError as refusal:
        model_admin.message_user(request, str(refusal), messages.ERROR)
        return None
    if left_out := chosen.count(None):
        words = f"{left_out:,} of the chosen outlets are not enabled for Order N Pay: they are left out."
        model_admin.message_user(request, words, messages.WARNING)
    return HttpResponseRedirect(job_url(job))
