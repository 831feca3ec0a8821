"""Writes docs/pages.md: each page light and wide, and also dark or narrow where that differs in content."""

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.pictures.shots import DARK, NARROW, Shot, sections

FIRST = "light-wide"
WIDTHS = {FIRST: 420, DARK: 420, NARROW: 128}  # of each variant in the document, in pixels
QUALITY = 60
HEAD = """# Every page

`script/screenshots --docs` takes these pictures from a portal with invented customers and simulated POSes. Pages that
look different in dark colours or on a phone have more than one picture. Click a picture to see it in full size.
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
    return [
        f"{shot.name}-{variant}" for shots in sections().values() for shot in shots for variant in variants_of(shot)
    ]


def variants_of(shot: Shot) -> tuple[str, ...]:
    return (FIRST, *shot.variants)


def to_webp(page: Page, png: bytes) -> bytes:
    """Convert a PNG to WebP, a fifth of the size, with the encoder in Chromium."""
    return base64.b64decode(page.evaluate(TO_WEBP, [base64.b64encode(png).decode(), QUALITY]))


def document() -> str:
    parts = [HEAD]
    for title, shots in sections().items():
        parts += [f"\n## {title}\n", *(entry(shot) for shot in shots)]
    return "".join(parts)


def entry(shot: Shot) -> str:
    return f"\n### {shot.title}\n\n" + "\n".join(picture(shot, variant) for variant in variants_of(shot)) + "\n"


def picture(shot: Shot, variant: str) -> str:
    source = f"images/pages/{shot.name}-{variant}.webp"
    words = f"{shot.title}, {variant.replace('-wide', '').replace('light-', '')}"
    return f'<a href="{source}"><img src="{source}" width="{WIDTHS[variant]}" alt="{words}"></a>'
