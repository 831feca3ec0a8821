"""A live page updates itself, keeps the person's focus, selection and input, and reports when it cannot refresh."""

import itertools
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.live.callers import browser as browsing
from tests.live.callers import records
from tests.live.callers.backend import pos_of
from tests.live.conftest import NewStack
from tests.live.stack.servers import Depot, Server, Stack
from tests.live.stack.waiting import PATIENCE, eventually

WITHIN = 5_000 * PATIENCE  # milliseconds after the event; more than the three seconds between refreshes
LOST = "The portal is not responding"
SCRIPT = Path(__file__).parents[3] / "integrations/static/integrations/live.js"
OUTLETS = "/admin/integrations/outlet/"
SELECTED = """() => {
    const selection = getSelection(), node = selection.anchorNode;
    const cell = (node.nodeType === Node.ELEMENT_NODE ? node : node.parentNode).closest("td");
    return [selection.toString(), cell.parentNode.rowIndex, cell.cellIndex];
}"""
# Records the time of each call to the server, by the page's clock, and how many calls have no answer yet.
RECORD_CALLS = """() => {
    const call = fetch;
    window.times = [];
    window.unanswered = 0;
    window.fetch = (...parameters) => {
        times.push(performance.now());
        unanswered += 1;
        const whole = async (answer) => (await answer.clone().arrayBuffer(), answer);
        return call(...parameters).then(whole).finally(() => unanswered -= 1);
    };
}"""
# For tests of browser behaviour that does not depend on the server program: run them only with `serve`.
ON_SERVE = pytest.mark.parametrize("portal", ["serve"], indirect=True, scope="module")


@dataclass(frozen=True)
class Portal:
    """A shared server and its first staff login; no POS is online after a test."""

    stack: Stack
    login: tuple[str, str]


@pytest.fixture(scope="module", params=["serve", "daphne"])
def portal(request: pytest.FixtureRequest, depot: Depot) -> Iterator[Portal]:
    stack = depot.make(request.param)
    stack.supply_outlet()
    yield Portal(stack, browsing.first_login(stack))
    stack.close()


@pytest.fixture
def page(chromium: Browser, portal: Portal) -> Iterator[Page]:
    """The start page, with the first staff member signed in."""
    with first_page(chromium, portal.stack, portal.login) as page:
        yield page


@contextmanager
def first_page(chromium: Browser, stack: Stack, login: tuple[str, str], **options: Any) -> Iterator[Page]:
    with browsing.page_at(chromium, stack, **options) as page:
        page.clock.install()  # this clock runs like the real one, and tests can move it forward
        browsing.sign_in(page, login)
        yield page


def is_refresh(response: Response) -> bool:
    return "x-fragment" in response.request.headers


def skip_refreshes(page: Page) -> None:
    """Move the page's clock forward by more than the refresh interval, and let its timers run."""
    page.clock.fast_forward(10_000)
    page.wait_for_timeout(100)  # a request that the page must not send would be reported within this time


def advance_until_called(page: Page, count: int) -> list[float]:
    """Move the page's paused clock forward until RECORD_CALLS has recorded `count` calls; return their times."""
    times: list[float] = []
    while len(times) < count:
        page.clock.fast_forward(500)
        eventually(lambda: page.evaluate("unanswered === 0"))
        times = page.evaluate("times")
    return times


def next_refresh(page: Page) -> Response:
    """Move the page's clock forward by more than the refresh interval, and return the server's next answer."""
    with page.expect_response(is_refresh) as found:
        page.clock.fast_forward(10_000)  # half the page's time limit: a request that is under way must not be aborted
    return found.value


@pytest.mark.parametrize("server", ["serve", "daphne"])
def test_a_pos_that_connects_or_disconnects_is_shown_within_seconds(
    chromium: Browser, new_stack: NewStack, server: Server
) -> None:
    stack = new_stack(server)
    outlet = stack.supply_outlet()
    with first_page(chromium, stack, browsing.first_login(stack)) as page:
        stack.supply_outlet()
        expect(page.get_by_text("2 outlets enabled; their POSes have not connected yet.")).to_be_visible()
        with pos_of(outlet) as background:
            background.wait_for_connections()
            expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
        expect(page.get_by_text("1 of 2 outlets is offline")).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("region", name="Offline", exact=True)).to_contain_text("Supply")


