"""An admin list for tables of about ten thousand rows. It counts and sorts the rows without their related data."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest


class SlimList(ChangeList):
    """Finds a page's primary keys first, then reads only these rows, because sorting complete rows is much slower."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        """Return the matching rows. If they fit on one page, scan the table only once to find, count and sort them."""
        found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        keys = list(found.order_by().values_list("pk", flat=True)[: self.list_per_page + 1])
        if len(keys) > self.list_per_page:
            return found
        few: QuerySet[Any] = self.root_queryset.filter(pk__in=keys)
        return few.order_by(*found.query.order_by)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        wide = self.root_queryset.filter(pk__in=keys)
        if not wide.query.select_related:
            wide = self.apply_select_related(wide)
        rows: dict[Any, Any] = {row.pk: row for row in wide}
        self.result_list: Any = [rows[key] for key in keys if key in rows]
