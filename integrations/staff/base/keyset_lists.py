"""Admin lists of tables that grow without limit, with keyset pagination: each page starts after a row's key.

Django's own list counts its rows, counts again to find a page, and sorts by any column. Here the order is fixed, the
links are "Older" and "Newer", and services/rows/keyset_pages.py limits the work for a page with any filter or search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar, Literal

from django.contrib import messages
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import DateTimeField, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property

from integrations.models import Integration, Organisation
from integrations.services.outlets.search import beginning_with, outlet_with_words
from integrations.services.people import scope
from integrations.services.rows.keyset_pages import (
    SIZE,
    Few,
    Page,
    Position,
    SortOrder,
    Source,
    Stream,
    Streams,
    read_page,
    read_position,
    write_position,
)
from integrations.staff.base.admin import ReadOnlyAdmin, Row
from integrations.text.moments import exactly

AFTER, BEFORE = "after", "before"
INVALID_CURSOR = "That page link is not valid for this list. Showing the first page."


@dataclass(frozen=True)
class Parents:
    """How a list finds the rows of an organisation or outlet: through parent rows, whose class is `model`.

    `field` is the column that refers to the parent. `organisation` is the lookup from the parent to the organisation.
    `outlet` is the prefix of lookups from the parent to the outlet. It is empty if the parent is the outlet itself.
    """

    model: type[Model]
    field: str
    organisation: str
    outlet: str = ""


BY_INTEGRATION = Parents(Integration, "integration", "outlet__organisation", "outlet__")


class KeysetAdmin(ReadOnlyAdmin[Row]):
    """A keyset list. Declares the conditions for which an index returns the matching rows in the list's order.

    All other conditions are checked row by row. `equal` maps URL parameters to columns: a row matches if its column has
    the parameter's value. `served` has one entry for each index, the most selective index first. An entry names the
    first columns of the index; the columns of the list's order follow them in the index. `texts` are the columns that a
    search matches by prefix.
    """

    time_field: ClassVar[str] = ""  # if empty, the list is ordered by the primary key
    moment: ClassVar[str] = ""  # the column with a row's time, if time_field is empty
    parents: ClassVar[Parents] = BY_INTEGRATION
    organisation_field: ClassVar[str] = ""  # the column with a row's organisation, if the rows have one
    equal: ClassVar[dict[str, str]] = {}
    served: ClassVar[tuple[tuple[str, ...], ...]] = ()
    texts: ClassVar[tuple[str, ...]] = ()
    is_of_parent_too: ClassVar[tuple[str, ...]] = ()  # columns with an index on (column, parent, list's order)
    cursors = (AFTER, BEFORE)
    search_fields = ("pk",)  # Django shows a search field only if this is set; get_search_results ignores the value
    sortable_by = ()
    list_per_page = SIZE

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return KeysetList

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Row],
        search_term: str,
    ) -> tuple[QuerySet[Row], bool]:
        return (queryset.filter(self.found_by(search_term.strip())) if search_term.strip() else queryset), False

    def found_by(self, text: str) -> Q:
        """Return the condition for rows that match a search."""
        return self.begins_with(text) | outlet_with_words(text, f"{self.parents.field}__{self.parents.outlet}")

    def begins_with(self, text: str) -> Q:
        """Return the condition for rows in which a column of `texts` begins with `text`. These columns have indexes."""
        return Q(*(beginning_with(name, text) for name in self.texts), _connector=Q.OR)

    def searched_in(self, text: str, rows: QuerySet[Row], parents: QuerySet[Any]) -> list[Source]:
        """Return the sources of a search: rows of outlets that match the text, and rows with a matching column."""
        named: Source = Streams(rows, parents.filter(outlet_with_words(text, self.parents.outlet)), self.parents.field)
        return [named, Few(rows.filter(self.begins_with(text)), rows)] if self.texts else [named]

    def within_times(self, rows: QuerySet[Row], times: dict[str, Any]) -> QuerySet[Row]:
        """Limit the rows to the times that the filters and a link select. `times` maps lookups to their values."""
        return rows.filter(**times)

    def to_show(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows of one page with the related data that their columns need."""
        return rows