@ON_SERVE
def test_the_focused_element_keeps_the_focus_when_figures_change(page: Page, portal: Portal) -> None:
    outlet = portal.stack.supply_outlet()
    page.get_by_role("link", name=re.compile("disabled$")).focus()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("link", name=re.compile("disabled$"))).to_be_focused()


@ON_SERVE
def test_the_page_of_an_outlet_keeps_selection_and_position_while_rows_appear_above(page: Page, portal: Portal) -> None:
    outlet = portal.stack.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: records.is_online(portal.stack, outlet))
    eventually(lambda: not records.is_online(portal.stack, outlet))
    page.goto(f"/admin/integrations/integration/{records.integration_id(portal.stack, outlet)}/change/")
    address = page.get_by_role("region", name="Last connections").last.locator("tbody tr").first.locator("td").nth(4)
    address.select_text()
    address.scroll_into_view_if_needed()
    selected = page.evaluate(SELECTED)
    assert selected[0]
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_text("The POS is connected from")).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("region", name="Last connections").last.locator("tbody tr")).to_have_count(2)
        text, row, column = page.evaluate(SELECTED)
        assert [text, row - 1, column] == selected


@ON_SERVE
def test_an_opened_table_stays_open_when_the_page_changes(page: Page) -> None:
    page.wait_for_load_state()
    page.evaluate(
        """() => {
            update(document.querySelector("[data-live]"), "<details><summary>More</summary>Old</details>");
            document.querySelector("[data-live] details").open = true;
            update(document.querySelector("[data-live]"), "<details><summary>More</summary>New</details>");
        }"""
    )
    assert page.evaluate("document.querySelector('[data-live] details').outerHTML") == (
        '<details open=""><summary>More</summary>New</details>'
    )


@ON_SERVE
def test_an_update_makes_the_page_equal_to_the_servers_html(page: Page) -> None:
    page.goto("about:blank")  # an empty page, which only this test changes
    page.set_content("<div data-live></div>")
    page.add_script_tag(path=SCRIPT)
    chance = random.Random(13)
    for _ in range(200):
        html = some_html(chance)
        shown, wanted = page.evaluate(
            """(html) => {
                const part = document.querySelector("[data-live]"), whole = document.createElement("div");
                update(part, html);
                whole.innerHTML = html;
                return [part.innerHTML, whole.innerHTML];
            }""",
            html,
        )
        assert shown == wanted


def some_html(chance: random.Random, depth: int = 0) -> str:
    """Return random nested HTML, in which many elements have one of eight keys (`data-key`)."""
    parts = []
    for key in chance.sample(range(8), chance.randint(0, 5)):
        name, keyed = chance.choice(["div", "span"]), f' data-key="{key}"' if chance.random() < 0.6 else ""
        content = some_html(chance, depth + 1) if depth < 2 else f"text {chance.randint(0, 2)}"
        parts.append(f"{chance.choice(['', ' ', 'words'])}<{name}{keyed}>{content}</{name}>")
    return "".join(parts)


@ON_SERVE
def test_a_list_follows_its_rows_and_waits_while_some_are_selected(page: Page, portal: Portal) -> None:
    outlet = portal.stack.supply_outlet()
    page.goto(f"{OUTLETS}?q={outlet.provider_outlet_id}")
    row = page.locator("#result_list tbody tr")
    expect(row).to_contain_text("Enabled, never connected")
    box = row.get_by_role("checkbox")
    box.check()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: records.is_online(portal.stack, outlet))
        skip_refreshes(page)
        expect(row).to_contain_text("Enabled, never connected")
        expect(page.get_by_text("1 of 1 selected")).to_be_visible()
        box.uncheck()
        box.blur()
        expect(row).to_contain_text("Online", timeout=WITHIN)


@ON_SERVE
def test_a_row_added_later_is_counted_when_it_is_selected(page: Page, portal: Portal) -> None:
    portal.stack.supply_outlet()
    page.goto(f"{OUTLETS}?state=never-seen")
    rows = page.locator("#result_list tbody tr")
    before = rows.count()
    portal.stack.supply_outlet()
    expect(rows).to_have_count(before + 1, timeout=WITHIN)
    for row in rows.all():
        row.get_by_role("checkbox").check()
    expect(page.get_by_text(f"{before + 1} of {before + 1} selected")).to_be_visible()


