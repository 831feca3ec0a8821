"""Takes screenshots of every page of the portal: `script/screenshots FOLDER`, or `--docs` for those in docs/pages.md.

The portal is a temporary one with invented customers; its POSes are simulated.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.live.callers.browser import chromium, first_login, page_at, sign_in
from tests.live.stack.servers import Depot, Stack
from tests.pictures import gallery
from tests.pictures.demo import ENVIRONMENT, Demo, demo_of
from tests.pictures.shots import EMPTY, Shot, rotate, sections
from tests.support.project import PROJECT

README_IMAGE = PROJECT / "docs" / "images" / "portal.png"
SIZES = {"wide": (1280, 800), "narrow": (390, 800)}
SCHEMES = ("light", "dark")

Login = tuple[str, str]


def main() -> None:
    """Read the destination of the screenshots from the command line, and take them."""
    if len(sys.argv) != 2 or (sys.argv[1].startswith("-") and sys.argv[1] != "--docs"):
        sys.exit("Usage: script/screenshots FOLDER | --docs")
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        depot = Depot(Path(temporary))
        folder = Path(temporary) / "pictures" if sys.argv[1] == "--docs" else Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            photograph(browser, depot, folder)
        finally:
            depot.close()
        if sys.argv[1] == "--docs":
            gallery.publish(browser, folder, PROJECT / "docs")
            shutil.copy(folder / "outlets-light-wide.png", README_IMAGE)


def photograph(browser: Browser, depot: Depot, folder: Path) -> None:
    empty = depot.make("serve")
    take(browser, empty, first_login(empty), EMPTY, folder)
    with demo_of(depot.make("serve", env=ENVIRONMENT)) as demo:
        wanted = [shot for shots in sections(demo.places).values() for shot in shots]
        take(browser, demo.stack, demo.login, wanted, folder)
        take_printed(browser, demo, folder)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def take(browser: Browser, stack: Stack, login: Login, wanted: list[Shot], folder: Path) -> None:
    for scheme in SCHEMES:
        for size, (width, height) in SIZES.items():
            with page_at(browser, stack, color_scheme=scheme, viewport={"width": width, "height": height}) as page:
                take_all(page, login, wanted, folder, f"{scheme}-{size}")


def take_all(page: Page, login: Login, wanted: list[Shot], folder: Path, suffix: str) -> None:
    """Take the pages that need no sign-in, then sign in and take the others."""
    is_signed_in = False
    for shot in sorted(wanted, key=lambda shot: shot.signed_in):
        if shot.signed_in and not is_signed_in:
            sign_in(page, login)
            is_signed_in = True
        page.goto(shot.path)
        shot.before(page)
        page.screenshot(path=folder / f"{shot.name}-{suffix}.png", full_page=True)
        shot.after(page)


def take_printed(browser: Browser, demo: Demo, folder: Path) -> None:
    """Take the hand-over sheet with the print style, from a page in the dark scheme."""
    with page_at(browser, demo.stack, color_scheme="dark") as page:
        sign_in(page, demo.login)
        page.goto(f"/admin/integrations/integration/{demo.places.rotated}/rotate/")
        rotate(page)
        page.emulate_media(media="print")
        page.screenshot(path=folder / "handover-printed.png", full_page=True)


if __name__ == "__main__":
    main()
