"""A support agent's first five minutes: a venue calls because its till does not connect."""

import dataclasses

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from integrations.simulator.example import MANAGER
from tests.live.callers import browser as browsing
from tests.live.callers import records
from tests.live.callers.backend import pos_of, requests_of
from tests.live.conftest import NewStack
from tests.live.stack.servers import Depot, Server, Stack
from tests.live.stack.waiting import eventually

WRONG = "Supply-Statoin"


@pytest.mark.parametrize("server", ["serve", "runserver"])
def test_the_first_five_minutes_of_a_support_agent(chromium: Browser, new_stack: NewStack, server: Server) -> None:
    portal = new_stack(server)
    outlet = portal.supply_outlet()
    with browsing.page_at(chromium, portal) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        search_and_check(page, outlet.provider_outlet_id)
        expect(sentence(page)).to_have_text("1 of 7 steps are done. Waiting for the till's first attempt.")
        with pos_of(dataclasses.replace(outlet, pos_remote_id=WRONG)) as pos:
            pos.wait_for_refusals()
            pairing = step(page, "POSRemoteID correct")
            expect(pairing).to_contain_text(f"“{WRONG}”")
            expect(pairing).to_contain_text("Tell the person on site: Correct the POSRemoteID")
            expect(sentence(page)).to_contain_text("3 of 7 steps are done.")
            change_pos_remote_id(page, WRONG)
            pos.wait_for_connections(limit=30)
            page.get_by_role("link", name="Check this outlet").click()
            expect(sentence(page)).to_contain_text("6 of 7 steps are done.")
            page.get_by_role("button", name="Send a test request").click()
            expect(step(page, "Answered a test request")).to_contain_text("It refused with ResultCode 4")
            expect(sentence(page)).to_contain_text("All 7 steps are done")
            ask_for_open_orders(page)
            disconnect(page)
            pos.wait_for_closures()
            pos.wait_for_connections(2, limit=20)
            eventually(lambda: records.close_reasons(portal, outlet) == ["disconnected", ""])
    assert [row["state"] for row in requests_of(portal, outlet)] == ["refused", "answered"]


def test_a_lost_connection_is_reported_and_missed_changes_are_shown(chromium: Browser, new_stack: NewStack) -> None:
    portal = new_stack("serve")
    outlet = portal.supply_outlet()
    with browsing.page_at(chromium, portal) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        page.goto(f"/admin/integrations/integration/{records.integration_id(portal, outlet)}/check/")
        portal.kill()
        expect(page.get_by_text("The portal is not responding")).to_be_visible()
        portal.start()
        with pos_of(outlet) as pos:
            pos.wait_for_connections(limit=20)
            expect(sentence(page)).to_contain_text("6 of 7 steps are done.", timeout=20_000)
            expect(page.get_by_text("The portal is not responding")).to_be_hidden()


def test_a_pos_at_another_process_answers_and_is_disconnected_without_redis(
    chromium: Browser, new_stack: NewStack, depot: Depot
) -> None:
    portal = new_stack("serve", "postgres", env={"REDIS_URL": ""})
    twin = depot.twin(portal)
    outlet = portal.supply_outlet()
    at_twin = dataclasses.replace(outlet, auth_url=moved(outlet.auth_url, twin), websocket_url=twin.ws_url)
    with pos_of(at_twin) as pos, browsing.page_at(chromium, portal) as page:
        pos.wait_for_connections()
        browsing.sign_in(page, browsing.first_login(portal))
        eventually(lambda: records.is_online(portal, outlet))
        page.goto(f"/admin/integrations/integration/{records.integration_id(portal, outlet)}/")
        ask_for_open_orders(page)
        disconnect(page)
        pos.wait_for_closures()
        pos.wait_for_connections(2, limit=20)
    twin.close()


def search_and_check(page: Page, text: str) -> None:
    """Search the list of outlets for an ID read out over the phone, and open the check."""
    page.goto("/admin/integrations/outlet/")
    page.get_by_label("Search").fill(text)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Outlet 1").click()
    page.get_by_role("link", name="Check this outlet").click()


def change_pos_remote_id(page: Page, to: str) -> None:
    page.get_by_role("link", name="Change it").click()
    page.get_by_label("POSRemoteID").fill(to)
    page.get_by_role("button", name="Change").click()


def ask_for_open_orders(page: Page) -> None:
    """Send GetOpenOrders from the outlet's page, and check that the answer appears without a reload."""
    to_outlet(page)
    page.get_by_role("link", name="Ask the POS").click()
    page.get_by_role("link", name="GetOpenOrders (1)").click()
    page.get_by_label("UserIdentifier").fill(MANAGER.user_id)
    page.get_by_label("UserOrdersOnly").select_option("false")
    page.get_by_role("button", name="Send to the POS").click()
    expect(sentence(page)).to_have_text("Answered. ResultCode 0.")
    expect(page.get_by_role("region", name="Answer, ResultCode 0").last).to_contain_text('"Orders"')
    expect(page.get_by_text("Requested in the portal")).to_be_visible()


def disconnect(page: Page) -> None:
    to_outlet(page)
    page.get_by_role("link", name="Disconnect", exact=True).click()
    expect(page.get_by_text("can reconnect at once")).to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("secret and access token stay valid")).to_be_visible()


def to_outlet(page: Page) -> None:
    if page.get_by_role("link", name="Open the outlet").count():
        page.get_by_role("link", name="Open the outlet").click()
    page.get_by_role("heading", name="Values PowerEPOS needs").wait_for()


def sentence(page: Page) -> Locator:
    return page.locator("[data-live] [role=status]")


def step(page: Page, title: str) -> Locator:
    return page.locator(".onp-steps li", has=page.get_by_role("heading", name=title))


def moved(url: str, to: Stack) -> str:
    return to.base_url + url[url.index("/", url.index("//") + 2) :]
