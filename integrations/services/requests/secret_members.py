"""Find and hide the secret members of payloads and answers. Does no I/O, but reads a setting."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from integrations.security.redaction import REDACTED, redact
from integrations.wire import raw_json

# PINs, by the names that PowerEPOS and similar tills use. The envelope's UserIdentifier may be a PIN.
_PINS = ("PIN", "UserPIN", "StaffPIN", "ManagerPIN", "PINCode", "PINNumber", "PINBlock", "UserIdentifier")
# Credentials that grant access on their own.
_KEYS = (
    "AuthSecret", "Secret", "ClientSecret", "AccessToken", "RefreshToken", "Token", "ApiKey", "Authorization",
    "Password", "Passcode", "Passphrase",
)  # fmt: skip
# Data that card schemes forbid storing. Shortened numbers have other names (MaskedPAN, Last4) and are stored.
_CARDS = (
    "CardNumber", "PAN", "CVV", "CVV2", "CVC", "CVC2", "CardSecurityCode", "SecurityCode", "Track1", "Track2",
    "TrackData",
)  # fmt: skip
BUILT_IN = (*_PINS, *_KEYS, *_CARDS)

_NEVER_SHOWN = re.compile(r"(?i)token|secret|authorization|password|user_?identifier|pin$|^pin(_|-|code|number)")
_REPLACEMENT = f'"{REDACTED}"'
_DEEPEST = 8  # levels of JSON strings nested in JSON strings; deeper content is hidden without reading it
_SHORTEST_VALUE = 3  # characters; shorter values occur in other texts by chance

# Spellings that would hide a name from a plain search: an escape (except those that .NET writes by default, which are
# not part of any name), and quotation marks that are escaped many times.
_ESCAPE = re.compile(r"\\u(?!00(?:27|3c|3e|26|2b))")
_MANY_BACKSLASHES = "\\" * 8
_NO_LETTERS = re.compile(r"[^\x00-\x7f\w]")  # not ASCII, and not a letter or a digit
_NESTING = (0, 1, 3, 7)  # backslashes before a quotation mark in nested JSON strings, up to three levels
# A name in quotation marks before a colon, unless the value is null or already redacted. The closing mark is not
# consumed, because it may be the opening mark of another name if the marks in a text are unpaired.
_KEY = re.compile(
    r"""["']([^"']{1,200})(?=["']\s*+:(?!\s*+(?:null|\\*["']?\[redacted\]\\*["']?)\s*+(?:\\*["'])?\s*+(?:[,}\]]|$)))"""
)
# Characters that do not distinguish names: spaces, control characters, and separators between the parts of a name.
_BETWEEN = bytes([*range(0x21), 0x7F]) + b"_-"


@dataclass(frozen=True)
class Names:
    """Names in the form that `_shortest` returns.

    `quoted` has each name as bytes, alone and with the backslashes that may follow it in nested JSON strings.
    """

    plain: frozenset[str]
    quoted: frozenset[bytes] = field(repr=False)

    def may_occur_in(self, text: str) -> bool:
        """Return False if the text certainly has none of the names as a key. This cheap check settles most texts."""
        if _MANY_BACKSLASHES in text or ("\\u" in text and _ESCAPE.search(text.lower())):
            return True
        if not text.isascii():
            text = _NO_LETTERS.sub("", unicodedata.normalize("NFKC", text))
        shortened = (
            text.encode(errors="ignore").lower().translate(None, _BETWEEN)
        )  # bytes.translate takes a tenth of the time of str.translate
        return not self.quoted.isdisjoint(shortened.replace(b"'", b'"').split(b'"'))

    def is_one(self, key: str) -> bool:
        return _shortest(key) in self.plain

    def is_in(self, string: str) -> bool:
        """Return whether a string contains JSON with one of the names as a key, also in JSON strings nested in it.

        The string is searched again after each level of escapes is resolved, so a key is found even if its name,
        quotation marks or colon are escaped, in any way and at any level. The cost is at most _DEEPEST times the
        string's length.
        """
        if ":" not in string and "\\" not in string:
            return False
        for level in _levels(string):
            if level is None or any(self.is_one(match[1]) for match in _KEY.finditer(level)):
                return True
        return False


def hide(text: str) -> str:
    """Return JSON without the values of secret members, at any depth. The spelling of the rest does not change.

    `text` itself is returned if there is nothing to hide. A string that contains JSON with such a member is hidden as a
    whole, even if that string is the name of a member.
    """
    names = _names(tuple(settings.REDACTED_FIELDS))
    if not names.may_occur_in(text):
        return text
    return raw_json.replace(text, is_key=names.is_one, is_string=names.is_in, by=_REPLACEMENT)


def hide_in_words(text: str) -> str:
    """Return prose, which may contain JSON, without the values of secret members.

    If the quotation marks of that JSON are unpaired, the end of a value is unknown, so the whole text is hidden.
    """
    hidden = redact(hide(text))
    return REDACTED if _names(tuple(settings.REDACTED_FIELDS)).is_in(hidden) else hidden


def values_in(text: str) -> frozenset[str]:
    """Return the strings and numbers that `hide` would remove from JSON, except those shorter than _SHORTEST_VALUE."""
    names = _names(tuple(settings.REDACTED_FIELDS))
    if not names.may_occur_in(text):
        return frozenset()
    found = raw_json.values(text, is_key=names.is_one, is_string=names.is_in)
    each = (value for spelled in found for value in _scalars(spelled, names, _DEEPEST))
    return frozenset(value for value in each if len(value) >= _SHORTEST_VALUE)


def hide_values(text: str, values: frozenset[str]) -> str:
    """Return JSON in which every string, at any depth, is hidden if it contains one of these values as a word."""
    if not any(value in text for value in values) and not _ESCAPE.search(text):
        return text
    pattern = _as_words(values)

    def holds(string: str) -> bool:
        return any(level is None or pattern.search(level) for level in _levels(string))

    return raw_json.replace(text, is_key=lambda _key: False, is_string=holds, by=_REPLACEMENT)


def hide_values_in_words(text: str, values: frozenset[str]) -> str:
    """Return prose without these values where they occur as whole words."""
    return _as_words(values).sub(REDACTED, text) if values else text


def is_secret(key: str) -> bool:
    """Return whether a member with this name is never stored in readable form."""
    return _names(tuple(settings.REDACTED_FIELDS)).is_one(key)


def is_never_shown(name: str) -> bool:
    """Return whether a value with this name is never shown to people, even if it is an object.

    redact() hides only values that are strings. Stored rows need this check too, because a row that was stored before
    a name was added to the settings still contains the values of that name.
    """
    return bool(_NEVER_SHOWN.search(name)) or is_secret(name)


def _levels(string: str) -> Iterator[str | None]:
    """Yield the string as it is, and again after each pass that resolves its escapes.

    If escapes may remain after _DEEPEST passes, yield None at the end.
    """
    for _ in range(_DEEPEST):
        yield string
        if "\\" not in string or (resolved := raw_json.resolve_everywhere(string)) == string:
            return
        string = resolved
    yield None


def _scalars(spelled: str, names: Names, levels: int) -> Iterator[str]:
    """Yield the strings and numbers of a value.

    If a string contains JSON with one of `names` as a key, yield only the strings and numbers under such keys.
    """
    for value in raw_json.scalars(spelled):
        if levels and names.is_in(value):
            for inner in raw_json.values(value, is_key=names.is_one, is_string=names.is_in):
                yield from _scalars(inner, names, levels - 1)
        else:
            yield value


@functools.lru_cache(maxsize=16)
def _as_words(values: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(values)))})(?!\w)")


def _shortest(name: str) -> str:
    """Return a name in lower case without spaces, separators and control characters, to compare it with others."""
    if not (name.isascii() and name.isprintable()):
        whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # joins surrogate pairs
        name = "".join(
            each for each in unicodedata.normalize("NFKC", whole) if unicodedata.category(each)[0] not in "CZ"
        )
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


@functools.lru_cache(maxsize=4)
def _names(more: tuple[str, ...]) -> Names:
    plain = frozenset(map(_shortest, (*BUILT_IN, *more)))
    return Names(plain, frozenset((name + "\\" * count).encode() for name in plain for count in _NESTING))
