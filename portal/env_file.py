"""Read `.env`, and add a SECRET_KEY to it. Imports only the standard library, because script/server runs this file
before .venv exists.

A value is the text after the `=`, either as it is or between quotes. Lines that other readers of such files would
interpret differently (spaces around a value, a comment after it, an unclosed quote) are rejected, because a guess could
change a key. Errors contain no part of a value.
"""

import codecs
import fcntl
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_DOUBLE_QUOTED = re.compile(r'(?:[^"\\]|\\["\\])*')
# The names that errors may show. A part of a Base32 or hex secret can be all capitals like a name, so a name without
# underscores must be short.
_NAME_OF_A_SETTING = re.compile(r"[A-Z]{1,8}|[A-Z]+(?:_[A-Z0-9]+)+").fullmatch
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_EMPTY_KEY = re.compile(rb"""(?m)^([ \t]*(?:export[ \t]+)?SECRET_KEY=)[ \t]*(?:""|'')?[ \t]*(?=\r?$)""")


class EnvFileError(Exception):
    """The file is not valid. The text names the setting or the line, and contains no part of a value."""


class Assignment(NamedTuple):
    """A setting in the file, with the number of its line."""

    line: int
    name: str
    value: str

    @property
    def shown_name(self) -> str:
        """Return the name. If it could be part of a secret that was split across lines, return the line's number."""
        return self.name if _NAME_OF_A_SETTING(self.name) else f"line {self.line}"


def read(file: Path) -> dict[str, str]:
    """Return the file's values by name, without empty values. Raises EnvFileError.

    If there is no file, return an empty dict.
    """
    values: dict[str, str] = {}
    for each in assignments(file):
        if each.value and values.setdefault(each.name, each.value) != each.value:
            raise EnvFileError(f"{each.shown_name} has two values in {file.name}. Remove one of them.")
    return values


def assignments(file: Path) -> list[Assignment]:
    """Return the assignments in the file, in order. Raises EnvFileError."""
    raw = _bytes_of(file).removeprefix(codecs.BOM_UTF8)
    if raw.startswith(UTF_16):
        raise EnvFileError(f"{file.name} is not UTF-8 text. Save it as UTF-8.")
    found = (_assignment(file, number, line) for number, line in enumerate(raw.split(b"\n"), start=1))
    return [each for each in found if each]


def add_secret_key(file: Path) -> str:
    """Add a new SECRET_KEY to the file unless it has one. Return a message about what was done. Raises EnvFileError."""
    with folder_lock(file.parent):
        values = read(file)
        if values.get("SECRET_KEY"):
            return ""
        _refuse_another_spelling(values, file)
        _refuse_beside_a_database(values, file)
        is_new = not file.exists()
        _replace(file, _with_key(_bytes_of(file)))
    return f"Wrote {file.name} with a new SECRET_KEY" if is_new else f"Added a new SECRET_KEY to {file.name}"


def _refuse_another_spelling(values: Mapping[str, str], file: Path) -> None:
    """Raise EnvFileError for a name such as secret_key: a new SECRET_KEY would be used instead of that key."""
    for name in values:
        if name.upper() == "SECRET_KEY":
            raise EnvFileError(f"{name} in {file.name} must be written in capitals: SECRET_KEY.")


def _bytes_of(file: Path) -> bytes:
    if not os.path.lexists(file):
        return b""
    if file.exists() and not file.is_file():
        raise EnvFileError(f"{file.name} is not a file. Remove it, or replace it with a text file.")
    try:
        return file.read_bytes()
    except OSError as error:
        raise EnvFileError(f"{file.name} cannot be read: {error.strerror}. Run as the user that owns it.") from None


def _assignment(file: Path, number: int, raw: bytes) -> Assignment | None:
    """Return the assignment in a line, or None for an empty line or a comment."""
    line = raw.removesuffix(b"\r").decode("utf-8", "surrogateescape").lstrip().removeprefix("\ufeff").lstrip()
    if not line or line.startswith("#"):
        return None
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:
        raise EnvFileError(f"Line {number} of {file.name} is not NAME=VALUE without spaces around the = sign.")
    written = Assignment(number, found[1], found[2])
    try:
        return Assignment(number, written.name, _checked_value(written.value))
    except ValueError as reason:
        raise EnvFileError(f"{written.shown_name} in {file.name} {reason}") from None


def _checked_value(text: str) -> str:
    """Return the value in `text`, the part of a line after the `=`.

    Raises ValueError with the reason if the text is invalid or ambiguous.
    """
    if text.strip() in ("", "''", '""'):
        return ""
    if _CONTROL.search(text):
        raise ValueError("contains a control character. Remove it.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("is not UTF-8 text. Save the file as UTF-8.")
    if text != text.strip():
        raise ValueError("has spaces before or after its value. Remove them, or put the value in quotes.")
    if text[0] in "'\"":
        return _between_quotes(text)
    if re.search(r"(?:^|\s)#", text):
        raise ValueError("has a # in its line. Put a comment on a separate line, or put the whole value in quotes.")
    return text


def _between_quotes(text: str) -> str:
    quote, inner = text[0], text[1:-1]
    if len(text) == 1 or text[-1] != quote:
        raise ValueError("begins with a quote, but does not end with it. Close the quote at the end of the line.")
    if quote == "'":
        if quote in inner:
            raise ValueError("contains the same kind of quote that surrounds it. Use the other kind around it.")
        return inner
    if not _DOUBLE_QUOTED.fullmatch(inner):
        raise ValueError('contains, between double quotes, a " or \\ without a \\ before it: use single quotes.')
    return re.sub(r"\\(.)", r"\1", inner)


def _refuse_beside_a_database(values: Mapping[str, str], file: Path) -> None:
    """Raise EnvFileError if a new key would invalidate the secrets of an existing SQLite database."""
    data = os.environ.get("DATA_DIR") or values.get("DATA_DIR") or str(file.parent / "data")
    database = Path(data).expanduser() / "portal.sqlite3"
    if database.exists():
        raise EnvFileError(
            "SECRET_KEY is not set, but DATA_DIR contains a database whose secrets need the key that they were created"
            f" with. Put that SECRET_KEY into {file.name}."
        )


def _with_key(content: bytes) -> bytes:
    """Return the content with a new key, which replaces an empty one or is added at the end."""
    key = secrets.token_urlsafe(64).encode()
    filled, count = _EMPTY_KEY.subn(rb"\g<1>" + key, content, count=1)
    if count:
        return filled
    gap = b"" if not content or content.endswith(b"\n") else b"\n"
    return content + gap + b"SECRET_KEY=" + key + b"\n"


def _replace(file: Path, content: bytes) -> None:
    """Replace the file atomically. Only its owner can read it."""
    target = file.resolve()
    try:
        descriptor, new = tempfile.mkstemp(prefix=".env.", dir=target.parent)  # creates the file with mode 600
    except OSError:
        raise EnvFileError(f"{file.name} cannot be written: this user may not write to {target.parent}.") from None
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
        if target.exists():
            with suppress(PermissionError):
                os.chown(new, target.stat().st_uid, target.stat().st_gid)
        Path(new).replace(target)
    finally:
        Path(new).unlink(missing_ok=True)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, so that two concurrent starts do not both write to it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main(command: str) -> None:
    """Run a command: `names` prints the names that the environment or .env sets; `add-key` calls add_secret_key."""
    file = Path(".env").absolute()
    try:
        if command == "names":
            print("\n".join({*read(file), *(name for name, value in os.environ.items() if value)}))
        elif words := add_secret_key(file):
            print(words)
    except EnvFileError as error:
        sys.exit(f"script/server: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
