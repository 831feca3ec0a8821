"""Every page that staff can reach by a link answers, obeys the Content-Security-Policy, and is accessible.

The test follows links, so it covers a new page as soon as a link leads to it. One walk checks everything, because a
page costs more to load than to check.
"""

import re
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, ViewportSize

from tests.live.callers import browser as browsing
from tests.live.callers.browser import Scheme
from tests.live.callers.clients import node_packages, post_auth
from tests.live.conftest import Demo, NewStack
from tests.live.stack.waiting import eventually

AXE = "axe-core/axe.min.js"
NOT_WALKED = re.compile(r"/logout/|/jsi18n/|/static/|/export/|^/api/v1/schema")  # the export is a download, not a page
MODELS = "/admin/integrations"
NARROW: ViewportSize = {"width": 390, "height": 800}
# In axe, the rule that each link and button measures at least 24 px is off by default.
ALL_RULES: dict[str, object] = {"rules": {"target-size": {"enabled": True}}}
COLOURS: dict[str, object] = {"runOnly": ["color-contrast", "link-in-text-block"]}  # the rules about colours
VARIANTS: tuple[tuple[Scheme, ViewportSize, dict[str, object]], ...] = (
    ("light", browsing.WIDE, ALL_RULES),
    ("dark", browsing.WIDE, COLOURS),
    ("dark", NARROW, COLOURS),
    ("light", NARROW, ALL_RULES),
)
# With preload, axe would load style sheets again and add styles that the Content-Security-Policy forbids.
FIND_FAULTS = """async (rules) =>
    (await axe.run(document, {...rules, preload: false, resultTypes: ["violations"]})).violations"""
# The distinct paths of all links within the portal.
LINKS = """() => [...new Set([...document.querySelectorAll("a[href]")]
    .filter((link) => link.origin === location.origin)
    .map((link) => link.pathname + link.search))]"""
A_LIST = re.compile(r"/admin/[a-z]+/[a-z]+/")
IS_TOO_WIDE = """() => [...document.querySelectorAll("html, .results, .onp-found, .onp-panel, .onp-tell")]
    .some((part) => part.scrollWidth > part.clientWidth)"""
# Returns the links, and the check boxes in lists, whose height is less than 24 px.
LOW_TARGETS = """() => [...document.querySelectorAll("main a, .breadcrumbs a, #changelist [type=checkbox]")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
    .map((each) => each.outerHTML.slice(0, 160))"""
# Returns the kinds of elements that the page contains. Classes that name a model or a field do not distinguish kinds.
KINDS_OF_ELEMENTS = """() => {
    const isOwn = (name) => !/^(app|model|field|column|row|menu|onp-concern)-?/.test(name);
    const isTold = (name) => /^(aria-|role|tabindex|title|alt)/.test(name);
    const kind = (each) => [each.tagName, each.type, ...[...each.classList].filter(isOwn),
        ...each.getAttributeNames().filter(isTold)].join();
    return [...new Set([...document.querySelectorAll("body *")].map(kind))];
}"""


# Shortens long tables: all rows have the same kinds of elements, and testing the contrast of each takes time.
SHORTEN_TABLES = "document.querySelectorAll('tbody tr:nth-child(n + 7)').forEach((row) => row.remove())"


def test_every_page_answers_obeys_the_policy_and_has_no_fault_of_accessibility(chromium: Browser, demo: Demo) -> None:
    seen: set[str] = set()
    with browsing.page_at(chromium, demo.portal) as page:
        page.goto("/admin/login/")
        faults = faults_of_new_parts(page, seen)
        browsing.sign_in(page, demo.login)
        walked = []
        for url in walk(page):
            walked.append(url)
            faults += faults_of_new_parts(page, seen)
        for url in ("/no-such-page", "/handover/"):
            page.goto(url)
            faults += faults_of_new_parts(page, seen)
    assert not faults, "\n".join(faults)
    assert len({kind_of(url) for url in walked}) > 25, walked


