"""Makes pictures of every page of the portal, light and dark, wide and narrow: `script/screenshots FOLDER`.

The portal is a temporary one with an invented customer; its POSes are simulated. What README shows of it goes to
docs/images, everything to FOLDER.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from integrations.simulator import BackgroundPos
from integrations.simulator import Credentials as PosCredentials
from tests.live import records
from tests.live.browser import chromium, first_login, page_at, sign_in
from tests.live.clients import authenticate, connect, token_for
from tests.live.servers import Credentials, Depot, Stack
from tests.live.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]
README_IMAGE = PROJECT / "docs" / "images" / "portal.png"
SIZES = {"wide": (1280, 800), "narrow": (390, 800)}
SCHEMES = ("light", "dark")
HOUR, DAY = 3600, 86_400

Login = tuple[str, str]


@dataclass(frozen=True)
class Demo:
    """The stack, seeded: outlets in every state, and what happened to them."""

    stack: Stack
    login: Login
    online: int
    weak: int
    overlapping: int
    disabled: int
    rotated: int
    fresh: int


@dataclass(frozen=True)
class Shot:
    """A page, where it is, and what to do on it before the picture."""

    name: str
    path: str
    before: Callable[[Page], None] = lambda _page: None
    signed_in: bool = True
    after: Callable[[Page], None] = lambda _page: None


def main() -> None:
    """Read the folder's name from the command line."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("Usage: script/screenshots FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        depot = Depot(Path(temporary))
        try:
            photograph(browser, depot, folder)
        finally:
            depot.close()


def photograph(browser: Browser, depot: Depot, folder: Path) -> None:
    empty = depot.make("serve")
    take(browser, empty, first_login(empty), empty_shots(), folder)
    with demo_of(depot.make("serve")) as demo:
        take(browser, demo.stack, demo.login, shots(demo), folder)
        take_printed(browser, demo, folder)
    README_IMAGE.parent.mkdir(exist_ok=True)
    shutil.copy(folder / "outlets-light-wide.png", README_IMAGE)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}, and {README_IMAGE.relative_to(PROJECT)}")


def empty_shots() -> list[Shot]:
    lists = ("organisation", "outlet", "integration", "request", "apikey", "connection", "authattempt", "strayframe")
    return [
        Shot("empty-start", "/admin/"),
        *(Shot(f"empty-{name}", f"/admin/integrations/{name}/") for name in lists),
    ]


def shots(demo: Demo) -> list[Shot]:
    integration = "/admin/integrations/integration/{}/{}/"
    return [
        Shot("login", "/admin/login/", signed_in=False),
        Shot("404", "/no-such-page"),
        Shot("start", "/admin/"),
        Shot("organisations", "/admin/integrations/organisation/"),
        Shot("organisation", "/admin/integrations/organisation/1/change/"),
        Shot("outlets", "/admin/integrations/outlet/"),
        Shot("outlets-nothing-fits", "/admin/integrations/outlet/?q=nothing+like+it"),
        Shot("outlet-add", "/admin/integrations/outlet/add/?organisation=1"),
        Shot("outlet-fresh", f"/admin/integrations/outlet/{demo.fresh}/change/"),
        Shot("outlet-enabled", "/admin/integrations/outlet/1/change/"),
        Shot("integrations", "/admin/integrations/integration/"),
        Shot("integration-online", integration.format(demo.online, "change")),
        Shot("integration-weak", integration.format(demo.weak, "change")),
        Shot("integration-overlap", integration.format(demo.overlapping, "change")),
        Shot("integration-disabled", integration.format(demo.disabled, "change")),
        *(Shot(f"{name}s", f"/admin/integrations/{name}/") for name in ("request", "apikey", "messagetype")),
        Shot("apikey-add", "/admin/integrations/apikey/add/"),
        Shot("alerts", "/admin/integrations/alert/"),
        Shot("alert-recipients", "/admin/integrations/alertrecipient/"),
        Shot("webhooks", "/admin/integrations/webhookendpoint/"),
        Shot("webhook-add", "/admin/integrations/webhookendpoint/add/"),
        Shot("deliveries", "/admin/integrations/delivery/"),
        Shot("connections", "/admin/integrations/connection/"),
        Shot("connection", "/admin/integrations/connection/", open_first_row),
        Shot("attempts", "/admin/integrations/authattempt/"),
        Shot("attempt", "/admin/integrations/authattempt/", open_first_row),
        Shot("stray-frames", "/admin/integrations/strayframe/"),
        Shot("stray-frame", "/admin/integrations/strayframe/", open_first_row),
        Shot("audit", "/admin/integrations/auditevent/"),
        Shot("audit-event", "/admin/integrations/auditevent/", open_first_row),
        Shot("enable", f"/admin/integrations/outlet/{demo.fresh}/enable/", open_details),
        Shot("enable-refused", f"/admin/integrations/outlet/{demo.fresh}/enable/", refuse_enabling),
        Shot("rotate", integration.format(demo.online, "rotate")),
        Shot("rotate-in-overlap", integration.format(demo.overlapping, "rotate")),
        Shot("end-overlap", integration.format(demo.overlapping, "end-overlap")),
        Shot("disable", integration.format(demo.online, "disable")),
        Shot("enable-again", integration.format(demo.disabled, "reenable")),
        Shot("change-pos-remote-id", integration.format(demo.online, "change-pos-remote-id")),
        Shot("already-enabled", "/admin/integrations/outlet/1/enable/"),
        Shot("handover", integration.format(demo.rotated, "rotate"), rotate),
        Shot("link-made", integration.format(demo.rotated, "rotate"), make_link),
        Shot("links", "/admin/integrations/handoverlink/"),
        Shot("link-asks", "/handover/#ONPH-00000", signed_in=False),
        Shot("many-file", "/admin/integrations/bulkjob/upload/"),
        Shot("many-checked", "/admin/integrations/bulkjob/upload/", check_file),
        Shot("many-wrong", "/admin/integrations/bulkjob/upload/", check_wrong_file),
        Shot("many-rotate", "/admin/integrations/integration/", choose_all),
        Shot("many", "/admin/integrations/bulkjob/"),
        Shot("delete-organisation", "/admin/integrations/organisation/add/", make_organisation_to_delete, after=delete),
    ]


