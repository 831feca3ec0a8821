"""Each link and button is legible in every state and in both colour schemes (WCAG AA contrast)."""

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, Error, Page

from tests.live.callers import browser as browsing
from tests.live.callers.browser import Scheme
from tests.live.conftest import Demo

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
STATES: tuple[list[str], ...] = ([], ["hover"], ["focus", "focus-visible"], ["active", "hover"])
PRESSED = "a[href], button, input[type=submit], input[type=reset], summary"
ATTEMPTS = """
INSERT INTO integrations_authattempt
    (at, door, outcome, provider_outlet_id, pos_remote_id, address, user_agent, detail)
WITH RECURSIVE numbers(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM numbers WHERE x < 120)
SELECT datetime('now', '-1 hour'), 'auth', 'unknown_outlet', 'x' || x, '', '192.0.2.1', '', '' FROM numbers
"""
DISTINCT = "[data-test-distinct]"
# Marks the first element of each kind, unless an earlier page had that kind, and returns the kinds of all pages so far.
# Two elements have the same kind if their colours and classes, and those of their ancestors, are equal. Classes that
# name an app or a model are ignored.
MARK_DISTINCT = """([pressed, before]) => {
    const seen = new Set(before);
    const look = (element) => {
        const {color, backgroundColor, fontSize, fontWeight} = getComputedStyle(element);
        const classes = [...element.classList].filter((name) => !/^(app|model)-/.test(name));
        return [element.tagName, element.id, ...classes, color, backgroundColor, fontSize, fontWeight].join();
    };
    const around = (element) => element ? around(element.parentElement) + ">" + look(element) : "";
    for (const element of document.querySelectorAll(pressed)) {
        const isShown = element.offsetWidth > 1 && !element.disabled;
        const kind = [around(element), isShown, !!element.value, !!element.textContent.trim()].join();
        if (!seen.has(kind)) element.dataset.testDistinct = "";
        seen.add(kind);
    }
    return [...seen];
}"""
GROUND_OF_API_PAGE = "getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor"
# Returns the text, the colours and the contrast ratio of each element with too little contrast.
FAINT = """(pressed) => {
    const parse = (text) => {
        const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
        return {red, green, blue, alpha};
    };
    const over = (top, below) => Object.fromEntries(["red", "green", "blue"].map(
        (part) => [part, top[part] * top.alpha + below[part] * (1 - top.alpha)]
    ));
    const ground = (element) => {
        if (!element) return {red: 255, green: 255, blue: 255};
        const own = parse(getComputedStyle(element).backgroundColor);
        return own.alpha === 1 ? own : over(own, ground(element.parentElement));
    };
    const luminance = (colour) => {
        const [red, green, blue] = [colour.red, colour.green, colour.blue].map((each) => {
            const part = each / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ratio = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const shown = (element) => [...element.childNodes].filter((each) => !each.classList?.contains("visually-hidden"));
    const words = (element) => (element.value || shown(element).map((each) => each.textContent).join("")).trim();
    return [...document.querySelectorAll(pressed)]
        .filter((element) => element.offsetWidth > 1 && words(element) && !element.disabled)
        .map((element) => {
            const style = getComputedStyle(element), below = ground(element);
            const found = ratio(over(parse(style.color), below), below), size = parseFloat(style.fontSize);
            const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            return found >= (isLarge ? 3 : 4.5) ? "" : `${words(element)}: ${style.color} on ${JSON.stringify(below)}`
                + ` is ${found.toFixed(2)}`;
        })
        .filter(Boolean);
}"""


def test_links_and_buttons_are_legible_in_every_state(chromium: Browser, demo: Demo) -> None:
    demo.portal.execute(ATTEMPTS)
    faint: list[str] = []
    seen: list[str] = []
    with browsing.page_at(chromium, demo.portal, bypass_csp=True) as page:
        page.goto("/admin/login/")
        faint += faint_on(page, seen)
        browsing.sign_in(page, demo.login)
        for _ in opened(page):
            faint += faint_on(page, seen)
    assert not faint, "\n".join(faint)


def opened(page: Page) -> Iterator[None]:
    """Open pages whose links and buttons look different, one after the other; yield when each is open."""
    for url in ("/admin/", "/admin/integrations/outlet/", "/admin/integrations/outlet/enable-file/", "/admin/sign-in/"):
        page.goto(url)
        yield
    page.goto("/admin/integrations/outlet/add/")
    yield
    page.goto("/admin/integrations/authattempt/")
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Newer").wait_for()
    yield
    page.goto("/admin/integrations/outlet/?state=online")
    page.locator("#result_list tbody th a").first.click()
    yield
    page.goto("/admin/integrations/outlet/enable/")
    yield
    page.goto("/admin/integrations/outlet/?state=online")
    page.locator("#result_list tbody th a").first.click()
    links = page.locator(".object-tools a[href*='/integration/']")
    links.first.wait_for()
    acts = links.evaluate_all("links => links.map(each => each.pathname)")
    assert len(acts) > 4, acts
    for act in acts:
        page.goto(act)
        yield


def faint_on(page: Page, seen: list[str]) -> list[str]:
    """Return a line for each element with too little contrast; test only one element of each kind.

    Skips the kinds in `seen`, and adds the other kinds of this page to it.
    """
    browsing.disable_transitions(page)
    seen[:] = page.evaluate(MARK_DISTINCT, [PRESSED, seen])
    protocol = page.context.new_cdp_session(page)
    protocol.send("DOM.enable")
    protocol.send("CSS.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    nodes = protocol.send("DOM.querySelectorAll", {"nodeId": root, "selector": DISTINCT})["nodeIds"]
    found = []
    for state in STATES:
        for node in nodes if state else ():
            with contextlib.suppress(Error):  # a live part of the page was replaced during the test
                protocol.send("CSS.forcePseudoState", {"nodeId": node, "forcedPseudoClasses": state})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found += [f"{page.url} ({scheme}, {state}): {each}" for each in page.evaluate(FAINT, DISTINCT)]
    protocol.detach()
    return found


def test_the_page_to_try_the_api_follows_the_colour_scheme(chromium: Browser, demo: Demo) -> None:
    with browsing.page_at(chromium, demo.portal, color_scheme="dark") as page:
        page.goto("/api/v1/docs")
        page.locator(".swagger-ui .opblock").first.wait_for()
        assert page.evaluate(GROUND_OF_API_PAGE) == "rgb(28, 32, 34)"
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"{GROUND_OF_API_PAGE} === 'rgba(0, 0, 0, 0)'")
        page.evaluate("localStorage.setItem('theme', 'dark')")
        page.reload()
        page.wait_for_function(f"{GROUND_OF_API_PAGE} === 'rgb(28, 32, 34)'")
