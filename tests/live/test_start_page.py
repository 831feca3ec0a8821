"""The first page changes while one looks, for who may look, and says when it does not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket
from websockets.typing import Origin

from tests.live import browser as browsing
from tests.live.backend import pos_of
from tests.live.conftest import NewStack
from tests.live.servers import Depot, Server, Stack
from tests.live.waiting import PATIENCE, eventually

WITHIN = 2_000 * PATIENCE  # milliseconds after the event; two seconds on a machine that does nothing else
SIGNED_OUT = 4401
# For what the browser does, whichever server sends it the page.
ON_SERVE = pytest.mark.parametrize("portal", ["serve"], indirect=True, scope="module")


@dataclass(frozen=True)
class Portal:
    """A server that tests share, and its first staff login; each test leaves no POS online."""

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
    """The first page, its first staff member signed in."""
    with first_page(chromium, portal.stack, portal.login) as page:
        yield page


@contextmanager
def first_page(chromium: Browser, stack: Stack, login: tuple[str, str]) -> Iterator[Page]:
    with browsing.page_at(chromium, stack) as page:
        browsing.sign_in(page, login)
        page.locator("[data-is-live]").wait_for()
        yield page


@pytest.mark.parametrize("server", ["serve", "daphne"])
def test_a_pos_that_comes_and_goes_is_seen_within_two_seconds(
    chromium: Browser, new_stack: NewStack, server: Server
) -> None:
    stack = new_stack(server)
    outlet = stack.supply_outlet()
    with first_page(chromium, stack, browsing.first_login(stack)) as page:
        stack.supply_outlet()
        expect(page.get_by_text("2 outlets enabled; no POS has been seen yet.")).to_be_visible()
        with pos_of(outlet) as background:
            background.wait_for_connections()
            expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
        expect(page.get_by_text("1 of 2 outlets is offline")).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("region", name="Went offline last")).to_contain_text("Supply")


@ON_SERVE
def test_what_has_the_focus_keeps_it_when_the_figures_change(page: Page, portal: Portal) -> None:
    outlet = portal.stack.supply_outlet()
    page.get_by_role("link", name=re.compile("disabled$")).focus()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("link", name=re.compile("disabled$"))).to_be_focused()


@ON_SERVE
def test_a_lost_link_is_said_and_recovers_with_the_present_state(page: Page, portal: Portal) -> None:
    portal.stack.kill()
    expect(page.get_by_text("The live link is lost")).to_be_visible()
    portal.stack.start()
    outlet = portal.stack.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_text("The live link is lost")).to_be_hidden()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible()


def test_who_signs_out_elsewhere_is_told_within_seconds(page: Page, portal: Portal) -> None:
    with page.context.new_page() as other:
        other.goto("/admin/")
        other.get_by_role("button", name="Log out").click()
        expect(other.get_by_text("You are signed out.")).to_be_visible()  # a page that is loading may not close
    expect(page.get_by_text("You are signed out")).to_be_visible()


def test_the_socket_opens_for_our_own_pages_alone(page: Page, portal: Portal) -> None:
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    assert can_open(portal.stack, cookies=cookies, origin=portal.stack.base_url)
    assert not can_open(portal.stack, cookies=cookies, origin=None)
    assert not can_open(portal.stack, cookies=cookies, origin="https://evil.example.com")
    assert not can_open(portal.stack, cookies="", origin=portal.stack.base_url)
    assert not can_open(portal.stack, cookies="sessionid=guessed", origin=portal.stack.base_url)


def test_who_is_switched_off_is_shut_out_within_seconds(page: Page, portal: Portal) -> None:
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    with socket_at(portal.stack, cookies=cookies, origin=portal.stack.base_url) as socket:
        assert "html" in str(socket.recv(5))
        portal.stack.execute("UPDATE auth_user SET is_active = %s", False)
        try:
            assert eventually(lambda: closed_with(socket)) == SIGNED_OUT
        finally:
            portal.stack.execute("UPDATE auth_user SET is_active = %s", True)


def closed_with(socket: ClientConnection) -> int:
    """Return the code with which the server closes within a second, else 0."""
    try:
        socket.recv(1)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0
    except TimeoutError:
        return 0
    return 0


def can_open(stack: Stack, *, cookies: str, origin: str | None) -> bool:
    try:
        with socket_at(stack, cookies=cookies, origin=origin):
            return True
    except InvalidStatus:
        return False


def socket_at(stack: Stack, *, cookies: str, origin: str | None) -> ClientConnection:
    return open_socket(
        f"{stack.ws_url}ws/staff/start",
        additional_headers={"Cookie": cookies},
        origin=Origin(origin) if origin else None,
        proxy=None,
        legacy=True,
    )