def take(browser: Browser, stack: Stack, login: Login, wanted: list[Shot], folder: Path) -> None:
    for scheme in SCHEMES:
        for size, (width, height) in SIZES.items():
            viewport = {"width": width, "height": height}
            with page_at(browser, stack, color_scheme=scheme, viewport=viewport) as page:
                for shot in sorted(wanted, key=lambda shot: shot.signed_in):
                    if shot.signed_in and not page.context.cookies():
                        sign_in(page, login)
                    page.goto(shot.path)
                    shot.before(page)
                    page.screenshot(path=folder / f"{shot.name}-{scheme}-{size}.png", full_page=True)
                    shot.after(page)
                    page.context.clear_cookies() if not shot.signed_in else None


def take_printed(browser: Browser, demo: Demo, folder: Path) -> None:
    """The hand-over sheet as paper shows it, out of a dark page."""
    with page_at(browser, demo.stack, color_scheme="dark") as page:
        sign_in(page, demo.login)
        page.goto(f"/admin/integrations/integration/{demo.rotated}/rotate/")
        rotate(page)
        page.emulate_media(media="print")
        page.screenshot(path=folder / "handover-printed.png", full_page=True)


def open_first_row(page: Page) -> None:
    page.locator("#result_list tbody th a").first.click()


def open_details(page: Page) -> None:
    page.locator("details").first.evaluate("details => { details.open = true; }")


def refuse_enabling(page: Page) -> None:
    page.locator("summary").first.click()
    page.get_by_label("POSRemoteID").fill("Bella-Old-Town")
    page.get_by_label("Secret that PowerEPOS has already").fill("short")
    page.get_by_role("button", name="Enable and show the values").click()


def rotate(page: Page) -> None:
    page.get_by_label("None: the old secret ends now").check()
    page.get_by_role("button", name="Rotate and show the new secret").click()
    page.get_by_role("button", name="Copy AuthSecret").click()


def make_link(page: Page) -> None:
    page.get_by_label("None: the old secret ends now").check()
    page.get_by_text("Send the values by a one-time link instead").click()
    page.get_by_role("button", name="Rotate and make a one-time link").click()
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


