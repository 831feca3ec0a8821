"""Every page that staff can reach by a link: it answers, keeps to the policy, and has no serious fault of access.

The walk follows links, so a new page is walked as soon as one leads to it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.live import browser as browsing
from tests.live.clients import node_packages
from tests.live.conftest import NewStack
from tests.live.servers import Stack

AXE = "axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PER_KIND = 2  # pages of one kind, that is of one address but for numbers and the query
NOT_WALKED = re.compile(r"/logout/|/jsi18n/|/static/|/export/|^/api/v1/schema")  # the export is a download, no page
FIND_FAULTS = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"  # colours as they end
LINKS = "() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def portal(new_stack: NewStack) -> Stack:
    """With the demo's outlets, its POSes online and its requests."""
    return new_stack("serve", options=["--demo"])


def test_every_page_answers_keeps_to_the_policy_and_asks_no_other_host(chromium: Browser, portal: Stack) -> None:
    with browsing.page_at(chromium, portal) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        walked = list(walk(page))
        assert len({kind_of(url) for url in walked}) > 25, walked


def test_axe_finds_no_serious_fault_on_any_page_light_or_dark(chromium: Browser, portal: Stack) -> None:
    # axe itself adds styles that the policy forbids
    with browsing.page_at(chromium, portal, bypass_csp=True) as page:
        page.goto("/admin/login/")
        faults = faults_of(page)
        browsing.sign_in(page, browsing.first_login(portal))
        for _ in walk(page):
            faults += faults_of(page)
    assert not faults, "\n".join(faults)


def walk(page: Page) -> Iterator[str]:
    """Open each address that a link of a page opened before leads to, of each kind a few; each must answer."""
    found, seen = ["/admin/"], Counter[str]()
    asked: set[str] = set()
    while found:
        url = found.pop(0)
        if url in asked or seen[kind_of(url)] >= PER_KIND:
            continue
        asked.add(url)
        seen[kind_of(url)] += 1
        answer = page.goto(url)
        assert answer is not None
        assert answer.status < 400, f"{url}: status {answer.status}"
        yield url
        found += [link for each in page.evaluate(LINKS) if (link := absolute(page, each))]


def absolute(page: Page, href: str) -> str | None:
    """The path of a link within the portal that is to be walked, else None."""
    url = page.evaluate("href => new URL(href, document.baseURI).href", href)
    origin = page.evaluate("() => location.origin")
    path = url.removeprefix(origin).partition("#")[0]
    return path if path.startswith("/") and not NOT_WALKED.search(path) else None


def kind_of(url: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "N", url.partition("?")[0])


def faults_of(page: Page) -> list[str]:
    """What is wrong with the page, a line each, in light and in dark."""
    page.evaluate((node_packages() / AXE).read_text())
    return [fault for scheme in SCHEMES for fault in _faults_in(page, scheme)]


def _faults_in(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    page.add_style_tag(content=STILL)
    serious = [fault for fault in page.evaluate(FIND_FAULTS) if fault["impact"] in SERIOUS]
    return [
        f"{page.url} ({scheme}): {fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:160]}" for fault in serious
    ]
