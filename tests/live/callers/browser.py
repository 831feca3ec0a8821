"""The system's Chromium, driven by Playwright; it may contact one host only."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from weakref import WeakKeyDictionary

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.live.stack.binaries import need
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Stack

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: ViewportSize = {"width": 1280, "height": 900}
Scheme = Literal["light", "dark"]
# A constructed style sheet, because the pages' Content-Security-Policy forbids an inserted <style> element.
SHOW_STILL = """() => {
    const still = new CSSStyleSheet();
    still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
    document.adoptedStyleSheets = [still];
}"""
LIMIT_MS = 45_000  # limit of each step in the browser; generous for a busy machine
FRESH_SECONDS = 300  # far less than the time after which the portal asks for the password again
# The cookies and the sign-in time of each signed-in person, by the stack's address and the user name.
_sessions: dict[tuple[str, str], tuple[StorageState, float]] = {}
expect.set_options(timeout=LIMIT_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Chromium. Playwright runs an event loop in this thread, so no ORM call works here until the block ends.

    Debian's chromium-headless-shell is preferred: it opens no windows and loads a page in half the time.
    """
    program = shutil.which("chromium-headless-shell") or need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def page_at(browser: Browser, stack: Stack, *, also: tuple[str, ...] = (), **options: Any) -> Iterator[Page]:
    """Yield a page in a new browser context, which resolves relative URLs against the stack's address.

    Fails if a page contacts a host other than the stack and those in `also`, or violates its
    Content-Security-Policy.
    """
    context = browser.new_context(**{"base_url": stack.base_url, "viewport": WIDE, "locale": "en-GB"} | options)
    context.set_default_timeout(LIMIT_MS)
    strangers: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: _note_stranger(request, (stack.base_url, *also), strangers))
    context.on("console", lambda message: _note_complaint(message, complaints))
    yield context.new_page()
    context.close()
    assert not strangers, f"requests left the host: {strangers}"
    assert not complaints, f"the browser blocked something on a page: {complaints}"


def first_login(stack: Stack) -> tuple[str, str]:
    """Return the name and the password of the first staff login; the first call for a stack creates it."""
    if stack not in _first_logins:
        printed = stack.make_first_login()
        found = re.search(r"user name +(\S+)\s+password +(\S+)", printed)
        assert found, printed
        LEDGER.remember(found[2])
        _first_logins[stack] = found[1], found[2]
    return _first_logins[stack]


_first_logins: WeakKeyDictionary[Stack, tuple[str, str]] = WeakKeyDictionary()  # several files may share a stack


def sign_in(page: Page, login: tuple[str, str]) -> None:
    page.goto("/")
    page.get_by_label("User name:").fill(login[0])
    page.get_by_label("Password:").fill(login[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()
    page.wait_for_load_state()  # the scripts are now loaded, and run even if a test stops the server


@contextmanager
def signed_in_page(browser: Browser, stack: Stack, login: tuple[str, str], **options: Any) -> Iterator[Page]:
    """Open the start page as this person, with the session of an earlier call if that session is still fresh."""
    key, now = (stack.base_url, login[0]), time.monotonic()
    state, since = _sessions.get(key, (None, now))
    if now - since > FRESH_SECONDS:
        state, since = None, now
    with page_at(browser, stack, storage_state=state, **options) as page:
        page.goto("/")
        if page.get_by_label("User name:").is_visible():
            sign_in(page, login)
            _sessions[key] = page.context.storage_state(), now
        yield page


def disable_transitions(page: Page) -> None:
    """Disable transitions and animations until the browser leaves the page."""
    page.evaluate(SHOW_STILL)


def _note_stranger(request: Request, known: tuple[str, ...], strangers: list[str]) -> None:
    if not request.url.startswith((*known, "data:", "blob:")):
        strangers.append(request.url)


def _note_complaint(message: ConsoleMessage, complaints: list[str]) -> None:
    if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
        complaints.append(f"{message.page.url if message.page else '?'}: {message.text}")
