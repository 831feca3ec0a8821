"""A portal with very many organisations suggests them while a person types."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from integrations.staff.integration.enable_actions import MOST_SUGGESTED
from tests.live.callers import browser as browsing
from tests.live.stack.servers import Stack

LAST = "Zz Kiosk"  # an organisation that comes, in alphabetical order, after those that the page lists
INSERT = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
    INSERT INTO integrations_organisation (name, created_at, opening_hours, time_zone)
    SELECT 'Suggested ' || n, '2026-01-01', '', '' FROM numbers UNION ALL SELECT %s, '2026-01-01', '', ''
"""
DELETE = "DELETE FROM integrations_organisation WHERE name LIKE 'Suggested %%' OR name = %s"


@pytest.fixture
def page(chromium: Browser, shared_stack: Callable[[str], Stack]) -> Iterator[Page]:
    """The form that enables an outlet, in a portal with more organisations than the form lists."""
    portal = shared_stack("serve-sqlite")
    portal.execute(INSERT, MOST_SUGGESTED, LAST)
    with browsing.page_at(chromium, portal) as page:
        browsing.sign_in(page, browsing.first_login(portal))
        page.goto("/admin/integrations/outlet/enable/")
        yield page
    portal.execute(DELETE.replace("%%", "%"), LAST)


def test_an_organisation_that_the_page_does_not_list_is_suggested_while_a_person_types_its_name(page: Page) -> None:
    options, field = page.locator("#organisations option"), page.get_by_label("Organisation")
    expect(options).to_have_count(MOST_SUGGESTED)
    expect(suggestion(page, LAST)).to_have_count(0)
    field.press_sequentially("zz")
    expect(suggestion(page, LAST)).to_have_count(1)
    expect(options).to_have_count(1)
    field.fill("no such name")
    expect(options).to_have_count(0)
    field.fill("suggested 7")
    expect(suggestion(page, "Suggested 7")).to_have_count(1)
    page.route("**/organisations/**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        field.fill("zz")
    expect(suggestion(page, "Suggested 7")).to_have_count(1)


def suggestion(page: Page, name: str) -> Locator:
    return page.locator(f"#organisations option[value='{name}']")
