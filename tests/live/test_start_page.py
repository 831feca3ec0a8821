"""The first page changes while one looks, for who may look, and says when it does not."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_socket
from websockets.typing import Origin

from tests.live import browser as browsing
from tests.live.backend import pos_of
from tests.live.conftest import NewStack
from tests.live.servers import Server, Stack
from tests.live.waiting import eventually

WITHIN = 2_000  # milliseconds after the event
SIGNED_OUT = 4401


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture(params=["serve", "daphne"])
def portal(request: pytest.FixtureRequest, new_stack: NewStack) -> Stack:
    server: Server = request.param
    return new_stack(server)


@pytest.fixture
def page(chromium: Browser, portal: Stack) -> Iterator[Page]:
    """The first page, its first staff member signed in, one outlet enabled."""
    portal.supply_outlet()
    with browsing.page_at(chromium, portal) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        page.locator("[data-is-live]").wait_for()
        yield page


def test_a_pos_that_comes_and_goes_is_seen_within_two_seconds(page: Page, portal: Stack) -> None:
    outlet = portal.supply_outlet()
    expect(page.get_by_text("2 outlets enabled; no POS has been seen yet.")).to_be_visible()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
    expect(page.get_by_text("1 of 2 outlets is offline")).to_be_visible(timeout=WITHIN)
    expect(page.get_by_role("region", name="Went offline last")).to_contain_text("Supply")


def test_what_has_the_focus_keeps_it_when_the_figures_change(page: Page, portal: Stack) -> None:
    outlet = portal.supply_outlet()
    page.get_by_role("link", name=re.compile("disabled$")).focus()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible(timeout=WITHIN)
        expect(page.get_by_role("link", name=re.compile("disabled$"))).to_be_focused()


def test_a_lost_link_is_said_and_recovers_with_the_present_state(page: Page, portal: Stack) -> None:
    portal.kill()
    expect(page.get_by_text("The live link is lost")).to_be_visible()
    portal.start()
    outlet = portal.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        expect(page.get_by_text("The live link is lost")).to_be_hidden()
        expect(page.get_by_role("link", name=re.compile("^1 online"))).to_be_visible()


def test_who_signs_out_elsewhere_is_told_within_seconds(page: Page, portal: Stack) -> None:
    with page.context.new_page() as other:
        other.goto("/admin/")
        other.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()


def test_the_socket_opens_for_our_own_pages_alone(page: Page, portal: Stack) -> None:
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    assert can_open(portal, cookies=cookies, origin=portal.base_url)
    assert not can_open(portal, cookies=cookies, origin=None)
    assert not can_open(portal, cookies=cookies, origin="https://evil.example.com")
    assert not can_open(portal, cookies="", origin=portal.base_url)
    assert not can_open(portal, cookies="sessionid=guessed", origin=portal.base_url)


def test_who_is_switched_off_is_shut_out_within_seconds(page: Page, portal: Stack) -> None:
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    with socket_at(portal, cookies=cookies, origin=portal.base_url) as socket:
        assert "html" in str(socket.recv(5))
        portal.execute("UPDATE auth_user SET is_active = %s", False)

        def closed_with() -> int:
            try:
                socket.recv(1)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0
            except TimeoutError:
                return 0
            return 0

        assert eventually(closed_with) == SIGNED_OUT


def can_open(portal: Stack, *, cookies: str, origin: str | None) -> bool:
    try:
        with socket_at(portal, cookies=cookies, origin=origin):
            return True
    except InvalidStatus:
        return False


def socket_at(portal: Stack, *, cookies: str, origin: str | None):  # type: ignore[no-untyped-def]
    return open_socket(
        f"{portal.ws_url}ws/staff/start",
        additional_headers={"Cookie": cookies},
        origin=Origin(origin) if origin else None,
        proxy=None,
        legacy=True,
    )
