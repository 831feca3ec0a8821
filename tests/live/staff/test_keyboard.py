"""The main tasks of staff need no mouse: the Tab key reaches each control, and the page shows the focus.

tests/live/staff/test_first_outlet.py signs in and enables an outlet by the keyboard alone.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.live.callers import browser as browsing
from tests.live.callers import records
from tests.live.callers.backend import pos_of
from tests.live.callers.clients import authenticate
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

MOST_STEPS = 150  # Tab presses from the beginning of a page to its last control
HAS_FOCUS = "(element) => element.isConnected ? element === document.activeElement : null"
# Whether the element, or the label or row around it, looks different without the focus.
SHOWS_FOCUS = """(element) => {
    const around = [element, element.parentElement, element.closest("label, li, tr") ?? element];
    const look = () => around.map((each) => {
        const style = getComputedStyle(each);
        return [style.outline, style.boxShadow, style.borderColor, style.textDecoration, style.backgroundColor];
    }).join();
    const focused = look();
    element.blur();
    const other = look();
    element.focus({focusVisible: true});
    return focused !== other;
}"""


@pytest.fixture(scope="module")
def stack(depot: Depot) -> Iterator[Stack]:
    stack = depot.make("serve")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def page(chromium: Browser, stack: Stack) -> Iterator[Page]:
    with browsing.page_at(chromium, stack) as page:
        browsing.sign_in(page, browsing.first_login(stack))
        yield page


def test_an_outlet_is_found_and_its_secret_rotated(page: Page, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    open_by_search(page, outlet)
    press(page, page.get_by_role("link", name="Rotate secret"))
    move_to(page, page.get_by_role("radio", name="None: the old secret ends now"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Rotate secret"))
    expect(page.get_by_role("heading", name="Values for PowerEPOS")).to_be_visible()
    LEDGER.remember_generated(page.locator("#value-AuthSecret").inner_text())
    assert authenticate(stack, outlet).status_code == 401


def test_staff_send_a_request_to_a_pos(page: Page, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with pos_of(outlet):
        eventually(lambda: records.is_online(stack, outlet))
        open_by_search(page, outlet)
        press(page, page.get_by_role("link", name="Ask the POS"))
        press(page, page.get_by_role("link", name="GetOpenOrders (1)"))
        press(page, page.get_by_role("button", name="Send to the POS"))
        expect(page.locator(".onp-live [role=status]", has_text="ResultCode")).to_be_visible()


def test_an_outlet_is_disabled(page: Page, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    open_by_search(page, outlet)
    press(page, page.get_by_role("link", name="Disable"))
    type_into(page, page.get_by_label("Reason"), "By keyboard")
    press(page, page.get_by_role("button", name="Disable"))
    expect(page.get_by_role("cell", name="reason: By keyboard")).to_be_visible()
    eventually(lambda: authenticate(stack, outlet).status_code == 403)


def test_an_action_on_many_outlets_is_carried_out(page: Page, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    page.goto("/admin/")
    press(page, page.get_by_role("navigation", name="Sidebar").get_by_role("link", name="Outlets", exact=True))
    move_to(page, page.get_by_role("combobox", name="Action:"))
    page.keyboard.type("Disable")
    move_to(page, page.get_by_role("checkbox", name="Select all"))
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Go")).to_be_focused()
    enter(page)
    type_into(page, page.get_by_label("Reason"), "All by keyboard")
    press(page, page.get_by_role("button", name="Disable these"))
    expect(page.get_by_role("heading", name="Done:")).to_be_visible()
    eventually(lambda: authenticate(stack, outlet).status_code == 403)


def test_an_api_key_is_created(page: Page) -> None:
    open_form(page, "API keys", "Create API key")
    type_into(page, page.get_by_label("Name", exact=True), "Typed key")
    move_to(page, page.get_by_role("checkbox", name="Read events"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Create and show the key"))
    expect(page.get_by_role("heading", name="Your new API key")).to_be_visible()
    LEDGER.remember_generated(page.get_by_role("main").inner_text())


def test_a_webhook_endpoint_is_created(page: Page) -> None:
    open_form(page, "Webhook endpoints", "Create webhook endpoint")
    type_into(page, page.get_by_label("Name", exact=True), "Typed hook")
    type_into(page, page.get_by_label("URL"), "https://example.com/hooks")
    move_to(page, page.get_by_role("checkbox", name="Outlet came online"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Create and show the secret"))
    expect(page.get_by_text("is shown only once")).to_be_visible()
    LEDGER.remember(page.locator("[data-value]").first.inner_text())


def test_a_person_is_added_with_a_role(page: Page) -> None:
    open_form(page, "People", "Add person")
    type_into(page, page.get_by_label("User name:"), "typed")
    for label in ("Password:", "Password confirmation:"):
        type_into(page, page.get_by_label(label, exact=True), "a long typed password")
    LEDGER.remember("a long typed password")
    operator = page.get_by_role("radio", name="Operator Sees")
    move_to(page, page.get_by_role("radio", name="Viewer"))
    page.keyboard.press("ArrowDown")
    expect(operator).to_be_checked()
    press(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_role("heading", name="Change person")).to_be_visible()
    expect(operator).to_be_checked()


def open_by_search(page: Page, outlet: Credentials) -> None:
    """Find an outlet with the search field of the start page, and open its page."""
    page.goto("/admin/")
    type_into(page, page.get_by_role("searchbox", name="Find an outlet"), outlet.provider_outlet_id)
    enter(page)
    press(page, page.get_by_role("main").get_by_role("rowheader").get_by_role("link"))


def open_form(page: Page, name: str, button: str) -> None:
    """Open a list through the menu, and then a form through the button above the list."""
    page.goto("/admin/")
    press(page, page.get_by_role("navigation", name="Sidebar").get_by_role("link", name=name, exact=True))
    press(page, page.get_by_role("link", name=button))


def press(page: Page, target: Locator) -> None:
    """Move to a link or button, press Enter, and wait for the next page."""
    move_to(page, target)
    enter(page)


def type_into(page: Page, target: Locator, text: str) -> None:
    move_to(page, target)
    page.keyboard.type(text)


def enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def move_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus, and check that the page shows where the focus is."""
    target = target.first
    expect(target).to_be_visible()
    element = target.element_handle()  # find it only once, because a search by role is the slowest step here
    for _ in range(MOST_STEPS):
        has_focus = element.evaluate(HAS_FOCUS)
        if has_focus:
            assert element.evaluate(SHOWS_FOCUS), f"{target} does not show that it has the focus"
            return
        if has_focus is None:  # a live page replaced the element
            element = target.element_handle()
            continue
        page.keyboard.press("Tab")
    raise AssertionError(f"The Tab key does not reach {target}.")
