"""Reads a file of outlets to enable. Pure: bytes in, rows out, and what is wrong with the file as a whole."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.conf import settings

from integrations.exceptions import PortalError
from integrations.services import spreadsheet

# Under each of our names the spellings that are understood, without case, blanks, hyphens and underscores.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "organisation": ("organisation", "organization"),
    "outlet": ("outlet", "outletname"),
    "pos_remote_id": ("posremoteid",),
    "provider_outlet_id": ("provideroutletid",),
    "adopted_secret": ("adoptedsecret", "authsecret", "secret"),
}
REQUIRED = ("organisation", "outlet", "pos_remote_id")
WRITTEN = {
    "organisation": "Organisation",
    "outlet": "Outlet",
    "pos_remote_id": "POSRemoteID",
    "provider_outlet_id": "ProviderOutletID",
    "adopted_secret": "AdoptedSecret",
}
LONGEST_LINE = 16 * 1024


class FileRefused(PortalError):
    """The file cannot be read as a list of outlets; the text says what to change."""

    message = "The file cannot be read."


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line of the file; `number` is the line's in a spreadsheet, where the header is 1."""

    number: int
    organisation: str
    outlet: str
    pos_remote_id: str
    provider_outlet_id: str = ""
    adopted_secret: str = field(default="", repr=False)
    fault: str = ""


def read_rows(content: bytes) -> list[FileRow]:
    """Return the file's rows; a row of the wrong shape carries its `fault`. Raises FileRefused."""
    if len(content) > settings.BULK_BYTES:
        raise FileRefused(
            f"The file has {len(content):,} bytes; {settings.BULK_BYTES:,} are allowed. Split it, and send the parts."
        )
    text = _decoded(content)
    lines = _parsed(text)
    header = next(lines, None)
    if header is None:
        raise FileRefused(f"The file is empty. Its first line must name the columns: {_wanted()}.")
    columns = _columns(header[1])
    rows = [_row(number, cells, columns) for number, cells in _bounded(lines)]
    if not rows:
        raise FileRefused("The file names its columns and no outlet: add a line for each.")
    return rows


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(
            f"Line {line} is not UTF-8. Save the sheet as “CSV UTF-8 (comma delimited)”, then send it again."
        ) from error
    if "\x00" in text:
        raise FileRefused("This is not a CSV file in UTF-8. Save the sheet as “CSV UTF-8”, then send it again.")
    return text


def _parsed(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank, with the number that a spreadsheet gives them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield number, cells
    except csv.Error as error:
        raise FileRefused(
            f"Row {number + 1} cannot be read ({error}). Look for a quotation mark that is not closed, or not doubled."
        ) from error


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return ";" if first.count(";") > first.count(",") else ","


def _columns(header: list[str]) -> list[str]:
    """Return our name of each column. Raises FileRefused for one unknown, twice there or missing."""
    while header and not header[-1].strip():
        header = header[:-1]
    known = {spelling: name for name, spellings in COLUMNS.items() for spelling in spellings}
    found: list[str] = []
    for cell in header:
        name = known.get(re.sub(r"[\s_\-]+", "", cell).casefold())
        if name is None:
            raise FileRefused(
                f"The column {cell.strip()[:60]!r} is unknown. The first line must name the columns: {_wanted()}."
            )
        if name in found:
            raise FileRefused(f"The column {WRITTEN[name]} is there twice: take one of them out.")
        found.append(name)
    if missing := [WRITTEN[name] for name in REQUIRED if name not in found]:
        raise FileRefused(f"The column {missing[0]} is missing. The first line must name the columns: {_wanted()}.")
    return found


def _bounded(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for count, line in enumerate(lines, start=1):
        if count > settings.BULK_ROWS:
            raise FileRefused(f"The file has more than {settings.BULK_ROWS:,} outlets. Split it, and send the parts.")
        yield line


def _row(number: int, cells: list[str], columns: list[str]) -> FileRow:
    surplus = [cell for cell in cells[len(columns) :] if cell.strip()]
    # A secret is what it is: its blanks, and a quotation mark before a minus, belong to it.
    values = {
        name: cell if name == "adopted_secret" else spreadsheet.unguarded(cell.strip())
        for name, cell in zip(columns, cells, strict=False)
    }
    fault = "It has more cells than the first line names columns: put quotation marks round a text with a comma."
    return FileRow(
        number,
        values.get("organisation", ""),
        values.get("outlet", ""),
        values.get("pos_remote_id", ""),
        values.get("provider_outlet_id", ""),
        values.get("adopted_secret", ""),
        fault if surplus else "",
    )


def _wanted() -> str:
    return "Organisation, Outlet, POSRemoteID, and if you like ProviderOutletID and AdoptedSecret"
