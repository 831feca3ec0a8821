"""In a real browser, staff enable many outlets at once, and hand over a secret by a link."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from integrations.simulator import BackgroundPos
from tests.live.callers import browser as browsing
from tests.live.callers.clients import authenticate
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.staff.test_browser import NAMES, NARROW, assert_fits, begin_enabling, for_pos

HEADER = "Organisation,Outlet,POSRemoteID,AdoptedSecret\r\n"


@pytest.fixture(scope="module")
def portal(depot: Depot) -> Iterator[Stack]:
    stack = depot.make("serve")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def login(portal: Stack) -> tuple[str, str]:
    return browsing.first_login(portal)


@pytest.fixture
def page(chromium: Browser, portal: Stack, login: tuple[str, str]) -> Iterator[Page]:
    with browsing.signed_in_page(chromium, portal, login) as page:
        yield page


def test_a_file_is_checked_and_applied_and_its_secrets_are_downloaded_once(
    page: Page, portal: Stack, tmp_path: Path
) -> None:
    rows = "".join(f"Chain,Outlet {number},Many-{number},\r\n" for number in range(40))
    adopted = "".join(f"Chain,Old {number},Old-{number},their-own-secret-{number}\r\n" for number in range(30))
    complaints = collect_errors(page)
    begin(page, tmp_path, rows + adopted)
    expect(page.get_by_role("heading", name="Nothing has been changed yet")).to_be_visible()
    expect(page.get_by_text("70 outlets would be changed")).to_be_visible()
    given = download(page, "Enable these 70 outlets and download the secrets")
    assert len(given) == 70
    for row in (given[0], given[39]):
        assert authenticate(portal, Credentials.from_json(row)).status_code == 200
    assert given[69]["AuthSecret"] == ""
    page.reload()  # the browser submits the file again
    expect(page.get_by_text("There is nothing to do")).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False])
def test_confirming_shows_one_page_with_the_secrets_without_scripts(
    chromium: Browser, page: Page, portal: Stack, tmp_path: Path, scripts: bool
) -> None:
    session = page.context.storage_state()
    with browsing.page_at(
        chromium, portal, java_script_enabled=scripts, storage_state=session, viewport=NARROW
    ) as other:
        begin(other, tmp_path, f"Once {scripts},One,Once-{scripts},\r\n")
        other.get_by_role("button", name="Enable this outlet", exact=True).click()
        expect(other.get_by_role("heading", name="Done: 1 outlet")).to_be_visible()
        assert_fits(other)
        shown = other.content()
        LEDGER.remember_generated(shown)
        assert len(set(re.findall(r"ONPS-[0-9A-Z-]{10,}", shown))) == 1
        # The browser's cache does not contain the form, so request the form again instead of going back to it.
        other.goto("/admin/integrations/outlet/enable-file/")
        assert "ONPS-" not in other.content()


def test_a_wrong_file_is_refused_and_the_corrected_one_is_accepted(page: Page, tmp_path: Path) -> None:
    begin(page, tmp_path, "Mend,One,Mend-1,\r\nMend,Two,Mend-1,\r\n")
    expect(page.get_by_text("This POSRemoteID is already used in row 2")).to_be_visible()
    expect(page.get_by_role("button", name="Enable these")).to_have_count(0)
    page.get_by_role("link", name="Upload another file").click()
    send(page, tmp_path, "Mend,One,Mend-1,\r\nMend,Two,Mend-2,\r\n")
    page.get_by_role("button", name="Enable these 2 outlets", exact=True).click()
    expect(page.get_by_role("heading", name="Done: 2 outlets")).to_be_visible()


def test_many_outlets_are_disabled_and_rotated_from_the_list(page: Page, tmp_path: Path, portal: Stack) -> None:
    begin(page, tmp_path, "".join(f"Tavern,Tavern {number},Tavern-{number},\r\n" for number in range(55)))
    page.get_by_role("button", name="Enable these 55 outlets", exact=True).click()
    expect(page.get_by_role("heading", name="Done: 55 outlets")).to_be_visible()
    choose_all(page, "Rotate secrets…")
    page.get_by_label("24 hours:").check()
    rotated = download(page, "Rotate these 55 secrets and download the secrets")
    assert authenticate(portal, Credentials.from_json(rotated[7])).status_code == 200
    with BackgroundPos(for_pos(Credentials.from_json(rotated[7]))) as pos:
        pos.wait_for_connections()
        choose_all(page, "Disable…")
        page.get_by_label("Reason").fill("Closed for the season")
        page.get_by_role("button", name="Disable these 55 outlets").click()
        expect(page.get_by_role("heading", name="Done: 55 outlets")).to_be_visible()
        pos.wait_for_closures(limit=5)
    assert authenticate(portal, Credentials.from_json(rotated[7])).status_code == 403


@pytest.mark.parametrize("scripts", [True, False])
def test_the_enter_key_in_the_fields_of_a_link_creates_the_link(
    chromium: Browser, page: Page, portal: Stack, login: tuple[str, str], scripts: bool
) -> None:
    name = f"Entered {scripts}"
    add_outlet(page, name)
    enable, session = page.url, page.context.storage_state()
    with browsing.page_at(chromium, portal, java_script_enabled=scripts, storage_state=session) as other:
        other.goto(enable)
        other.get_by_label("POSRemoteID").fill(name)
        expect(other.get_by_label("Passphrase")).to_be_hidden()
        other.get_by_label("Create a one-time link").check()
        other.get_by_label("Passphrase").fill("correct horse battery")
        other.get_by_label("Passphrase").press("Enter")
        expect(other.locator("#value-Link")).to_be_visible()
        LEDGER.remember(other.locator("#value-Link").inner_text().partition("#")[2])
        assert "ONPS-" not in other.content()


def test_the_export_keeps_the_search(page: Page, portal: Stack) -> None:
    outlet = portal.enable_outlet("Exported")
    page.goto("/admin/integrations/outlet/?q=Exported")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export as CSV").click()
    (row,) = read(started.value.path())
    assert row["ProviderOutletID"] == outlet.provider_outlet_id


def test_a_link_opens_once_in_another_browser_and_staff_see_that(
    chromium: Browser, page: Page, portal: Stack, login: tuple[str, str]
) -> None:
    begin_enabling(page, "Linked", "Linked-1")
    page.get_by_label("Create a one-time link").check()
    page.get_by_role("button", name="Enable outlet").click()
    url, passphrase = page.locator("#value-Link").inner_text(), page.locator("#value-Passphrase").inner_text()
    LEDGER.remember(url.partition("#")[2], passphrase)
    assert "ONPS-" not in page.content()
    with browsing.page_at(chromium, portal, color_scheme="dark", viewport=NARROW) as recipient:
        complaints = collect_errors(recipient)
        recipient.goto(url)
        expect(recipient.get_by_label("Code of the link")).to_be_hidden()
        assert_fits(recipient)
        values = open_link(recipient, passphrase)
        assert authenticate(portal, Credentials.from_json(values)).status_code == 200
        assert_fits(recipient)
        recipient.reload()
        assert values["AuthSecret"] not in recipient.content()
        assert complaints == []
    with browsing.page_at(chromium, portal) as second:
        second.goto(url)
        second.get_by_label("Passphrase").fill(passphrase)
        second.get_by_role("button", name="Show the values once").click()
        expect(second.get_by_role("alert")).to_contain_text("do not match")
    page.get_by_role("link", name="Done").click()
    links = page.get_by_role("region", name="One-time hand-over links").first
    expect(links).to_contain_text("opened")
    expect(links).to_contain_text("127.0.0.1")


def test_the_link_page_works_without_scripts(chromium: Browser, page: Page, portal: Stack) -> None:
    begin_enabling(page, "Scriptless", "Scriptless-1")
    page.get_by_label("Create a one-time link").check()
    page.get_by_label("Passphrase").fill("correct horse battery")
    page.get_by_role("button", name="Enable outlet").click()
    url = page.locator("#value-Link").inner_text()
    LEDGER.remember(url.partition("#")[2])
    with browsing.page_at(chromium, portal, java_script_enabled=False) as recipient:
        recipient.goto(url)
        recipient.get_by_label("Code of the link").fill(url)
        recipient.get_by_label("Passphrase").fill("correct horse battery")
        recipient.get_by_role("button", name="Show the values once").click()
        expect(recipient.locator("#value-AuthSecret")).to_contain_text("ONPS-")
        LEDGER.remember(recipient.locator("#value-AuthSecret").inner_text())
        for what_needs_one in ("[data-copy] >> nth=0", "[data-print]"):
            expect(recipient.locator(what_needs_one)).to_be_hidden()


def begin(page: Page, folder: Path, rows: str) -> None:
    """Start "Enable from a file" on the list of outlets, and stop at the page that lists the effects."""
    page.goto("/admin/integrations/outlet/")
    page.get_by_role("link", name="Enable from a file").click()
    send(page, folder, rows)


def send(page: Page, folder: Path, rows: str) -> None:
    LEDGER.remember(*re.findall(r"their-own-secret-\d+", rows))
    file = folder / "outlets.csv"
    file.write_text(HEADER + rows, newline="")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()


def download(page: Page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    return read(started.value.path())


def read(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    LEDGER.remember_generated(text)
    return list(csv.DictReader(io.StringIO(text)))


def add_outlet(page: Page, name: str) -> None:
    """Add an organisation and an outlet, and open the form that enables it."""
    page.goto("/admin/integrations/organisation/add/")
    page.get_by_label("Name:").fill(f"Organisation of {name}")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="Add outlet").click()
    page.get_by_label("Name:").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Enable Order N Pay").click()
    page.get_by_role("heading", name="Enable Order N Pay").wait_for()


def choose_all(page: Page, action: str) -> None:
    page.goto("/admin/integrations/outlet/?q=Tavern")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name=re.compile("Select all 55")).click()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name=re.compile("^(Go|Run)")).click()


def open_link(recipient: Page, passphrase: str) -> dict[str, str]:
    """Enter a wrong passphrase, then the correct one in lower case; return the values that the page then shows."""
    recipient.get_by_label("Passphrase").fill("not this one")
    recipient.keyboard.press("Enter")
    expect(recipient.get_by_role("alert")).to_contain_text("do not match")
    recipient.get_by_label("Passphrase").fill(passphrase.lower())
    recipient.get_by_role("button", name="Show the values once").click()
    return {name: recipient.locator(f"#value-{name}").inner_text() for name in NAMES}


def collect_errors(page: Page) -> list[str]:
    """Return a list that will collect the page's script errors, and its console errors that do not mention 403."""
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type == "error" and "403" not in message.text else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
