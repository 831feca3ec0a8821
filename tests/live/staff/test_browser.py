"""The main use in a real browser: staff enable an outlet, its POS connects, and the secret is shown once."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from integrations.simulator import BackgroundPos
from integrations.simulator import Credentials as PosCredentials
from portal.web.browser_policy import STRICT_VALUE
from tests.live.callers import browser as browsing
from tests.live.callers.clients import authenticate, handshake_refusal, token_for
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

NAMES = ("ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL")
NARROW = {"width": 390, "height": 800}


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


@pytest.mark.parametrize("name", ["serve-sqlite", "serve-postgres", "daphne-sqlite"])
def test_staff_enable_an_outlet_whose_pos_connects_is_disabled_and_reconnects(
    chromium: Browser, name: str, shared_stack: Callable[[str], Stack]
) -> None:
    stack = shared_stack(name)
    with browsing.signed_in_page(chromium, stack, browsing.first_login(stack)) as page:
        outlet = enable(page, "Terrace", f"Terrace {name}")
        with BackgroundPos(for_pos(outlet)) as pos:
            pos.wait_for_connections()
            expect_state(page, "Terrace", "Online since")
            token = token_for(stack, outlet)
            disable(page, "The till is being replaced")
            pos.wait_for_closures(limit=2)
            assert handshake_refusal(stack, token).status in (401, 403)
            assert authenticate(stack, outlet).status_code == 403
            expect_state(page, "Terrace", "Disabled")
            enable_again(page)
            pos.wait_for_connections(2, limit=20)
            expect_state(page, "Terrace", "Online since")


def test_a_reload_does_not_show_the_secret_again(page: Page) -> None:
    outlet = enable(page, "Reload", "Reload")
    answer = page.reload()
    assert answer is not None
    assert (answer.request.method, answer.status) == ("GET", 200)
    assert_gone(page, outlet)
    expect(page.get_by_role("heading", name="Reload", exact=True)).to_be_visible()


def test_back_and_forward_do_not_show_the_secret_again(page: Page) -> None:
    outlet = enable(page, "Back", "Back")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", name="Values PowerEPOS needs")).to_be_visible()
    for _ in range(3):
        page.go_back()
        assert_gone(page, outlet)
    for _ in range(3):
        page.go_forward()
        assert_gone(page, outlet)


def test_resubmitting_the_form_says_that_the_outlet_is_already_enabled(page: Page) -> None:
    outlet = enable(page, "Again", "Again")
    page.evaluate(RESEND, {"organisation": "Organisation of Again", "outlet": "Again", "pos_remote_id": "Again"})
    expect(page.locator(".errornote")).to_contain_text("already enabled")
    expect(page.get_by_role("link", name="Rotate secret")).to_be_visible()
    assert_gone(page, outlet)


def test_a_double_click_enables_once_and_still_shows_the_secret(page: Page) -> None:
    begin_enabling(page, "Double", "Double")
    page.get_by_role("button", name="Enable outlet").dblclick()
    assert read_values(page).provider_outlet_id


def test_the_enter_key_submits_the_form(page: Page) -> None:
    begin_enabling(page, "Keyboard", "Keyboard")
    page.get_by_label("POSRemoteID").press("Enter")
    assert read_values(page).pos_remote_id == "Keyboard"
    copying = page.get_by_role("button", name="Copy AuthSecret")
    expect(copying).to_be_enabled()  # the page's script enables it
    copying.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied AuthSecret.")


def test_rotating_shows_a_new_secret_that_is_accepted(page: Page, portal: Stack) -> None:
    old = enable(page, "Rotate", "Rotate")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Rotate secret").click()
    page.get_by_label("1 hour:").check()
    page.get_by_role("button", name="Rotate secret").click()
    new = read_values(page)
    assert new.auth_secret != old.auth_secret
    assert authenticate(portal, new).status_code == authenticate(portal, old).status_code == 200
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="End overlap now").click()
    page.get_by_role("button", name="End the overlap").click()
    expect(page.locator(".messagelist")).to_contain_text("Overlap ended")
    assert authenticate(portal, old).status_code == 401
    assert authenticate(portal, new).status_code == 200


def test_an_adopted_secret_works_and_the_page_warns_that_it_is_weak(page: Page, portal: Stack) -> None:
    begin_enabling(page, "Adopt", "Adopt")
    page.get_by_text("or a secret that PowerEPOS already has").click()
    page.get_by_label("Secret that PowerEPOS already has").fill("0ld-till-Secret")
    page.get_by_role("button", name="Enable outlet").click()
    expect(page.locator(".onp-warning")).to_contain_text("This secret is weak")
    assert authenticate(portal, read_values(page)).status_code == 200


def test_the_copy_buttons_copy_and_confirm_it(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    outlet = enable(page, "Copy", "Copy")
    for name, value in zip(NAMES, values_of(outlet), strict=True):
        page.get_by_role("button", name=f"Copy {name}").click()
        expect(page.get_by_role("status")).to_have_text(f"Copied {name}.")
        assert page.evaluate("navigator.clipboard.readText()") == value


def test_one_button_copies_all_values_with_their_names(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    outlet = enable(page, "Whole", "Whole")
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("status")).to_have_text("Copied all values.")
    pairs = zip(NAMES, values_of(outlet), strict=True)
    assert page.evaluate("navigator.clipboard.readText()") == "".join(f"{name}: {value}\n" for name, value in pairs)


def test_the_copy_buttons_work_without_the_clipboard_of_https(page: Page) -> None:
    page.context.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    outlet = enable(page, "Plain", "Plain")
    page.get_by_role("button", name="Copy AuthSecret").click()
    expect(page.get_by_role("status")).to_have_text("Copied AuthSecret.")
    page.locator("#nav-filter").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#nav-filter")).to_have_value(outlet.auth_secret)
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("status")).to_have_text("Copied all values.")


def test_the_printed_page_holds_only_the_values(page: Page) -> None:
    enable(page, "Print", "Print")
    page.emulate_media(media="print", color_scheme="dark")
    for name in NAMES:
        expect(page.locator(f"#value-{name}")).to_be_visible()
    expect(page.get_by_text("Enter these values in PowerEPOS")).to_be_visible()
    for hidden in ("#header", "#nav-sidebar", ".breadcrumbs", "[data-copy] >> nth=0", "[data-print]", ".onp-once"):
        expect(page.locator(hidden)).to_be_hidden()
    colours = "getComputedStyle(document.querySelector('#value-AuthSecret')).color"
    assert page.evaluate(colours) == "rgb(0, 0, 0)"


def test_the_print_button_prints(page: Page) -> None:
    page.context.add_init_script("window.print = () => { document.title = 'printed'; }")
    enable(page, "Printer", "Printer")
    page.get_by_role("button", name="Print hand-over sheet").click()
    expect(page).to_have_title("printed")


def test_buttons_that_need_a_script_are_disabled_until_it_has_loaded(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/handover[^/]*\.js"), hold)
    enable(page, "Slow", "Slow")
    for name in ("Copy AuthSecret", "Print hand-over sheet"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    held.pop().continue_()
    for name in ("Copy AuthSecret", "Print hand-over sheet"):
        expect(page.get_by_role("button", name=name)).to_be_enabled()


def test_the_pages_work_under_a_strict_content_security_policy(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    enable(page, "Strict", "Strict")
    page.get_by_role("button", name="Copy AuthSecret").click()
    expect(page.get_by_role("status")).to_have_text("Copied AuthSecret.")
    for path in ("/admin/", "/admin/integrations/outlet/", "/admin/integrations/outlet/add/", "/nothing"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.header_value("content-security-policy") == STRICT_VALUE
    assert [each for each in complaints if "404" not in each] == []


def test_no_page_is_wider_than_a_phone(chromium: Browser, portal: Stack, login: tuple[str, str]) -> None:
    with browsing.signed_in_page(chromium, portal, login, viewport=NARROW) as page:
        enable(page, "Narrow outlet with a longer name than usual", "Narrow")
        assert_fits(page)
        page.get_by_role("link", name="Done").click()
        assert_fits(page)
        for act in ("Rotate secret", "Change POSRemoteID", "Disable"):
            page.get_by_role("link", name=act).click()
            assert_fits(page)
            page.go_back()
        for name in ("organisation", "outlet", "connection", "authattempt", "auditevent"):
            page.goto(f"/admin/integrations/{name}/")
            assert_fits(page)


def test_a_phone_shows_filters_above_a_list_its_first_columns_and_that_a_table_continues(
    chromium: Browser, portal: Stack, login: tuple[str, str]
) -> None:
    with browsing.signed_in_page(chromium, portal, login, viewport=NARROW) as page:
        enable(page, "Phone", "Phone")
        page.goto("/admin/integrations/outlet/")
        assert [each.inner_text() for each in page.locator("#result_list thead .text").all() if each.is_visible()] == [
            "",
            "Name",
            "State",
        ]
        filters, rows = page.get_by_role("navigation", name="Filters"), page.locator("#result_list")
        assert top_of(filters) < top_of(rows)
        filters.locator("summary").first.click()
        assert filters.locator("summary").first.evaluate(ARROW_BEFORE) == "none", "an open filter has one arrow"
        page.get_by_role("link", name="Phone", exact=True).click()
        shadows = page.locator(".onp-scroll").first.evaluate("table => getComputedStyle(table).backgroundAttachment")
        assert shadows == "local, local, scroll, scroll"


ARROW_BEFORE = "element => getComputedStyle(element, '::before').content"


def top_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"]


# Sends again the form that led to this page, as a browser does on "Confirm form resubmission".
RESEND = """(values) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = document.referrer;
    const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
    for (const [name, value] of Object.entries({...values, csrfmiddlewaretoken: token})) {
        const field = document.createElement("input");
        [field.name, field.value] = [name, value];
        form.append(field);
    }
    document.body.append(form);
    form.submit();
}"""


def enable(page: Page, outlet: str, pos_remote_id: str) -> Credentials:
    """Enable a new outlet of a new organisation, and stay on the page with the values."""
    begin_enabling(page, outlet, pos_remote_id)
    page.get_by_role("button", name="Enable outlet").click()
    return read_values(page)


def begin_enabling(page: Page, outlet: str, pos_remote_id: str) -> None:
    page.goto("/admin/integrations/outlet/enable/")
    page.get_by_label("Organisation").fill(f"Organisation of {outlet}")
    page.get_by_label("Outlet", exact=True).fill(outlet)
    page.get_by_label("POSRemoteID").fill(pos_remote_id)


def read_values(page: Page) -> Credentials:
    """Return the values that the page shows. The ledger remembers the secret, which must not appear in a log."""
    expect(page.get_by_role("heading", name="Values for PowerEPOS")).to_be_visible()
    values = {name: page.locator(f"#value-{name}").inner_text() for name in NAMES}
    return Credentials.from_json(values)


def values_of(outlet: Credentials) -> tuple[str, ...]:
    return (*outlet.as_request().values(), outlet.auth_url, outlet.websocket_url)


def for_pos(outlet: Credentials) -> PosCredentials:
    return PosCredentials.from_json(json.dumps(dict(zip(NAMES, values_of(outlet), strict=True))))


def expect_state(page: Page, outlet: str, state: str) -> None:
    def shown() -> bool:
        page.goto(f"/admin/integrations/outlet/?q={outlet}")
        return state in page.locator("#result_list .field-state").inner_text()

    eventually(shown, what=f"the list shows {state}")


def disable(page: Page, reason: str) -> None:
    open_outlet(page)
    page.get_by_role("link", name="Disable").click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".messagelist")).to_contain_text("Integration disabled.")


def enable_again(page: Page) -> None:
    open_outlet(page)
    page.get_by_role("link", name="Enable again").first.click()
    page.get_by_role("button", name="Enable again").click()
    expect(page.locator(".messagelist")).to_contain_text("Integration re-enabled.")


def open_outlet(page: Page) -> None:
    """Open the page of the outlet Terrace from the list of outlets, which must be the current page."""
    page.locator("#result_list").get_by_role("link", name="Terrace").click()


def assert_gone(page: Page, outlet: Credentials) -> None:
    assert outlet.auth_secret not in page.content()


def assert_fits(page: Page) -> None:
    page.wait_for_load_state()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], f"{page.url} is {width} pixels wide"
