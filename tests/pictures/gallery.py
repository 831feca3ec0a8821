"""Writes docs/pages.md, which shows a picture of each page, and of some pages in dark colours or on a phone."""

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.pictures.shots import DARK, LIGHT, NARROW, Shot, sections

WIDTHS = {LIGHT: 420, DARK: 420, NARROW: 128}  # widths of the pictures in the document, in pixels
QUALITY = 60
HEAD = """# Every page

`script/screenshots --docs` takes these pictures from a portal with invented customers and simulated POSes. The
last section has some pages in dark colours, and as a phone shows them. Click a picture to see it in full size.
"""
TO_WEBP = """async ([png, quality]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/webp', quality / 100).split(',')[1];
}"""


def publish(browser: Browser, folder: Path, docs: Path) -> None:
    """Compress the screenshots, and write the document that shows them."""
    pictures = docs / "images" / "pages"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.iterdir():
        old.unlink()
    page = browser.new_page()
    for name in picture_names():
        (pictures / f"{name}.webp").write_bytes(to_webp(page, (folder / f"{name}.png").read_bytes()))
    (docs / "pages.md").write_text(document(), encoding="utf-8")


def picture_names() -> list[str]:
    return [f"{shot.name}-{shot.variant}" for shots in sections().values() for shot in shots]


def to_webp(page: Page, png: bytes) -> bytes:
    """Convert a PNG to WebP with Chromium's encoder; the WebP takes a fifth of the space."""
    return base64.b64decode(page.evaluate(TO_WEBP, [base64.b64encode(png).decode(), QUALITY]))


def document() -> str:
    parts = [HEAD]
    for title, shots in sections().items():
        parts += [f"\n## {title}\n", *(entry(shot) for shot in shots)]
    return "".join(parts)


def entry(shot: Shot) -> str:
    source = f"images/pages/{shot.name}-{shot.variant}.webp"
    picture = f'<a href="{source}"><img src="{source}" width="{WIDTHS[shot.variant]}" alt="{shot.title}"></a>'
    return f"\n### {shot.title}\n\n{picture}\n"
