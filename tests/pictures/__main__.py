"""Takes screenshots of the pages of a temporary portal with invented customers and simulated POSes.

`script/screenshots FOLDER` takes every page in four variants. `script/screenshots --docs` updates docs/pages.md.
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
from tests.pictures.shots import EMPTY, Shot, sections
from tests.pictures.steps import rotate
from tests.support.project import PROJECT

README_IMAGE = PROJECT / "docs" / "images" / "portal.png"
SIZES = {"wide": (1280, 800), "narrow": (390, 800)}
VARIANTS = tuple(f"{scheme}-{size}" for scheme in ("light", "dark") for size in SIZES)

Login = tuple[str, str]


def main() -> None:
    """Read the destination of the screenshots from the command line, and take them."""
    if len(sys.argv) != 2 or (sys.argv[1].startswith("-") and sys.argv[1] != "--docs"):
        sys.exit("Usage: script/screenshots FOLDER | --docs")
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        depot = Depot(Path(temporary))
        is_for_docs = sys.argv[1] == "--docs"
        folder = Path(temporary) / "pictures" if is_for_docs else Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            photograph(browser, depot, folder, is_for_docs=is_for_docs)
        finally:
            depot.close()
        if is_for_docs:
            gallery.publish(browser, folder, PROJECT / "docs")
            shutil.copy(folder / "outlets-light-wide.png", README_IMAGE)


def photograph(browser: Browser, depot: Depot, folder: Path, *, is_for_docs: bool) -> None:
    """Take a screenshot of each page, in all four variants, and of the pages of an empty portal.

    With `is_for_docs`, takes each page only in the variant that docs/pages.md shows, and skips the empty portal.
    """
    if not is_for_docs:
        empty = depot.make("serve")
        take(browser, empty, first_login(empty), folder, dict.fromkeys(VARIANTS, EMPTY))
    with demo_of(depot.make("serve", env=ENVIRONMENT)) as demo:
        shots = [shot for shots in sections(demo.places).values() for shot in shots]
        wanted = {each: [shot for shot in shots if shot.variant == each or not is_for_docs] for each in VARIANTS}
        take(browser, demo.stack, demo.login, folder, wanted)
        take_printed(browser, demo, folder)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def take(browser: Browser, stack: Stack, login: Login, folder: Path, wanted: dict[str, list[Shot]]) -> None:
    for variant, shots in wanted.items():
        scheme, size = variant.split("-")
        width, height = SIZES[size]
        with page_at(browser, stack, color_scheme=scheme, viewport={"width": width, "height": height}) as page:
            take_all(page, login, shots, folder, variant)


def take_all(page: Page, login: Login, wanted: list[Shot], folder: Path, suffix: str) -> None:
    """Take screenshots of the pages that need no sign-in; then sign in, and take screenshots of the others."""
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
    """Take a screenshot of the hand-over sheet as it is printed when the browser uses the dark scheme."""
    with page_at(browser, demo.stack, color_scheme="dark") as page:
        sign_in(page, demo.login)
        page.goto(f"/admin/integrations/integration/{demo.places.rotated}/rotate/")
        rotate(page)
        page.emulate_media(media="print")
        page.screenshot(path=folder / "handover-printed.png", full_page=True)


if __name__ == "__main__":
    main()
