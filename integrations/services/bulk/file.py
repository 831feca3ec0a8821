"""Parse a file of outlets to enable: bytes in, rows or a FileRefused out. Uses no database."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.text import get_text_list

from integrations.models import Integration, Organisation, Outlet
from integrations.models.fields.texts import longest
from integrations.services.bulk import spreadsheet
from integrations.services.errors import PortalError
from integrations.text.characters import normalised_name, trimmed


@dataclass(frozen=True)
class Column:
    """A column of the file. `headings` are compared in lower case, without spaces, hyphens and underscores."""

    written: str
    headings: tuple[str, ...]
    most: int  # characters; 0 for a secret, which has its own check
    is_required: bool = True


COLUMNS = {
    "organisation": Column(
        "Organisation",
        ("organisation", "organization"),  # codespell:ignore organization
        longest(Organisation, "name"),
    ),
    "outlet": Column("Outlet", ("outlet", "outletname"), longest(Outlet, "name")),
    "pos_remote_id": Column("POSRemoteID", ("posremoteid",), longest(Integration, "pos_remote_id")),
    "provider_outlet_id": Column(
        "ProviderOutletID", ("provideroutletid",), longest(Outlet, "provider_outlet_id"), is_required=False
    ),
    "adopted_secret": Column("AdoptedSecret", ("adoptedsecret", "authsecret", "secret"), 0, is_required=False),
}
NOT_UTF_8 = "The file is not UTF-8 and was read as Windows-1252: check the letters with accents."
DELIMITERS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, because the UTF-32 mark begins with the UTF-16 mark
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WINDOWS = "cp1252"  # how Excel saves "CSV (comma delimited)" in western countries
# A first line that tells Excel the separator of the file; Excel does not count it as a row.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t ]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


class FileRefused(PortalError):
    """The file cannot be read as a list of outlets; the text says what to change."""

    message = "The file cannot be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One line of the file; `number` is its row number in a spreadsheet, where the header is row 1."""

    number: int
    organisation: str = ""
    outlet: str = ""
    pos_remote_id: str = ""
    provider_outlet_id: str = ""
    adopted_secret: str = field(default="", repr=False)
    fault: str = ""
    doubt: str = ""  # what the person should check before confirming


def read_rows(content: bytes, *, most: int | None = None) -> list[FileRow]:
    """Return the rows of the file; a malformed row has a `fault`. Raises FileRefused, for example above `most` rows."""
    text, is_certain = _decoded(content)
    lines = _parsed(text)
    header = next(lines, None)
    if header is None:
        raise FileRefused(f"The file is empty. Its first line must name the columns: {_wanted()}.")
    columns = _columns(header[1])
    rows = [_file_row(number, cells, columns, is_certain=is_certain) for number, cells in _bounded(lines, most)]
    if not rows:
        raise FileRefused("The file has a header but no outlets: add a line for each outlet.")
    return rows


def _decoded(content: bytes) -> tuple[str, bool]:
    """Return the text, and whether the encoding is certain. Raises FileRefused."""
    encoding = _encoding_of(content)
    try:
        text, is_certain = content.decode(encoding), True
    except UnicodeDecodeError as error:
        text, is_certain = _decoded_as_windows(content, error), False
    if "\x00" in text:
        raise FileRefused("This is not a CSV file. Save the sheet as “CSV UTF-8”, then send it again.")
    return text.removeprefix(spreadsheet.BOM), is_certain


def _encoding_of(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    beginning = content[:400]
    if beginning[1::2].count(0) > len(beginning) // 4:  # UTF-16 has a zero byte in each ASCII letter
        return "utf-16-le"
    return "utf-16-be" if beginning[::2].count(0) > len(beginning) // 4 else "utf-8"


def _decoded_as_windows(content: bytes, error: UnicodeDecodeError) -> str:
    try:
        if error.encoding == "utf-8":
            return content.decode(WINDOWS)
    except UnicodeDecodeError:
        pass
    line = content.count(b"\n", 0, error.start) + 1
    raise FileRefused(
        f"Line {line} is not UTF-8. Save the sheet as “CSV UTF-8 (comma delimited)”, then send it again."
    ) from error


def _parsed(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that is not blank, with its row number in a spreadsheet."""
    named = _SEPARATOR_LINE.match(text)
    text = text[named.end() :] if named else text
    delimiter = named.group(1) if named else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
    """Return the separator that splits the first line into the highest number of known column names."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda each: sum(_column(cell) is not None for cell in _cells(first, each)))


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _column(cell: str) -> str | None:
    known = {heading: name for name, column in COLUMNS.items() for heading in column.headings}
    return known.get(re.sub(r"[\s_\-]+", "", trimmed(spreadsheet.bare(trimmed(cell)))).casefold())


def _columns(header: list[str]) -> list[str]:
    """Return the field name of each column. Raises FileRefused for an unknown, repeated or missing column."""
    while header and not header[-1].strip():
        header = header[:-1]
    found: list[str] = []
    for cell in header:
        name = _column(cell)
        if name is None:
            raise FileRefused(
                f"The column {cell.strip()[:60]!r} is unknown. The first line must name the columns: {_wanted()}."
            )
        if name in found:
            raise FileRefused(f"The column {COLUMNS[name].written} appears twice: remove one of them.")
        found.append(name)
    if missing := [each.written for name, each in COLUMNS.items() if each.is_required and name not in found]:
        raise FileRefused(f"The column {missing[0]} is missing. The first line must name the columns: {_wanted()}.")
    return found


def _bounded(lines: Iterator[tuple[int, list[str]]], most: int | None) -> Iterator[tuple[int, list[str]]]:
    for count, line in enumerate(lines, start=1):
        if most is not None and count > most:
            raise FileRefused(
                f"The file has more than {most:,} outlets, which is too many for one page. "
                "Split it, or use the shell: manage.py enable_outlets FILE."
            )
        yield line


def _file_row(number: int, cells: list[str], columns: list[str], *, is_certain: bool) -> FileRow:
    surplus = [cell for cell in cells[len(columns) :] if cell.strip()]
    values = {name: _cell_value(name, cell) for name, cell in zip(columns, cells, strict=False)}
    fault = "It has more cells than the header has columns: put quotation marks round text that contains a comma."
    return FileRow(
        number=number,
        **values,
        fault=fault if surplus else "",
        doubt="" if is_certain or all(cell.isascii() for cell in cells) else NOT_UTF_8,
    )


def _cell_value(name: str, cell: str) -> str:
    text = spreadsheet.bare(trimmed(cell))
    if name == "adopted_secret":
        # Do not apply `unguarded` to a secret: an apostrophe before a minus can be part of the secret.
        return trimmed(text)
    text = spreadsheet.unguarded(text)
    return normalised_name(text) if name in ("organisation", "outlet") else trimmed(text)


def _wanted() -> str:
    required = ", ".join(each.written for each in COLUMNS.values() if each.is_required)
    optional = get_text_list([each.written for each in COLUMNS.values() if not each.is_required], "and")
    return f"{required}, and optionally {optional}"
