"""From the start page, staff find any fault of a till, and the advice on it, in at most two clicks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.live.callers import browser as browsing
from tests.live.callers import records
from tests.live.callers.backend import pos_of
from tests.live.callers.clients import authenticate
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

MOST_CLICKS = 2
TOO_MANY = 429
OTHER_DIGIT = {True: "1", False: "0"}


@dataclass(frozen=True)
class Fault:
    """A fault that a till can have. `cause` brings it about for a new outlet.

    The start page then lists the outlet in its part `group`. The outlet's page shows `words`, which tell the person on
    site what to do.
    """

    cause: Callable[[Stack, Credentials], None]
    group: str
    words: str


def be_wrong(stack: Stack, outlet: Credentials) -> None:
    authenticate(stack, outlet, AuthSecret=stack.supply_outlet().auth_secret)


def be_mistyped(stack: Stack, outlet: Credentials) -> None:
    authenticate(stack, outlet, AuthSecret=mistyped(outlet))


def be_retired(stack: Stack, outlet: Credentials) -> None:
    stack.rotate_secret(outlet)
    authenticate(stack, outlet)


def be_mispaired(stack: Stack, outlet: Credentials) -> None:
    authenticate(stack, outlet, POSRemoteID="Supply-Statoin")


def be_unknown(stack: Stack, outlet: Credentials) -> None:
    """Send the right ProviderOutletID once, and then an unknown one."""
    authenticate(stack, outlet)
    authenticate(stack, outlet, ProviderOutletID="mistyped-id")


def be_disabled(stack: Stack, outlet: Credentials) -> None:
    stack.disable(outlet)
    eventually(lambda: authenticate(stack, outlet).status_code == 403)


def be_throttled(stack: Stack, outlet: Credentials) -> None:
    """Fail until the portal blocks the till.

    This can take more failures than the limit of ten. When a process notices that the outlet was enabled, which takes
    up to a second, it discards the failures that it has already counted.
    """
    eventually(lambda: authenticate(stack, outlet, AuthSecret=mistyped(outlet)).status_code == TOO_MANY)


def be_offline(stack: Stack, outlet: Credentials) -> None:
    with pos_of(outlet) as pos:
        pos.wait_for_connections()
        eventually(lambda: records.is_online(stack, outlet))
    eventually(lambda: not records.is_online(stack, outlet))


def be_replaced(stack: Stack, outlet: Credentials) -> None:
    waited = "SELECT 1 FROM integrations_authattempt WHERE integration_id = %s AND outcome = 'second_till'"
    with pos_of(outlet), pos_of(outlet):
        eventually(lambda: stack.rows(waited, records.integration_id(stack, outlet)))


FAULTS = {
    "wrong secret": Fault(be_wrong, "Refused", "Enter the AuthSecret again"),
    "mistyped secret": Fault(be_mistyped, "Refused", "it has a wrong letter or digit"),
    "retired secret": Fault(be_retired, "Refused", "The till has a secret that was replaced"),
    "wrong POSRemoteID": Fault(be_mispaired, "Refused", "Correct the POSRemoteID in PowerEPOS"),
    "unknown ProviderOutletID": Fault(be_unknown, "Refused", "Correct the ProviderOutletID"),
    "disabled": Fault(be_disabled, "Refused", "Change nothing yet"),
    "throttled": Fault(be_throttled, "Refused", "it has a wrong letter or digit"),
    "offline": Fault(be_offline, "Offline", "Is PowerEPOS running"),
    "replaced by another till": Fault(be_replaced, "Refused", "Another till has the same three values"),
}
# The button that resolves each fault, for faults that the portal can resolve.
BUTTONS = {
    "wrong POSRemoteID": "Change the POSRemoteID to the one that was sent",
    "disabled": "Enable again",
    "throttled": "End the wait",
}


@dataclass
class Visit:
    """A page whose clicks are counted."""

    page: Page
    clicks: int = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1


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


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_from_the_start_page_in_two_clicks(stack: Stack, page: Page, name: str) -> None:
    fault, outlet = FAULTS[name], stack.supply_outlet()
    fault.cause(stack, outlet)
    visit = Visit(page)
    page.goto("/admin/")
    group = page.get_by_role("region", name=fault.group, exact=True)
    visit.click(group.get_by_role("link", name=name_of(stack, outlet), exact=True))
    advice = page.locator(".onp-tell")
    expect(advice).to_contain_text("Tell the person on site:")
    expect(advice).to_contain_text(fault.words)
    if name in BUTTONS:
        expect(page.get_by_role("link", name=BUTTONS[name])).to_be_visible()
    assert visit.clicks <= MOST_CLICKS


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.group == "Refused"])
def test_each_refused_attempt_leads_to_the_words_in_one_click(stack: Stack, page: Page, name: str) -> None:
    fault, outlet, before = FAULTS[name], stack.supply_outlet(), refusals(stack)
    fault.cause(stack, outlet)
    eventually(lambda: refusals(stack) > before)
    page.goto("/admin/integrations/authattempt/")
    refused = page.locator("#result_list tbody tr", has=page.locator(".onp-refused")).first
    refused.locator("th a").first.click()
    expect(page.locator(".onp-tell")).to_contain_text(fault.words)


def mistyped(outlet: Credentials) -> str:
    """Return the outlet's secret with its last character changed, which makes the checksum wrong."""
    return f"{outlet.auth_secret[:-1]}{OTHER_DIGIT[outlet.auth_secret.endswith('0')]}"


def refusals(stack: Stack) -> int:
    ((count,),) = stack.rows("SELECT count(*) FROM integrations_authattempt WHERE outcome <> 'accepted'")
    return int(str(count))


def name_of(stack: Stack, outlet: Credentials) -> str:
    return f"Supply – {stack.outlet_row(outlet)['Outlet']}"
