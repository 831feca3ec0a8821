"""Enabling the first outlet takes three clicks and one form, from the sign-in to the copied values."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.live.callers import browser as browsing
from tests.live.callers.clients import authenticate
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Stack

NAMES = ("ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL")
LINK = "Create a one-time link for another person"
# Counts the mouse clicks on all pages of a tab. A click by the Enter key has no `detail`, and does not count.
COUNT_CLICKS = """addEventListener("click", (event) => {
    if (event.detail) sessionStorage.setItem("clicks", Number(sessionStorage.getItem("clicks")) + 1);
}, true);"""


@pytest.fixture
def portal(shared_stack: Callable[[str], Stack]) -> Stack:
    return shared_stack("serve-sqlite")


@pytest.fixture
def login(portal: Stack) -> tuple[str, str]:
    return browsing.first_login(portal)


@pytest.fixture
def page(chromium: Browser, portal: Stack, login: tuple[str, str]) -> Iterator[Page]:
    """A page where the first staff member is signed in."""
    with browsing.signed_in_page(chromium, portal, login) as page:
        yield page


def test_the_first_outlet_takes_three_clicks_on_three_pages_and_one_form(page: Page, portal: Stack) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.context.add_init_script(COUNT_CLICKS)
    page.goto("/admin/")
    pages: list[str] = []
    page.on("framenavigated", lambda frame: pages.append(frame.url))
    page.get_by_role("main").get_by_role("link", name="Enable an outlet").click()
    fill(page, "Clicked")
    page.get_by_role("button", name="Enable outlet").click()
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("status")).to_have_text("Copied all values.")
    copied = dict(line.split(": ", 1) for line in page.evaluate("navigator.clipboard.readText()").splitlines())
    assert tuple(copied) == NAMES
    assert authenticate(portal, Credentials.from_json(copied)).status_code == 200
    assert page.evaluate("sessionStorage.getItem('clicks')") == "3"
    forms = [url for url in pages if url.endswith("/outlet/enable/")]
    assert len(forms) == 2, "the form, and its answer"


def test_the_keyboard_alone_signs_in_enables_the_first_outlet_and_copies_its_values(
    chromium: Browser, portal: Stack, login: tuple[str, str]
) -> None:
    with browsing.page_at(chromium, portal) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/")
        type_in_turn(page, *login)
        tab_to(page, "Enable an outlet")
        page.keyboard.press("Enter")
        page.wait_for_url("**/outlet/enable/")
        type_in_turn(page, "Organisation of Typed", "Typed", "Typed")
        tab_to(page, "Copy all")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Copied all values.")
        assert authenticate(portal, values_on(page)).status_code == 200


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("label", ["Organisation", "POSRemoteID", "Hours for which the link is valid", "Passphrase"])
def test_the_enter_key_never_shows_a_secret_that_a_link_hands_over(
    chromium: Browser, page: Page, portal: Stack, label: str, *, scripts: bool
) -> None:
    session = page.context.storage_state()
    with browsing.page_at(chromium, portal, java_script_enabled=scripts, storage_state=session) as other:
        other.goto("/admin/integrations/outlet/enable/")
        expect(other.get_by_label("Passphrase")).to_be_hidden()
        fill(other, f"Linked {label} {scripts}")
        other.get_by_label(LINK).check()
        other.get_by_label("Passphrase").fill("correct horse battery")
        other.get_by_label(label).press("Enter")
        expect(other.locator("#value-Link")).to_be_visible()
        LEDGER.remember(other.locator("#value-Link").inner_text().partition("#")[2])
        assert "ONPS-" not in other.content()


def test_without_scripts_everything_works_except_copying(chromium: Browser, page: Page, portal: Stack) -> None:
    session = page.context.storage_state()
    with browsing.page_at(chromium, portal, java_script_enabled=False, storage_state=session) as other:
        other.goto("/admin/")
        other.get_by_role("main").get_by_role("link", name="Enable an outlet").click()
        fill(other, "Scriptless first")
        other.get_by_text("Use your own ProviderOutletID").click()
        other.get_by_label("ProviderOutletID").fill("scriptless-first")
        other.get_by_role("button", name="Enable outlet").click()
        values = values_on(other)
        assert values.provider_outlet_id == "scriptless-first"
        assert authenticate(portal, values).status_code == 200
        expect(other.locator("[data-copy-all]")).to_be_hidden()
        other.get_by_role("link", name="Done").click()
        expect(other.get_by_role("heading", name="Scriptless first", exact=True)).to_be_visible()
        other.get_by_role("link", name="Menu", exact=True).click()
        other.get_by_role("navigation", name="Menu").get_by_role("link", name="Outlets", exact=True).click()
        expect(other.locator("#toggle-nav-sidebar")).to_be_hidden()
        expect(other.locator("#action-toggle")).to_be_hidden()
        other.locator("summary", has_text="State").click()
        other.get_by_role("link", name="Enabled, never connected").click()
        expect(other.locator("summary", has_text="State: Enabled, never connected")).to_be_visible()
        expect(other.get_by_role("link", name="Scriptless first", exact=True)).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_form_of_an_outlet_accepts_the_first_key_press(
    chromium: Browser, page: Page, portal: Stack, *, scripts: bool
) -> None:
    name = f"Pressed {scripts}"
    page.goto("/admin/integrations/organisation/add/")
    page.get_by_label("Name:").fill(name)
    with page.expect_navigation():  # otherwise the other page may not offer the new organisation yet
        page.keyboard.press("Enter")
    session = page.context.storage_state()
    with browsing.page_at(chromium, portal, java_script_enabled=scripts, storage_state=session) as other:
        other.goto("/admin/integrations/outlet/add/")
        expect(other.locator("form :focus")).to_be_visible()  # the browser sets the focus when it first draws the page
        other.keyboard.type(name)
        other.keyboard.press("Tab")
        other.keyboard.press("Tab")  # past the link that adds an organisation
        other.keyboard.type("Typed site")
        other.keyboard.press("Enter")
        expect(other.get_by_role("heading", name="Typed site", exact=True)).to_be_visible()


def type_in_turn(page: Page, *values: str) -> None:
    """Type the values into the focused field and the fields after it, press Enter, and wait for the next page."""
    expect(page.locator("input:focus")).to_be_visible()
    for number, value in enumerate(values):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(value)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the link or button with this text has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"The Tab key does not reach {name!r}.")


def fill(page: Page, name: str) -> None:
    page.get_by_label("Organisation").fill(f"Organisation of {name}")
    page.get_by_label("Outlet", exact=True).fill(name)
    page.get_by_label("POSRemoteID").fill(name)


def values_on(page: Page) -> Credentials:
    """Return the values that the page shows. The ledger remembers the secret, which must not appear in a log."""
    expect(page.get_by_role("heading", name="Values for PowerEPOS")).to_be_visible()
    return Credentials.from_json({name: page.locator(f"#value-{name}").inner_text() for name in NAMES})