class KeysetList(ChangeList):
    """A page of a KeysetAdmin, with the attributes that the admin's templates need."""

    is_keyset = True
    model_admin: KeysetAdmin[Any]
    cursor: tuple[str, str] | None = None
    page: Page
    newer: str | None = None
    older: str | None = None
    newest: str | None = None
    reached: Position | None = None
    reached_at: datetime | None = None
    is_backwards = False

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        self._take_cursor()
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        if self.link_limits:
            self.has_active_filters = True
            self.clear_all_filters_qs = self.get_query_string(remove=[*self.get_filters_params()])
        return rows

    @cached_property
    def link_limits(self) -> list[tuple[str, str]]:
        """Return the limits that a link of the portal set and no filter shows: in words, with the URL without each."""
        shown = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        set_by_link = [name for name in self.model_admin.links if name in self.params and name not in shown]
        return [(self._in_words(name), self.get_query_string(remove=[name])) for name in set_by_link]

    def _in_words(self, name: str) -> str:
        field = self.model._meta.get_field(name.partition("__")[0])
        if isinstance(field, DateTimeField):
            moment = parse_datetime(self.params[name])
            return f"After {exactly(moment)}" if moment else name  # lookups.py refuses other values
        related: Any = field.related_model
        return f"One {'outlet' if related is Integration else related._meta.verbose_name}"

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:  # noqa: ARG002
        return [f"-{name}" for name in self._order().columns]

    def get_ordering_field_columns(self) -> dict[int, Literal["desc", "asc"]]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        order, at = self._order(is_reversed=bool(self.cursor and self.cursor[0] == BEFORE)), self._position(request)
        if at is None:
            order = self._order()
        sources = self._sources(request)
        is_rare = len(sources) > 1 and bool(self.filter_params)  # few rows match both a search and a filter
        self.page = read_page(sources, fitting=self.queryset, order=order, after=at, is_rare=is_rare)
        self._link(order, at)
        self.result_list = self._rows(order)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(self.result_list, self.list_per_page)

    def _take_cursor(self) -> None:
        """Move the page's cursor from the filter parameters to `cursor`."""
        for name in (AFTER, BEFORE):
            if text := self.params.pop(name, None):
                self.cursor = (name, text)
            self.filter_params.pop(name, None)
        for name in (ALL_VAR, ORDER_VAR, PAGE_VAR):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)

    def _order(self, *, is_reversed: bool = False) -> SortOrder:
        return SortOrder(self.model_admin.time_field, is_reversed)

    def _position(self, request: HttpRequest) -> Position | None:
        if self.cursor is None:
            return None
        try:
            return read_position(self.cursor[1], self._order(), self.model)
        except (ValueError, OverflowError):
            messages.warning(request, INVALID_CURSOR)
            self.cursor = None
            return None

    def _sources(self, request: HttpRequest) -> Sequence[Source]:
        """Return the sources to read, limited by the most selective conditions that an index serves."""
        admin, equal = self.model_admin, self._equal()
        rows = self._within_times()
        organisations = self._organisations(request)
        if text := self.query.strip():
            return admin.searched_in(text, rows, self._parents_of(organisations))
        alone = next((names for names in admin.served if equal.keys() >= set(names)), ())
        if organisations is None and not alone and (found := self._source_of_filter(rows)):
            return [found]
        if organisations is None or admin.parents.field in alone:
            return [Stream(rows.filter(**{name: equal[name] for name in alone}))]
        if admin.organisation_field:
            owners: QuerySet[Any] = QuerySet(Organisation).filter(pk__in=organisations)
            return [Streams(rows, owners, admin.organisation_field)]
        besides = {name: equal[name] for name in admin.is_of_parent_too if name in equal}
        return [Streams(rows.filter(**besides), self._parents_of(organisations), admin.parents.field)]

    def _source_of_filter(self, rows: QuerySet[Any]) -> Source | None:
        return next(filter(None, (spec.source(rows) for spec in self.filter_specs if hasattr(spec, "source"))), None)

    def _parents_of(self, organisations: frozenset[int] | None) -> QuerySet[Any]:
        parents = self.model_admin.parents
        rows: QuerySet[Any] = QuerySet(parents.model)
        return rows if organisations is None else rows.filter(**{f"{parents.organisation}__in": organisations})

    def _within_times(self) -> QuerySet[Any]:
        admin = self.model_admin
        after = f"{admin.time_field}__gt"  # set by a link
        times: dict[str, Any] = {after: self.filter_params[after][0]} if after in self.filter_params else {}
        for spec in self.filter_specs:
            times |= getattr(spec, "times", dict)()
        return admin.within_times(QuerySet(self.model).order_by(), times)

    def _equal(self) -> dict[str, Any]:
        """Return the exact values that the filters require, as a dict from column name to value."""
        found: dict[str, Any] = {}
        for parameter, name in self.model_admin.equal.items():
            values = self.filter_params.get(parameter, [])
            if len(values) == 1:
                found[name] = values[0]
        for spec in self.filter_specs:
            found |= getattr(spec, "equal", dict)()
        return found

    def _organisations(self, request: HttpRequest) -> frozenset[int] | None:
        seen = scope.organisations_of(request.user)
        for spec in self.filter_specs:
            chosen = getattr(spec, "organisation_chosen", lambda: None)()
            if chosen is not None:
                return frozenset({chosen}) if seen is None else seen & {chosen}
        return seen

    def _link(self, order: SortOrder, at: Position | None) -> None:
        """Set the links to the pages before and after this one. A page that has become empty still has a link back."""
        shown = self.page.positions[::-1] if order.is_reversed else self.page.positions
        onwards = self.page.next
        back = (shown[-1] if order.is_reversed else shown[0]) if shown else None
        if order.is_reversed:
            self.newer = self._link_to(BEFORE, onwards)
            self.older = self._link_to(AFTER, back) or self._link_to(AFTER, at)
        else:
            self.older = self._link_to(AFTER, onwards)
            self.newer = (self._link_to(BEFORE, back) or self._link_to(BEFORE, at)) if at else None
        self.newest = self.get_query_string() if at else None
        self.is_backwards = order.is_reversed
        self.reached = self.page.reached

    def _link_to(self, direction: str, position: Position | None) -> str | None:
        return self.get_query_string({direction: write_position(position)}) if position else None

    def _rows(self, order: SortOrder) -> list[Any]:
        """Read the page's rows by their primary keys, which are already limited to what the user may see.

        A page can end early, at the limit of checked rows. Then the same query also reads the last checked row, to
        show its time.
        """
        keys = {position[-1] for position in self.page.positions}
        reached = self.reached[-1] if self.reached else None
        rows = self.model_admin.to_show(QuerySet(self.model).filter(pk__in=keys | {reached} - {None}))
        found = list(order.sort(self.apply_select_related(rows)))
        self.reached_at = next((self._moment_of(row) for row in found if row.pk == reached), None)
        shown = [row for row in found if row.pk in keys]
        return shown[::-1] if order.is_reversed else shown

    def _moment_of(self, row: Any) -> datetime:
        moment: datetime = attrgetter(self.model_admin.time_field or self.model_admin.moment.replace("__", "."))(row)
        return moment