@ON_SERVE
def test_a_hidden_tab_sends_no_requests_and_refreshes_at_once_when_shown(page: Page) -> None:
    asked: list[str] = []
    next_refresh(page)
    page.on("request", lambda request: asked.append(request.url) if "x-fragment" in request.headers else None)
    hide(page, is_hidden=True)
    skip_refreshes(page)
    assert asked == []
    with page.expect_response(is_refresh, timeout=2_000 * PATIENCE):
        hide(page, is_hidden=False)


def hide(page: Page, *, is_hidden: bool) -> None:
    """Make the page believe that its tab was hidden or shown; a headless browser shows every tab."""
    page.evaluate(
        """(isHidden) => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => isHidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


@ON_SERVE
def test_an_unchanged_page_is_answered_with_304(page: Page) -> None:
    page.goto(OUTLETS)
    assert next_refresh(page).status == 200
    statuses = [next_refresh(page).status for _ in range(2)]
    assert 304 in statuses, "a relative time such as 2 seconds ago may change once"


@ON_SERVE
def test_a_lost_server_is_reported_and_the_page_recovers_with_the_current_state(page: Page, portal: Portal) -> None:
    portal.stack.kill()
    try:
        expect(page.get_by_text(LOST)).to_be_visible()
    finally:
        portal.stack.start()  # the next tests use the same server
    outlet = portal.stack.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_text(LOST)).to_be_hidden()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible()


@ON_SERVE
def test_a_page_backs_off_from_a_busy_server(page: Page) -> None:
    page.clock.pause_at(page.evaluate("Date.now()") + 1)
    page.evaluate("Math.random = () => 0.5")  # no random jitter in the pauses
    page.evaluate(RECORD_CALLS)
    advance_until_called(page, 1)  # so that no request is under way, and the last one succeeded
    page.evaluate("times = []")
    page.route(lambda _url: True, lambda route: route.fulfill(status=503, body="busy"))
    times = advance_until_called(page, 4)
    expect(page.get_by_text(LOST)).to_be_visible()
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [3_000, 6_000, 12_000]
    page.unroute_all()
    page.clock.fast_forward(24_000)
    expect(page.get_by_text(LOST)).to_be_hidden()


@pytest.mark.parametrize(
    "end",
    [
        "DELETE FROM django_session",
        "UPDATE auth_user SET is_active = %s",
    ],
)
def test_an_expired_session_is_reported_with_a_link_to_sign_in(page: Page, portal: Portal, end: str) -> None:
    is_disabled = "%s" in end
    portal.stack.execute(end, *([False] if is_disabled else []))
    try:
        expect(page.get_by_text("You are signed out.")).to_be_visible(timeout=WITHIN)
    finally:
        if is_disabled:
            portal.stack.execute(end, True)
    skip_refreshes(page)
    page.get_by_role("link", name="Sign in", exact=True).click()
    if not is_disabled:
        page.get_by_label("User name:").fill(portal.login[0])
        page.get_by_label("Password:").fill(portal.login[1])
        page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Needs attention now")).to_be_visible()


@ON_SERVE
def test_the_page_of_a_finished_request_does_not_refresh(page: Page, portal: Portal) -> None:
    outlet = portal.stack.supply_outlet()
    integration = records.integration_id(portal.stack, outlet)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "x-fragment" in request.headers else None)
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: records.is_online(portal.stack, outlet))
        page.goto(f"/admin/integrations/integration/{integration}/check/")
        page.get_by_role("button", name="Send a test request").click()
        expect(page.get_by_text("All 7 steps are done")).to_be_visible()
    ((row,), *_) = portal.stack.rows("SELECT id FROM integrations_request ORDER BY id DESC")
    page.goto(f"/admin/integrations/integration/{integration}/asked/{row}/")
    expect(page.get_by_text("ResultCode")).not_to_have_count(0)
    asked.clear()
    skip_refreshes(page)
    assert asked == []


def test_without_scripts_the_page_is_complete(chromium: Browser, portal: Portal) -> None:
    with first_page(chromium, portal.stack, portal.login, java_script_enabled=False) as page:
        expect(page.get_by_role("heading", name="Needs attention now")).to_be_visible()
        page.goto(OUTLETS)
        expect(page.locator("#result_list tbody tr").first).to_be_visible()
