"""Every page that staff can reach by a link answers, obeys the policy, and is accessible.

The test follows links, so it covers a new page as soon as a link leads to it.
"""

import re
from collections import Counter
from collections.abc import Iterator

from playwright.sync_api import Browser, Page

from tests.live.callers import browser as browsing
from tests.live.callers.browser import Scheme
from tests.live.callers.clients import node_packages
from tests.live.conftest import Demo

AXE = "axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
PER_KIND = 2  # pages of one kind: their addresses differ only in numbers and the query
NOT_WALKED = re.compile(r"/logout/|/jsi18n/|/static/|/export/|^/api/v1/schema")  # the export is a download, not a page
# Only axe's rules about colours depend on the colour scheme, so the second scheme runs only those.
RULES: dict[Scheme, str] = {"light": "", "dark": "runOnly: ['color-contrast', 'link-in-text-block'],"}
FIND_FAULTS = "async () => (await axe.run(document, {%s resultTypes: ['violations']})).violations"
# The distinct paths of all links within the portal.
LINKS = """() => [...new Set([...document.querySelectorAll("a[href]")]
    .filter((link) => link.origin === location.origin)
    .map((link) => link.pathname + link.search))]"""


def test_every_page_answers_obeys_the_policy_and_calls_no_other_host(chromium: Browser, demo: Demo) -> None:
    with browsing.page_at(chromium, demo.portal) as page:
        browsing.sign_in(page, demo.login)
        walked = list(walk(page))
        assert len({kind_of(url) for url in walked}) > 25, walked


def test_axe_finds_no_serious_fault_on_any_page_light_or_dark(chromium: Browser, demo: Demo) -> None:
    # axe adds styles that the policy forbids
    with browsing.page_at(chromium, demo.portal, bypass_csp=True) as page:
        page.goto("/admin/login/")
        faults = faults_of(page)
        browsing.sign_in(page, demo.login)
        for _ in walk(page, per_kind=1):
            faults += faults_of(page)
    assert not faults, "\n".join(faults)


def walk(page: Page, *, per_kind: int = PER_KIND) -> Iterator[str]:
    """Follow the links of each opened page, a few of each kind; each address must answer."""
    found, seen = ["/admin/"], Counter[str]()
    asked: set[str] = set()
    while found:
        url = found.pop(0)
        if url in asked or seen[kind_of(url)] >= per_kind:
            continue
        asked.add(url)
        seen[kind_of(url)] += 1
        answer = page.goto(url)
        assert answer is not None
        assert answer.status < 400, f"{url}: status {answer.status}"
        yield url
        found += [link for link in page.evaluate(LINKS) if not NOT_WALKED.search(link)]


def kind_of(url: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "N", url.partition("?")[0])


def faults_of(page: Page) -> list[str]:
    """Return a line for each accessibility fault of the page, in light and dark."""
    page.evaluate((node_packages() / AXE).read_text())
    return [fault for scheme in RULES for fault in _faults_in(page, scheme)]


def _faults_in(page: Page, scheme: Scheme) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    browsing.show_colours_as_they_end(page)
    serious = [fault for fault in page.evaluate(FIND_FAULTS % RULES[scheme]) if fault["impact"] in SERIOUS]
    return [
        f"{page.url} ({scheme}): {fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:160]}" for fault in serious
    ]
