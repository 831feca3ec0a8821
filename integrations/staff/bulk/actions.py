"""Bulk actions of a list, for the selected rows or for all rows that match its search and filters."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from integrations.services.bulk.confirming import MOST_ROWS
from integrations.services.bulk.plan import BulkAction
from integrations.services.errors import PortalError
from integrations.staff.base import rights
from integrations.staff.bulk.page import check_selection


class BulkActions:
    """Mixin for the admin class of outlets.

    An action changes nothing itself: its response is a page that shows row by row what would happen.
    """

    actions: Any = ("disable_many", "reenable_many", "rotate_many")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return rights.may_act(request)

    @admin.action(description="Disable…", permissions=["act"])
    def disable_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _check_selected(self, request, rows, BulkAction.DISABLE)

    @admin.action(description="Enable again…", permissions=["act"])
    def reenable_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _check_selected(self, request, rows, BulkAction.REENABLE)

    @admin.action(description="Rotate secrets…", permissions=["act"])
    def rotate_many(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return _check_selected(self, request, rows, BulkAction.ROTATE)


def _check_selected(actions: Any, request: HttpRequest, rows: QuerySet[Any], action: BulkAction) -> HttpResponse | None:
    model_admin: ModelAdmin[Any] = actions
    chosen = list(rows.order_by().values_list("integration", flat=True)[: MOST_ROWS + 1])
    if len(chosen) > MOST_ROWS:
        words = f"More than {MOST_ROWS:,} outlets are selected. Narrow the list down with a filter or a search."
        model_admin.message_user(request, words, messages.ERROR)
        return None
    if left_out := chosen.count(None):
        words = f"Skipped {left_out:,} of the selected outlets: Order N Pay is not enabled on them."
        model_admin.message_user(request, words, messages.WARNING)
    try:
        return check_selection(request, action, [pk for pk in chosen if pk is not None])
    except PortalError as refusal:
        model_admin.message_user(request, str(refusal), messages.ERROR)
        return None
