"""CSV for spreadsheets: what begins like a formula is written so that no program takes it for one."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

GUARD = "'"
BOM = "\ufeff"  # without it Excel reads UTF-8 as something else

# A program splits at the separator of its own language, whatever ours is, and so it may begin a cell within one of
# ours: `Bar;=1+1` is two cells where the separator is a semicolon, quoted or not. Blanks and quotation marks before the
# formula may be left out by the program. The wide signs are what Japanese and Chinese keyboards type.
_BEGINNING = r"(?:\A|[;,|\t\r\n])[ \"\u00a0]*"
_FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_UNGUARDED = re.compile(rf"({_BEGINNING})(?={GUARD}*{_FORMULA})")
_GUARDED = re.compile(rf"({_BEGINNING}){GUARD}(?={GUARD}*{_FORMULA})")
# How a spreadsheet keeps the zeros of a number: the cell is a formula that is a text.
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL).fullmatch


def guarded(cell: str) -> str:
    """Return a cell with the guard before whatever a program could take for the beginning of a formula."""
    return _UNGUARDED.sub(rf"\1{GUARD}", cell)


def unguarded(cell: str) -> str:
    """Return what `guarded` was given: a file that was exported comes back in as it was."""
    return _GUARDED.sub(r"\1", cell)


def bare(cell: str) -> str:
    """Return the text of a cell that was written as a formula to keep it a text: 00123 for `="00123"`."""
    formula = _TEXT_FORMULA(cell)
    return formula.group(1).replace('""', '"') if formula else cell


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV with commas and CRLF, every cell guarded."""
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
