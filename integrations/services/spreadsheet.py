"""CSV for spreadsheets: what begins like a formula is written so that no program takes it for one."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
GUARD = "'"
BOM = "\ufeff"  # without it Excel reads UTF-8 as something else


def guarded(cell: str) -> str:
    """Return a cell that begins like a formula, or with the guard before such a one, with the guard before it."""
    return GUARD + cell if cell.lstrip(GUARD).startswith(FORMULA) else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given: a file that was exported comes back in as it was."""
    return cell[1:] if cell.startswith(GUARD) and cell.lstrip(GUARD).startswith(FORMULA) else cell


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV with commas and CRLF, every cell guarded."""
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
