"""The actions of a person on a page, before or after the screenshot of the page is taken."""

from playwright.sync_api import Page

from integrations.simulator.example import MANAGER


def ask_for_open_orders(page: Page) -> None:
    page.get_by_role("button", name="Send a test request").click()
    page.locator(".onp-live [role=status]", has_text="All 7 steps are done").wait_for()


def write_no_json(page: Page) -> None:
    page.get_by_label("Payload (JSON)").fill('{\n  "Table": 7\n  "Covers": 2\n}')
    page.get_by_label("Yes, send it").check()
    page.get_by_role("button", name="Send to the POS").click()


def ask_as_manager(page: Page) -> None:
    page.get_by_label("UserIdentifier").fill(MANAGER.user_id)
    page.get_by_role("button", name="Send to the POS").click()
    page.locator(".onp-live [role=status]", has_text="Answered. ResultCode 0.").wait_for()


def refuse_password(page: Page) -> None:
    """Submit a wrong password, each time under a new name, because repeated failures of one name cause a wait."""
    page.get_by_label("User name:").fill(f"anna-{page.evaluate('Date.now()')}")
    page.get_by_label("Password:").fill("not-my-password")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def open_first_row(page: Page) -> None:
    page.locator("#result_list tbody th a").first.click()


def open_anna(page: Page) -> None:
    page.get_by_role("link", name="anna", exact=True).click()


def reset_factors(page: Page) -> None:
    open_anna(page)
    page.get_by_role("link", name="Reset second factors").click()


def unlink_identity(page: Page) -> None:
    open_anna(page)
    page.get_by_role("link", name="Unlink").click()


def open_details(page: Page) -> None:
    page.locator("details").first.evaluate("details => { details.open = true; }")


def refuse_enabling(page: Page) -> None:
    page.locator("summary").first.click()
    page.get_by_label("POSRemoteID").fill("Bella-Old-Town")
    page.get_by_label("Secret that PowerEPOS already has").fill("short")
    page.get_by_role("button", name="Enable outlet").click()


def rotate(page: Page) -> None:
    page.get_by_label("None: the old secret ends now").check()
    page.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("button", name="Copy AuthSecret").click()


def make_link(page: Page) -> None:
    page.get_by_label("None: the old secret ends now").check()
    page.get_by_label("Create a one-time link").check()
    page.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("button", name="Copy Link").click()


def check_file(page: Page) -> None:
    send(page, "Osteria Nove,Garden,Nove-1\nOsteria Nove,Cellar,Nove-2\nOsteria Nove,Roof,Nove-3\n")


def check_wrong_file(page: Page) -> None:
    send(page, "Osteria Nove,Garden,Nove-1\nOsteria Nove,Cellar,Nove-1\nOsteria Nove,,Nove-3\n")


def send(page: Page, rows: str) -> None:
    content = f"Organisation,Outlet,POSRemoteID\n{rows}".encode()
    page.get_by_label("CSV file").set_input_files({"name": "nove.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Check the file").click()


def choose_all(page: Page) -> None:
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(label="Rotate secrets…")
    page.locator(".actions button").first.click()


def make_organisation_to_delete(page: Page) -> None:
    page.get_by_label("Name:").fill(f"Made by mistake {page.evaluate('Date.now()')}")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="Delete").click()


def delete(page: Page) -> None:
    page.get_by_role("button", name="Yes").click()
    page.locator(".messagelist").wait_for()


def ask_once(page: Page) -> None:
    page.get_by_label("UserIdentifier").fill(MANAGER.user_id)
    open_details(page)
    page.get_by_label("Send it at most once").check()
    page.get_by_role("button", name="Send to the POS").click()
    page.locator(".onp-live [role=status]", has_text="Answered. ResultCode 0.").wait_for()


def refuse_passphrase(page: Page) -> None:
    page.get_by_label("Passphrase").fill("not the passphrase")
    page.get_by_role("button", name="Show the values once").click()
    page.get_by_role("alert").wait_for()


def open_link(page: Page) -> None:
    make_link(page)
    link, passphrase = (page.locator(f"#value-{name}").inner_text() for name in ("Link", "Passphrase"))
    page.goto(link)
    page.get_by_label("Passphrase").fill(passphrase)
    page.get_by_role("button", name="Show the values once").click()
    page.get_by_text("shown only this once").wait_for()


def send_foreign_form(page: Page) -> None:
    page.locator("#logout-form input[name=csrfmiddlewaretoken]").evaluate("field => { field.value = ''; }")
    page.get_by_role("button", name="Sign out").click()
    page.locator("body.onp-error").wait_for()
