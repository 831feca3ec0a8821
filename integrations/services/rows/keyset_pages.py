"""Read pages of lists with up to ten million rows, without COUNT or OFFSET and without reading the whole table.

A page begins after the key of a row, so it stays correct while rows are added. To fill a page, the portal reads rows
in the list's order from an index (a Source), and checks by primary key whether each row matches the filter. It checks
a limited number of rows, so the cost is bounded for any filter and does not depend on the planner's estimates. If these
rows do not fill the page, the next page continues after the last row that was checked.

The large tables have no column for the organisation, so the list of an organisation merges the rows of its outlets
(see Streams). With such a column, moving an outlet would rewrite all of its rows, and each insert would maintain one
more index. Streams would be needed even then, for a search by the names of outlets.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

Position = tuple[Any, ...]  # a row's values in SortOrder.columns

SIZE = 50
INSPECTED = 500  # at most this many rows of a source are checked in one query, in about 10 ms on SQLite
# The rows of at most this many outlets are merged. For more outlets, all rows of the table are read, because many of
# them probably match.
PARENTS = 1_000
# The class Few checks and sorts at most this many rows. If there are more, all rows are read in the list's order.
FEW = 500


@dataclass(frozen=True)
class SortOrder:
    """Sorts by `time` and then the primary key, or by the key alone. The newest is first, or last if reversed."""

    time: str = ""
    is_reversed: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.time, "pk") if self.time else ("pk",)

    def sort(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.order_by(*(name if self.is_reversed else f"-{name}" for name in self.columns))

    def behind(self, position: Position | None) -> Q:
        """Match rows after a position, with a condition that lets an index on the first column start there."""
        if position is None:
            return Q()
        than = "gt" if self.is_reversed else "lt"
        if not self.time:
            return Q(**{f"pk__{than}": position[0]})
        is_later = Q(**{f"{self.time}__{than}": position[0]}) | Q(**{f"pk__{than}": position[1]})
        return Q(**{f"{self.time}__{than}e": position[0]}) & is_later

    def until(self, first: Any) -> Q:
        """Match rows up to and including those with the value `first` in the order's first column."""
        return Q(**{f"{self.columns[0]}__{'lte' if self.is_reversed else 'gte'}": first})

    def foremost(self, firsts: Iterable[Any]) -> Any:
        """Return the value that comes first in this order. `firsts` are values of the order's first column."""
        return min(firsts) if self.is_reversed else max(firsts)


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a source, each paired with whether it matches. If `is_last`, the source has no more."""

    rows: list[tuple[Position, bool]]
    is_last: bool


@dataclass(frozen=True)
class Reading:
    """What to read from a source: the rows after a position, until `wanted` of them match.

    A row matches if it is in the queryset `fitting`. The first query checks `batches[0]` rows, the second checks
    `batches[1]`, and so on. Reading also ends after the last batch.
    """

    order: SortOrder
    after: Position | None
    wanted: int
    fitting: QuerySet[Any]
    batches: tuple[int, ...]


class Source(Protocol):
    """Provides rows in the list's order. A page's sources together must have all matching rows, and may have more.

    If a source has too many rows or parents, only its `all` is read, so `all` must include the rows of the page's
    other sources.
    """

    @property
    def all(self) -> QuerySet[Any]: ...

    def read(self, what: Reading) -> Chunk | None:
        """Return rows until enough of them match, all batches were checked, or there are no more.

        Return None if the source has too many rows or parents. The caller then reads all rows of the table instead.
        """


@dataclass(frozen=True)
class Page:
    """The positions of the rows to show. `next` is where the next page begins, None on the last page.

    `reached` is the position of the last checked row, if the limit of checked rows ended the page before it was full.
    """

    positions: list[Position]
    next: Position | None
    reached: Position | None = None


def read_page(
    sources: Sequence[Source],
    *,
    fitting: QuerySet[Any],
    order: SortOrder,
    after: Position | None,
    size: int = SIZE,
    is_rare: bool = False,
) -> Page:
    """Return a page of the sources' rows that are in `fitting`.

    If `is_rare`, few of the rows are expected to match, so each source checks INSPECTED rows in one query. Otherwise,
    each source first checks only as many rows as the page needs, which is enough if all of them match.
    """
    batches = (INSPECTED,) if is_rare else (size + 1, INSPECTED)
    chunk = _read(sources, Reading(order, after, size + 1, fitting, batches))
    found = [position for position, fits in chunk.rows if fits]
    if len(found) > size:
        return Page(found[:size], found[size - 1])
    if chunk.is_last or not chunk.rows:
        return Page(found, None)
    reached = chunk.rows[-1][0]
    return Page(found, reached, reached=reached)


def _read(sources: Sequence[Source], what: Reading) -> Chunk:
    """Return the merged rows of the sources, or all rows of the table if one of the sources has too many."""
    chunks = []
    for each in sources:
        chunk = each.read(what)
        if chunk is None:
            return Stream(each.all).read(what)
        chunks.append(chunk)
    return _merge(chunks, what.order)


def _merge(chunks: Sequence[Chunk], order: SortOrder) -> Chunk:
    """Merge chunks of several sources, up to the position that all of them have reached."""
    if len(chunks) == 1:
        return chunks[0]
    ends = [chunk.rows[-1][0] for chunk in chunks if not chunk.is_last]
    rows = _sorted({row for chunk in chunks for row in chunk.rows}, order)
    if ends:
        end = order.foremost(ends)
        rows = [row for row in rows if (row[0] <= end if order.is_reversed else row[0] >= end)]
    return Chunk(rows, is_last=not ends)


def _sorted(rows: Iterable[tuple[Position, bool]], order: SortOrder) -> list[tuple[Position, bool]]:
    return sorted(rows, reverse=not order.is_reversed)


def _are_enough(rows: Sequence[tuple[Position, bool]], wanted: int) -> bool:
    return sum(fits for _, fits in rows) >= wanted


def _positions(rows: QuerySet[Any], order: SortOrder, fitting: QuerySet[Any]) -> list[tuple[Position, bool]]:
    """Return the position of each row, paired with whether the row is in `fitting`.

    The subquery by primary key makes the planner check `fitting` row by row. It selects a value instead of using
    EXISTS, for which PostgreSQL may compute all of `fitting` first.
    """
    fits = Subquery(fitting.order_by().filter(pk=OuterRef("pk")).values("pk")[:1])
    found = rows.values_list(*order.columns, fits)
    return [(tuple(row[:-1]), row[-1] is not None) for row in found]


def _in_batches(rows: QuerySet[Any], what: Reading, *, is_indexed: bool) -> Chunk:
    """Read these rows in the batches of `what`. If `is_indexed`, an index has them in the list's order."""
    found: list[tuple[Position, bool]] = []
    after = what.after
    for count in what.batches:
        some = rows.filter(what.order.behind(after))
        some = what.order.sort(some)[:count] if is_indexed else _first_of(some, what.order, count)
        batch = _sorted(_positions(some, what.order, what.fitting), what.order)
        found += batch
        if len(batch) < count:
            return Chunk(found, is_last=True)
        if _are_enough(found, what.wanted):
            break
        after = batch[-1][0]
    return Chunk(found, is_last=False)


