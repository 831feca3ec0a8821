"""In a real browser, staff sign in with an app, a recovery code, a passkey or OpenID Connect, or are refused."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.live.callers import browser as browsing
from tests.live.conftest import NewStack
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually
from tests.staff.signing_in.test_second_factors import code_of
from tests.support.servers.oidc_provider import CLIENT_SECRET, oidc_provider

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PROOF_SECONDS = 6


def test_a_required_factor_is_set_up_first_and_needed_at_each_later_sign_in(
    chromium: Browser, new_stack: NewStack
) -> None:
    portal = new_stack("serve", env={"STAFF_SECOND_FACTOR": "required"})
    login = browsing.first_login(portal)
    with browsing.page_at(chromium, portal) as page:
        fill_in(page, login)
        expect(page.get_by_role("heading", name="Set up a second factor first")).to_be_visible()
        page.goto("/admin/integrations/outlet/")
        expect(page.get_by_role("heading", name="Set up a second factor first")).to_be_visible()
        secret, codes = set_up_app(page)
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_role("heading", name="Start")).to_be_visible()
        log_out(page)
        fill_in(page, login)
        # The portal accepts each code once, and the set-up used the current code. Make it valid again, to save a wait.
        portal.execute("DELETE FROM integrations_sharedentry WHERE key LIKE %s", "%totp.used%")
        enter_code(page, secret, leads_to="/admin/")
        log_out(page)
        fill_in(page, login)
        page.get_by_label("Code:").fill(codes[0])
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Sign out").wait_for()
        page.get_by_role("link", name="How you sign in").click()
        expect(page.get_by_text("Codes left: 9")).to_be_visible()
    sign_in_with_a_passkey(chromium, portal, login, codes[1])


def sign_in_with_a_passkey(chromium: Browser, portal: Stack, login: tuple[str, str], code: str) -> None:
    """Sign in to the portal at the host name localhost, because browsers offer no passkeys at an IP address."""
    local = portal.base_url.replace("127.0.0.1", "localhost")
    with browsing.page_at(chromium, portal, also=(local,), base_url=local) as page:
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        fill_in(page, login)
        page.get_by_label("Code:").fill(code)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="How you sign in").click()
        page.get_by_role("link", name="Add a passkey").click()
        page.get_by_label("Name").fill("This computer")
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_role("link", name="Remove This computer")).to_be_visible()
        log_out(page)
        fill_in(page, login)
        page.get_by_role("button", name="Use your passkey").click()
        page.get_by_role("button", name="Sign out").wait_for()
        page.goto("/admin/confirm/passkey/?next=/admin/integrations/outlet/")
        page.get_by_role("button", name="Use your passkey").click()
        page.wait_for_url("**/admin/integrations/outlet/")


def test_an_old_session_must_prove_itself_again_guesses_are_stopped_and_single_sign_on_works(
    chromium: Browser, new_stack: NewStack
) -> None:
    LEDGER.remember(CLIENT_SECRET)
    with oidc_provider(sub="1", email="boss@example.com", email_verified=True) as provider:
        portal = new_stack("serve", env=provider.environment() | {"REAUTHENTICATE_SECONDS": str(PROOF_SECONDS)})
        login = browsing.first_login(portal)
        portal.execute("UPDATE auth_user SET email = 'boss@example.com'")
        with browsing.page_at(chromium, portal) as page:
            fill_in(page, login)
            page.get_by_role("button", name="Sign out").wait_for()
            act = "/admin/integrations/apikey/add/"
            eventually(lambda: is_asked_at(page, act), what="the portal asks again", timeout=4 * PROOF_SECONDS)
            page.get_by_label("Password:").fill(login[1])
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name="Create API key")).to_be_visible()
            assert page.url.endswith(act)
        with browsing.page_at(chromium, portal) as page:
            for _ in range(6):
                fill_in(page, (login[0], "a-guess"))
            expect(page.locator(".errornote")).to_have_text(re.compile(r"Too many failed attempts\. Wait \d+ minutes"))
        with browsing.page_at(chromium, portal, also=(provider.url,)) as page:
            page.goto("/admin/integrations/outlet/")
            page.get_by_role("button", name="Sign in with single sign-on").click()
            page.get_by_role("button", name="Sign out").wait_for()
            assert page.url.endswith("/admin/integrations/outlet/")


def fill_in(page: Page, login: tuple[str, str]) -> None:
    page.goto("/admin/login/")
    page.get_by_label("User name:").fill(login[0])
    page.get_by_label("Password:").fill(login[1])
    with page.expect_navigation():
        page.keyboard.press("Enter")


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def set_up_app(page: Page) -> tuple[str, list[str]]:
    """Set up an authenticator app on the page that demands a factor; return the app's secret and the recovery codes."""
    page.get_by_role("link", name="Set up an authenticator app").click()
    assert page.locator(".onp-qr").evaluate("image => image.naturalWidth") > 0
    secret = page.locator("code.onp-id").inner_text()
    LEDGER.remember(secret)
    codes = page.locator(".onp-codes code")

    def is_taken() -> bool:
        page.get_by_label("Authenticator code").fill(code_of(secret))
        with page.expect_navigation():
            page.get_by_role("button", name="Set up").click()
        return codes.count() > 0

    eventually(is_taken, what="the code is taken")  # the first code may expire before it arrives
    expect(codes).to_have_count(10)
    return secret, codes.all_inner_texts()


def enter_code(page: Page, secret: str, *, leads_to: str) -> None:
    """Enter a code, and the next one if the first expired before it arrived."""

    def is_taken() -> bool:
        page.get_by_label("Code:").fill(code_of(secret))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        return page.url.endswith(leads_to)

    eventually(is_taken, what="the code is taken")


def is_asked_at(page: Page, act: str) -> bool:
    page.goto(act)
    return page.get_by_role("heading", name="Confirm that it is you").is_visible()
