"""Write and read the cells of CSV files. An apostrophe (guard) before a formula stops programs from executing it."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

GUARD = "'"
BOM = "\ufeff"  # without it, Excel does not recognise UTF-8

# A spreadsheet program splits lines at the separator of its locale, so it may split one of our cells into two:
# `Bar;=1+1`, quoted or not, is two cells where the separator is a semicolon. The program may drop spaces and quotation
# marks before the formula. The last four characters of _FORMULA are full-width signs, which Japanese and
# Chinese keyboards produce.
_BEGINNING = r"(?:\A|[;,|\t\r\n])[ \"\u00a0]*"
_FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_UNGUARDED = re.compile(rf"({_BEGINNING})(?={GUARD}*{_FORMULA})")
_GUARDED = re.compile(rf"({_BEGINNING}){GUARD}(?={GUARD}*{_FORMULA})")
# A formula that returns a text: people write a number this way so that a spreadsheet keeps its leading zeros.
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL).fullmatch


def guarded(cell: str) -> str:
    """Return a cell with a guard before each character that a program could read as the start of a formula."""
    return _UNGUARDED.sub(rf"\1{GUARD}", cell)


def unguarded(cell: str) -> str:
    """Return a cell without the guards that `guarded` added, so an exported file can be imported unchanged."""
    return _GUARDED.sub(r"\1", cell)


def bare(cell: str) -> str:
    """Return the text that a formula like `="00123"` quotes (here 00123). Return any other cell unchanged."""
    formula = _TEXT_FORMULA(cell)
    return formula.group(1).replace('""', '"') if formula else cell


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV with commas and CRLF, every cell guarded."""
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