@dataclass(frozen=True)
class Stream:
    """Rows that one index supplies in the list's order.

    They are all rows of the table, or those with fixed values in the index's first columns.
    """

    all: QuerySet[Any]

    def read(self, what: Reading) -> Chunk:
        return _in_batches(self.all, what, is_indexed=True)


@dataclass(frozen=True)
class Streams:
    """The rows of some outlets or other parents. An index has the rows of each parent in the list's order.

    Each parent has a share: the number of its rows that may be read. Two index look-ups for each parent find its first
    row and the last row of its share. Reading ends at the earliest of these last rows, so a parent whose first row is
    later is skipped. With more than PARENTS parents, all rows of the table are read.
    """

    all: QuerySet[Any]
    parents: QuerySet[Any]
    field: str
    key: str = "pk"  # the column of the parents that `field` refers to

    def read(self, what: Reading) -> Chunk | None:
        order = what.order
        parents = list(self.parents.order_by().values_list("pk", flat=True)[: PARENTS + 1])
        if len(parents) > PARENTS:
            return None
        rows = self.all.filter(order.behind(what.after))
        heads = self._heads(rows, order, parents, max(what.wanted, INSPECTED // max(1, len(parents))))
        if not heads:
            return Chunk([], is_last=True)
        ends = [last for _, _, last in heads if last is not None]
        if ends:
            end = order.foremost(ends)
            rows = rows.filter(order.until(end))
            heads = [head for head in heads if order.foremost([head[1], end]) == head[1]]
        chunk = _in_batches(rows.filter(**{f"{self.field}__in": [pk for pk, _, _ in heads]}), what, is_indexed=False)
        return Chunk(chunk.rows, is_last=chunk.is_last and not ends)

    def _heads(
        self, rows: QuerySet[Any], order: SortOrder, parents: Sequence[Any], share: int
    ) -> list[tuple[Any, Any, Any]]:
        """Return (parent, head, last) for each parent that has rows.

        `head` and `last` are values of the order's first column: in the parent's first row, and in the last row of its
        share. `last` is None if the parent has fewer rows than its share.
        """
        lead = order.columns[0]
        own = rows.filter(**{self.field: OuterRef(self.key)}).order_by(lead if order.is_reversed else f"-{lead}")
        firsts = own.values(lead)
        ends = {"head": Subquery(firsts[:1]), "last": Subquery(firsts[share - 1 : share])}
        those: QuerySet[Any] = QuerySet(self.parents.model).order_by().filter(pk__in=parents)
        return [head for head in those.annotate(**ends).values_list(self.key, "head", "last") if head[1] is not None]


def _first_of(rows: QuerySet[Any], order: SortOrder, count: int) -> QuerySet[Any]:
    """Return the first `count` of these rows. The database finds the rows by an index, and then sorts them.

    The subquery sorts by expressions, for which no index exists. If it sorted by columns, the planner might read the
    whole table by an index in that order.
    """
    columns = (Coalesce(name, name) for name in order.columns)
    keys = rows.order_by(*(each.asc() if order.is_reversed else each.desc() for each in columns)).values("pk")
    return QuerySet(rows.model).filter(pk__in=keys[:count])


@dataclass(frozen=True)
class Few:
    """Rows that an index finds, but not in the list's order. If there are more than FEW, the whole table is read."""

    few: QuerySet[Any]
    all: QuerySet[Any]

    def read(self, what: Reading) -> Chunk | None:
        order, after = what.order, what.after
        keys = self.few.order_by().values("pk")[: FEW + 1]
        rows = _positions(QuerySet(self.all.model).filter(pk__in=keys), order, what.fitting)
        if len(rows) > FEW:
            return None
        is_behind = [row for row in rows if after is None or (row[0] > after if order.is_reversed else row[0] < after)]
        return Chunk(_sorted(is_behind, order), is_last=True)


def write_position(position: Position) -> str:
    """Return a position as text for a link. It contains only a time and a primary key."""
    return "~".join(each.isoformat() if isinstance(each, datetime) else str(each) for each in position)


def read_position(text: str, order: SortOrder, model: type[Model]) -> Position:
    """Return the position that write_position wrote. Raises ValueError."""
    parts = text.split("~")
    if len(parts) != len(order.columns):
        raise ValueError("not a position in this order")
    key: Any = uuid.UUID(parts[-1]) if model._meta.pk.get_internal_type() == "UUIDField" else _number(parts[-1])
    if not order.time:
        return (key,)
    moment = datetime.fromisoformat(parts[0])
    if moment.tzinfo is None or not 1970 < moment.year < 9999:  # outside these years, a time zone conversion may fail
        raise ValueError("not a moment")
    return (moment, key)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("not a primary key")
    return int(text)