@contextmanager
def demo_of(stack: Stack) -> Iterator[Demo]:
    """Seed through the portal's own commands and its POS door; then move some of it into the past."""
    login = first_login(stack)
    names = ("Old Town", "Harbour", "Station", "Airport", "Castle Hill", "Market Square")
    town, harbour, station, airport, castle, market = (enable(stack, name) for name in names)
    with ExitStack() as stage:
        seed_offline(stack, harbour)
        seed_never_seen(stack, station)
        stack.rotate_secret(airport, overlap="24h")
        stack.manage("disable_outlet", castle.provider_outlet_id, "--reason", "The till is being replaced")
        weak = enable(stack, "Riverside", secret="sharedS3cr3t!")
        fresh = seed_fresh(stack)
        move_into_the_past(stack)
        for each in (town, airport, market, weak):
            stage.enter_context(come_online(each))
        eventually(lambda: online_count(stack) == 4, what="four outlets are online")
        move_online_into_the_past(stack)
        yield Demo(
            stack,
            login,
            online=records.integration_id(stack, town),
            weak=records.integration_id(stack, weak),
            overlapping=records.integration_id(stack, airport),
            disabled=records.integration_id(stack, castle),
            rotated=records.integration_id(stack, market),
            fresh=fresh,
        )


def enable(stack: Stack, name: str, *, secret: str = "") -> Credentials:
    values = (
        "--organisation",
        "Trattoria Bella",
        "--outlet",
        name,
        "--pos-remote-id",
        f"Bella-{name.replace(' ', '-')}",
    )
    adopt = ("--adopt-secret-stdin",) if secret else ()
    answer = stack.manage_json("enable_outlet", *values, *adopt, stdin=secret or None)
    assert isinstance(answer, dict)
    return Credentials.from_json(answer)


def seed_offline(stack: Stack, outlet: Credentials) -> None:
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send("Hello, is anybody there?")
        pos.send('{"MessageType": "SomethingNew", "PIN": "1234"}')
        assert pos.is_open()
    eventually(lambda: not stack.outlet_row(outlet)["Online"] and stack.outlet_row(outlet)["Since"])


def seed_never_seen(stack: Stack, outlet: Credentials) -> None:
    authenticate(stack, outlet, POSRemoteID="Bella-Harbour")
    authenticate(stack, outlet, AuthSecret="a-wrong-secret")
    authenticate(stack, outlet, AuthSecret=outlet.auth_secret[:-1] + ("0" if outlet.auth_secret[-1] != "0" else "1"))
    eventually(lambda: stack.rows("SELECT count(*) FROM integrations_authattempt WHERE outcome = 'wrong_secret'")[0][0])


def seed_fresh(stack: Stack) -> int:
    code = """
from tests.factories import make_outlet
make_outlet("North Gate", organisation="Trattoria Bella")
print(make_outlet("Rooftop bar", organisation="The Copper Kettle & Sons").pk)
"""
    done = stack.manage("shell", "--command", code)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def move_into_the_past(stack: Stack) -> None:
    """So that the pictures do not say "just now" everywhere. Nothing is online yet."""
    code = f"""
from datetime import timedelta
from django.db import connection
from django.db.models import F
from integrations.models import *
past = timedelta(days=2, hours=5)
Connection.objects.update(opened_at=F("opened_at") - past, closed_at=F("closed_at") - timedelta(hours=3))
Presence.objects.exclude(since=None).update(since=F("since") - timedelta(hours=3))
AuthAttempt.objects.update(at=F("at") - timedelta(seconds={HOUR} / 4))
Credential.objects.update(created_at=F("created_at") - timedelta(seconds={DAY} * 9))
"""
    done = stack.manage("shell", "--command", code)
    assert done.returncode == 0, done.stderr


def move_online_into_the_past(stack: Stack) -> None:
    """The server writes these columns again only when the sockets close."""
    code = """
from datetime import timedelta
from django.db.models import F
from integrations.models import Connection, Presence
for number, presence in enumerate(Presence.objects.filter(is_online=True), start=1):
    span = timedelta(minutes=37 * number * number)
    Presence.objects.filter(pk=presence.pk).update(since=F("since") - span)
    Connection.objects.filter(pk=presence.connection_id).update(opened_at=F("opened_at") - span)
"""
    done = stack.manage("shell", "--command", code)
    assert done.returncode == 0, done.stderr


@contextmanager
def come_online(outlet: Credentials) -> Iterator[None]:
    credentials = PosCredentials(
        provider_outlet_id=outlet.provider_outlet_id,
        pos_remote_id=outlet.pos_remote_id,
        auth_secret=outlet.auth_secret,
        auth_url=outlet.auth_url,
        websocket_url=outlet.websocket_url,
    )
    with BackgroundPos(credentials) as pos:
        pos.wait_for_connections()
        yield


def online_count(stack: Stack) -> int:
    ((count,),) = stack.rows("SELECT count(*) FROM integrations_presence WHERE is_online")
    return int(str(count))


if __name__ == "__main__":
    main()