def test_no_list_scrolls_sideways_on_a_phone(chromium: Browser, demo: Demo) -> None:
    with browsing.page_at(chromium, demo.portal, viewport=NARROW) as page:
        browsing.sign_in(page, demo.login)
        lists = [link for link in page.evaluate(LINKS) if A_LIST.fullmatch(link)]
        assert len(lists) > 12, lists
        wide = []
        for url in lists:
            page.goto(url)
            wide += [url] if page.evaluate(IS_TOO_WIDE) else []
    assert not wide, wide


def test_links_and_check_boxes_are_large_enough_to_touch_on_a_phone(chromium: Browser, demo: Demo) -> None:
    with browsing.page_at(chromium, demo.portal, viewport=NARROW) as page:
        browsing.sign_in(page, demo.login)
        low = []
        for url in ("/admin/", "/admin/search/?q=a", f"{MODELS}/outlet/", f"{MODELS}/auditevent/"):
            page.goto(url)
            low += page.evaluate(LOW_TARGETS)
        page.goto(f"{MODELS}/outlet/1/change/")
        low += page.evaluate(LOW_TARGETS)
    assert not low, low


def test_names_without_a_space_hide_nothing_on_a_phone(chromium: Browser, new_stack: NewStack) -> None:
    portal, name = new_stack(), "Unbroken" * 12
    outlet = portal.enable_outlet(name)
    for changes in ({"POSRemoteID": name}, {"ProviderOutletID": name[:64]}, {}):
        post_auth(portal, outlet.as_request() | changes)
    eventually(lambda: len(portal.rows("SELECT id FROM integrations_authattempt")) == 3)
    portal.execute("UPDATE integrations_organisation SET name = %s", name[::-1])
    with browsing.page_at(chromium, portal, viewport=NARROW) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        wide = []
        for url in with_the_names(page):
            page.goto(url)
            wide += [url] if page.evaluate(IS_TOO_WIDE) else []
    assert not wide, wide


def with_the_names(page: Page) -> Iterator[str]:
    """Yield the pages that show an outlet or its organisation, and all pages that the outlet's page links to."""
    yield from [link for link in page.evaluate(LINKS) if A_LIST.fullmatch(link)]
    yield from ("/admin/", "/admin/search/?q=unbroken", f"{MODELS}/organisation/1/change/", f"{MODELS}/apikey/add/")
    page.goto(f"{MODELS}/outlet/1/change/")
    yield page.url
    yield from page.locator(".object-tools a").evaluate_all("links => links.map(link => link.href)")


def walk(page: Page) -> Iterator[str]:
    """Open one page of each kind by following links, and yield its address. Fails if a page does not answer."""
    found, seen = ["/admin/"], set[str]()
    while found:
        url = found.pop(0)
        if kind_of(url) in seen:
            continue
        seen.add(kind_of(url))
        answer = page.goto(url)
        assert answer is not None
        assert answer.status < 400, f"{url}: status {answer.status}"
        yield url
        found += [link for link in page.evaluate(LINKS) if not NOT_WALKED.search(link)]


def kind_of(url: str) -> str:
    """Return the address without its query, and with each number replaced, so that pages of one kind compare equal."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "N", url.partition("?")[0])


def faults_of_new_parts(page: Page, seen: set[str]) -> list[str]:
    """Check the page in both colour schemes and at both widths, and return a line for each fault.

    Skips a page whose kinds of elements are all in `seen`; otherwise adds these kinds to `seen`.
    """
    kinds = set(page.evaluate(KINDS_OF_ELEMENTS))
    if kinds <= seen:
        return []
    seen |= kinds
    page.evaluate(SHORTEN_TABLES)
    page.evaluate((node_packages() / AXE).read_text())
    browsing.disable_transitions(page)
    faults = [fault for variant in VARIANTS for fault in _faults_in(page, *variant)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(browsing.WIDE)
    return faults


def _faults_in(page: Page, scheme: Scheme, size: ViewportSize, rules: dict[str, object]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    return [
        f"{page.url} ({scheme}, {size['width']}): {fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:160]}"
        for fault in page.evaluate(FIND_FAULTS, rules)
    ]
