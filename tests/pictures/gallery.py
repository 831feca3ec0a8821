"""Writes docs/pages.md: every page, light, dark and narrow."""

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.pictures.shots import Shot, sections

SHOWN = {"light-wide": 420, "dark-wide": 420, "light-narrow": 128}  # how, and how wide in the document
QUALITY = 60
HEAD = """# Every page

Made by `script/screenshots --docs` from a portal with invented customers and simulated POSes: light, dark, and narrow
as a telephone. A click shows a picture as large as it is.
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
    """Make the pictures small and write the document that shows them."""
    pictures = docs / "images" / "pages"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.iterdir():
        old.unlink()
    page = browser.new_page()
    for name in picture_names():
        (pictures / f"{name}.webp").write_bytes(to_webp(page, (folder / f"{name}.png").read_bytes()))
    (docs / "pages.md").write_text(document(), encoding="utf-8")


def picture_names() -> list[str]:
    return [f"{shot.name}-{how}" for shots in sections().values() for shot in shots for how in SHOWN]


def to_webp(page: Page, png: bytes) -> bytes:
    """Chromium has the encoder; a fifth of the size."""
    return base64.b64decode(page.evaluate(TO_WEBP, [base64.b64encode(png).decode(), QUALITY]))


def document() -> str:
    parts = [HEAD]
    for title, shots in sections().items():
        parts += [f"\n## {title}\n", *(entry(shot) for shot in shots)]
    return "".join(parts)


def entry(shot: Shot) -> str:
    return f"\n### {shot.title}\n\n" + "\n".join(picture(shot, how, width) for how, width in SHOWN.items()) + "\n"


def picture(shot: Shot, how: str, width: int) -> str:
    source = f"images/pages/{shot.name}-{how}.webp"
    words = f"{shot.title}, {how.replace('-wide', '').replace('light-', '')}"
    return f'<a href="{source}"><img src="{source}" width="{width}" alt="{words}"></a>'
