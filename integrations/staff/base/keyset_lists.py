"""Lists of what grows without end, in the admin: by pages that begin behind a row, and never counted.

Django's own list counts its rows, goes to a page by counting again, and sorts by any column. Here the order is fixed,
"Older" and "Newer" lead on, and services/rows/keyset_pages.py bounds the work of a page, whatever is filtered and
searched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

from integrations.models import Integration
from integrations.services.outlets.search import beginning_with, outlet_called
from integrations.services.people import scope
from integrations.services.rows.keyset_pages import (
    SIZE,
    Few,
    Order,
    Page,
    Position,
    Source,
    Stream,
    Streams,
    read_page,
    read_position,
    write_position,
)
from integrations.staff.base.admin import ReadOnlyAdmin, Row

AFTER, BEFORE = "after", "before"
NOT_OURS = "This link to a page of the list is none of ours, or of another list: here is its beginning."


@dataclass(frozen=True)
class Parents:
    """By what the rows of an organisation are found: `field` leads to the parent, `outlet` from there to its outlet."""

    model: type[Model]
    field: str
    organisation: str
    outlet: str = ""


BY_INTEGRATION = Parents(Integration, "integration", "outlet__organisation", "outlet__")


class KeysetAdmin(ReadOnlyAdmin[Row]):
    """A list without end. It says which questions an index serves in the list's order; all others are looked through.

    `equal` names the parameters that ask for one value of a column, `served` the columns with which an index begins
    before the order's own, the most selective first. `texts` are searched for a beginning.
    """

    time_field: ClassVar[str] = ""  # empty: ordered by the primary key
    moment: ClassVar[str] = ""  # then: where the time of a row stands
    parents: ClassVar[Parents] = BY_INTEGRATION
    equal: ClassVar[dict[str, str]] = {}
    served: ClassVar[tuple[tuple[str, ...], ...]] = ()
    texts: ClassVar[tuple[str, ...]] = ()
    is_of_parent_too: ClassVar[tuple[str, ...]] = ()  # columns with an index of them, the parent and the order
    cursors = (AFTER, BEFORE)
    search_fields = ("pk",)  # Django shows no field without; get_search_results is ours
    sortable_by = ()
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
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
        """Return what a search asks of a row."""
        return self.begins_with(text) | outlet_called(text, f"{self.parents.field}__{self.parents.outlet}")

    def begins_with(self, text: str) -> Q:
        """Return the rows that are found by a beginning; each part of it has an index."""
        return Q(*(beginning_with(name, text) for name in self.texts), _connector=Q.OR)

    def searched_in(self, text: str, rows: QuerySet[Row], parents: QuerySet[Any]) -> list[Source]:
        """Return where the rows of a search are: with the outlets of this name, and where a column begins so."""
        called: Source = Streams(rows, parents.filter(outlet_called(text, self.parents.outlet)), self.parents.field)
        return [called, Few(rows.filter(self.begins_with(text)), rows)] if self.texts else [called]

    def within_times(self, rows: QuerySet[Row], lookups: dict[str, Any]) -> QuerySet[Row]:
        """Leave out rows of other times, where the order allows it; `lookups` are the parameters of the list."""
        times = {name: value for name, value in lookups.items() if self.time_field and _is_of(name, self.time_field)}
        return rows.filter(**times)

    def to_show(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows of one page with all that their columns need."""
        return rows


class KeysetList(ChangeList):
    """A page of a KeysetAdmin, as the admin's templates take it."""

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
        return rows

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:  # noqa: ARG002
        return [f"-{name}" for name in self._order().columns]

    def get_ordering_field_columns(self) -> dict[int, Literal["desc", "asc"]]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        order, at = self._order(is_reversed=bool(self.cursor and self.cursor[0] == BEFORE)), self._position(request)
        if at is None:
            order = self._order()
        self.page = read_page(self._sources(request), fitting=self.queryset, order=order, after=at)
        self._link(order, at)
        self.result_list = self._rows(order)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(self.result_list, self.list_per_page)

    def _take_cursor(self) -> None:
        """Take the place in the list out of what is asked of its rows."""
        for name in (AFTER, BEFORE):
            if text := self.params.pop(name, None):
                self.cursor = (name, text)
            self.filter_params.pop(name, None)
        for name in (ALL_VAR, ORDER_VAR, PAGE_VAR):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)

    def _order(self, *, is_reversed: bool = False) -> Order:
        return Order(self.model_admin.time_field, is_reversed)

    def _position(self, request: HttpRequest) -> Position | None:
        if self.cursor is None:
            return None
        try:
            return read_position(self.cursor[1], self._order(), self.model)
        except (ValueError, OverflowError):
            messages.warning(request, NOT_OURS)
            self.cursor = None
            return None

    def _sources(self, request: HttpRequest) -> Sequence[Source]:
        """Return where to read: of what is asked the part that an index serves, the narrowest first."""
        admin, equal = self.model_admin, self._equal()
        rows = self._within_times()
        organisations = self._organisations(request)
        if text := self.query.strip():
            return admin.searched_in(text, rows, self._parents_of(organisations))
        alone = next((names for names in admin.served if equal.keys() >= set(names)), ())
        if organisations is None or admin.parents.field in alone:
            return [Stream(rows.filter(**{name: equal[name] for name in alone}))]
        besides = {name: equal[name] for name in admin.is_of_parent_too if name in equal}
        return [Streams(rows.filter(**besides), self._parents_of(organisations), admin.parents.field)]

    def _parents_of(self, organisations: frozenset[int] | None) -> QuerySet[Any]:
        parents = self.model_admin.parents
        rows: QuerySet[Any] = QuerySet(parents.model)
        return rows if organisations is None else rows.filter(**{f"{parents.organisation}__in": organisations})

    def _within_times(self) -> QuerySet[Any]:
        lookups = {name: values[0] for name, values in self.filter_params.items() if len(values) == 1}
        return self.model_admin.within_times(QuerySet(self.model).order_by(), lookups)

    def _equal(self) -> dict[str, Any]:
        """Return the columns of which one value is asked for. What asks for several is not among them."""
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

    def _link(self, order: Order, at: Position | None) -> None:
        """Say where the pages before and after this one are; there is always one in the direction it came from."""
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
        self.reached_at = self._moment_of(self.reached) if self.reached else None

    def _link_to(self, direction: str, position: Position | None) -> str | None:
        return self.get_query_string({direction: write_position(position)}) if position else None

    def _moment_of(self, position: Position) -> datetime | None:
        if self.model_admin.time_field:
            moment: datetime = position[0]
            return moment
        row: QuerySet[Any] = QuerySet(self.model).filter(pk=position[-1])
        return row.values_list(self.model_admin.moment, flat=True).first()

    def _rows(self, order: Order) -> list[Any]:
        """Read what is shown, by primary key alone: the keys were asked whether this person may see them."""
        keys = [position[-1] for position in self.page.positions]
        rows = self.apply_select_related(self.model_admin.to_show(QuerySet(self.model).filter(pk__in=keys)))
        found = order.sort(rows)
        return list(found)[::-1] if order.is_reversed else list(found)


def _is_of(lookup: str, field: str) -> bool:
    return lookup in {f"{field}__{each}" for each in ("gt", "gte", "lt", "lte")}
