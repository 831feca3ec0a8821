"""Keyset pages show each row once, in order, with any filter and any limit on the number of rows that are read."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q

from integrations.models import AuthAttempt, Integration, Request
from integrations.models.attempt import Outcome
from integrations.services.outlets.search import beginning_with, received_within
from integrations.services.rows import keyset_pages
from integrations.services.rows.keyset_pages import Few, Position, SortOrder, Source, Stream, Streams, read_page
from tests.support.factories import NOON, make_enabled_outlet
from tests.support.staff.backend_pages import ask

pytestmark = pytest.mark.django_db
ALL = AuthAttempt.objects.order_by()
IN_ORDER = ("-at", "-pk")
BY_TIME = SortOrder("at")


@pytest.fixture
def outlets() -> list[Integration]:
    """Return four outlets with attempts; many of the attempts have the same time.

    The last outlet has only the two oldest attempts; the other three outlets share the rest in mixed order.
    """
    created = [make_enabled_outlet(f"Outlet {number}").integration for number in range(4)]
    whose = [created[3], created[3], *(created[number % 7 % 3] for number in range(60))]
    AuthAttempt.objects.bulk_create(
        [
            AuthAttempt(
                at=NOON + timedelta(seconds=number // 5),
                endpoint="auth",
                outcome=Outcome.DISABLED if number % 11 == 3 else Outcome.ACCEPTED,
                integration=integration,
                address=f"192.0.2.{number}",
            )
            for number, integration in enumerate(whose)
        ]
    )
    return created


def pages(source: Source, fitting: Any, *, order: SortOrder = BY_TIME, size: int = 4) -> Iterator[list[Position]]:
    """Yield the positions of the rows on each page, from the first page to the last."""
    after: Position | None = None
    for _ in range(200):
        page = read_page([source], fitting=fitting, order=order, after=after, size=size)
        yield page.positions
        if page.next is None:
            return
        assert page.next != after, "the list does not go on"
        after = page.next
    raise AssertionError("the list has no end")


def keys(found: Iterator[list[Position]]) -> list[Any]:
    return [position[-1] for position in itertools.chain.from_iterable(found)]


def expected(rows: Any) -> list[Any]:
    return list(rows.order_by(*IN_ORDER).values_list("pk", flat=True))


@pytest.mark.parametrize("inspected", [5, 9, 4_000])
def test_a_stream_shows_each_row_once(
    outlets: list[Integration], monkeypatch: pytest.MonkeyPatch, inspected: int
) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", inspected)
    rare = ALL.filter(outcome=Outcome.DISABLED)
    assert keys(pages(Stream(ALL), ALL)) == expected(ALL)
    assert keys(pages(Stream(ALL), rare)) == expected(rare)


@pytest.mark.parametrize(("inspected", "parents"), [(6, 1_000), (15, 1_000), (750, 1_000), (15, 2)])
def test_merged_streams_show_each_row_of_their_outlets_once(
    outlets: list[Integration], monkeypatch: pytest.MonkeyPatch, inspected: int, parents: int
) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", inspected)
    monkeypatch.setattr(keyset_pages, "PARENTS", parents)
    chosen = Integration.objects.filter(pk__in=[outlets[0].pk, outlets[2].pk, outlets[3].pk])
    source = Streams(ALL, chosen, "integration")
    theirs = ALL.filter(integration__in=chosen)
    for fitting in (theirs, theirs.filter(outcome=Outcome.DISABLED)):
        assert keys(pages(source, fitting)) == expected(fitting)
        assert keys(pages(source, fitting, order=SortOrder("at", is_reversed=True))) == expected(fitting)[::-1]


def test_outlets_whose_rows_all_fit_on_one_page_have_no_next_page(outlets: list[Integration]) -> None:
    page = read_page(
        [Streams(ALL, Integration.objects.all(), "integration")], fitting=ALL, order=BY_TIME, after=None, size=100
    )
    assert (len(page.positions), page.next, page.reached) == (62, None, None)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_only_the_first_and_the_last_row_of_each_outlets_share_are_read(
    outlets: list[Integration], is_reversed: bool
) -> None:
    source, order = Streams(ALL, Integration.objects.all(), "integration"), SortOrder("at", is_reversed=is_reversed)
    found = {pk: ends for pk, *ends in source._heads(ALL, order, [each.pk for each in outlets], 4)}
    for each in outlets:
        times = sorted(ALL.filter(integration=each).values_list("at", flat=True), reverse=not is_reversed)
        assert found[each.pk] == [times[0], times[3] if len(times) > 3 else None]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_sources_read_to_different_positions_are_shown_up_to_the_common_position(
    outlets: list[Integration], monkeypatch: pytest.MonkeyPatch, is_reversed: bool
) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", 3)
    order = SortOrder("at", is_reversed=is_reversed)
    sparse, rare = ALL.filter(pk__in=expected(ALL)[::5]), ALL.filter(outcome=Outcome.DISABLED)
    sources = [Stream(sparse), Stream(ALL.exclude(pk__in=sparse))]
    found: list[Any] = []
    after: Position | None = None
    while (page := read_page(sources, fitting=rare, order=order, after=after, size=4)).next:
        found += [pk for _, pk in page.positions]
        after = page.next
    found += [pk for _, pk in page.positions]
    assert found == (expected(rare)[::-1] if is_reversed else expected(rare))


def test_streams_of_no_outlet_end_at_once(outlets: list[Integration]) -> None:
    assert keys(pages(Streams(ALL, Integration.objects.none(), "integration"), ALL)) == []


@pytest.mark.parametrize("few", [500, 3])
def test_a_row_found_by_several_sources_is_shown_once(
    outlets: list[Integration], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(keyset_pages, "FEW", few)
    addresses = beginning_with("address", "192.0.2.1")
    fitting = ALL.filter(addresses | Q(integration=outlets[1]))
    sources: list[Source] = [
        Streams(ALL, Integration.objects.filter(pk=outlets[1].pk), "integration"),
        Few(ALL.filter(addresses), ALL),
    ]
    found, after = [], None
    while True:
        page = read_page(sources, fitting=fitting, order=SortOrder("at"), after=after, size=4)
        found += [pk for _, pk in page.positions]
        after = page.next
        if after is None:
            break
    assert found == expected(fitting)


def test_a_page_reads_a_limited_number_of_rows_and_says_where_it_stopped(
    outlets: list[Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset_pages, "INSPECTED", 10)
    page = read_page([Stream(ALL)], fitting=ALL.none(), order=SortOrder("at"), after=None, size=4)
    looked_at = ALL.order_by(*IN_ORDER).values_list("at", "pk")[14]
    assert (page.positions, page.reached, page.next) == ([], looked_at, looked_at)


def test_new_rows_do_not_shift_later_pages(outlets: list[Integration]) -> None:
    before = expected(ALL)
    found = pages(Stream(ALL), ALL)
    shown = list(next(found))
    AuthAttempt.objects.create(at=NOON + timedelta(days=1), endpoint="auth", outcome=Outcome.ACCEPTED)
    shown += itertools.chain.from_iterable(found)
    assert [pk for _, pk in shown] == before


@pytest.mark.parametrize("position", [(NOON, 17), (17,)])
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    order = SortOrder("at") if len(position) == 2 else SortOrder()
    assert keyset_pages.read_position(keyset_pages.write_position(position), order, AuthAttempt) == position


@pytest.mark.parametrize("text", ["", "17", "x~17", "2026-03-01T12:00:00~17", "2026-03-01T12:00:00+00:00~x", "~"])
def test_an_invalid_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the text is Python's own)
        keyset_pages.read_position(text, SortOrder("at"), AuthAttempt)


def test_a_time_filter_includes_requests_that_were_stored_late() -> None:
    """A request that is not durable is stored late, so it can have an earlier time than requests with a lower key."""
    enabled = make_enabled_outlet()
    before = ask(enabled, "before", received_at=NOON - timedelta(hours=1))
    first = ask(enabled, "first", received_at=NOON + timedelta(minutes=1))
    late = ask(enabled, "late", received_at=NOON)
    after = ask(enabled, "after", received_at=NOON + timedelta(hours=1))
    every = Request.objects.order_by()
    since = set(received_within(every, since=NOON, until=None))
    until = set(received_within(every, since=None, until=NOON + timedelta(seconds=30)))
    assert since >= {first, late, after}
    assert set(received_within(every, since=NOON - timedelta(days=1), until=None)) == {before, first, late, after}
    assert {before, late} <= until
    assert received_within(every, since=NOON + timedelta(days=1), until=None).count() <= 1


@pytest.mark.parametrize("text", ["Web", "web-", "web-1", "%", "é", "web-1\U0010ffff"])
def test_a_prefix_is_found_letter_for_letter(text: str) -> None:
    enabled = make_enabled_outlet()
    ids = ["Web-1", "web-1", "web-10", "we", "%", "e\u0301", "é", "\U0010ffff"]
    for each in ids:
        ask(enabled, each)
    found = Request.objects.filter(beginning_with("request_id", text)).values_list("request_id", flat=True)
    assert sorted(found) == sorted(each for each in ids if each.startswith(text))
