"""Which members of payloads and answers are never kept readable, and how they are hidden. Pure but for the setting."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from integrations.security.redaction import REDACTED, redact
from integrations.wire import raw_json

# PINs, under the names that PowerEPOS and tills like it use; the envelope's UserIdentifier may be one.
_PINS = ("PIN", "UserPIN", "StaffPIN", "ManagerPIN", "PINCode", "PINNumber", "PINBlock", "UserIdentifier")
# What opens a door by itself.
_KEYS = (
    "AuthSecret", "Secret", "ClientSecret", "AccessToken", "RefreshToken", "Token", "ApiKey", "Authorization",
    "Password", "Passcode", "Passphrase",
)  # fmt: skip
# What card schemes forbid to keep. A shortened number has other names (MaskedPAN, Last4), and stays.
_CARDS = (
    "CardNumber", "PAN", "CVV", "CVV2", "CVC", "CVC2", "CardSecurityCode", "SecurityCode", "Track1", "Track2",
    "TrackData",
)  # fmt: skip
BUILT_IN = (*_PINS, *_KEYS, *_CARDS)

_NEVER_SHOWN = re.compile(r"(?i)token|secret|authorization|password|user_?identifier|pin$|^pin(_|-|code|number)")
_REPLACEMENT = f'"{REDACTED}"'
_DEEPEST = 8  # how often a string may be JSON within a string of JSON; what goes on beyond that is hidden unread
_SHORTEST_VALUE = 3  # characters; what is shorter stands in every other text by chance

# What may spell a name so that a search for the names themselves misses it: an escape (except those that .NET writes by
# itself, which are no part of a name), and quotation marks that are escaped many times over.
_ESCAPE = re.compile(r"\\u(?!00(?:27|3c|3e|26|2b))")
_MANY_BACKSLASHES = "\\" * 8
_NO_LETTERS = re.compile(r"[^\x00-\x7f\w]")  # beyond ASCII
_NESTING = (0, 1, 3, 7)  # backslashes before a quotation mark in JSON that is a string of JSON, up to three times over
# A name in quotation marks and its colon, unless nothing or no secret stands behind it. The second mark is not
# consumed: where the marks of a text are not in pairs, it may be the first one of a name.
_KEY = re.compile(
    r"""["']([^"']{1,200})(?=["']\s*+:(?!\s*+(?:null|\\*["']?\[redacted\]\\*["']?)\s*+(?:\\*["'])?\s*+(?:[,}\]]|$)))"""
)
# What makes no other name of a name: blanks, control characters, and what writers put between its parts.
_BETWEEN = bytes([*range(0x21), 0x7F]) + b"_-"


@dataclass(frozen=True)
class Names:
    """Names as `_shortest` writes them, and what finds them."""

    plain: frozenset[str]
    quoted: frozenset[bytes] = field(repr=False)

    def may_occur_in(self, text: str) -> bool:
        """Return False where none of them is a key; most messages are done with this, and it costs little."""
        if _MANY_BACKSLASHES in text or ("\\u" in text and _ESCAPE.search(text.lower())):
            return True
        if not text.isascii():
            text = _NO_LETTERS.sub("", unicodedata.normalize("NFKC", text))
        shortened = (
            text.encode(errors="ignore").lower().translate(None, _BETWEEN)
        )  # a tenth of what str.translate takes
        return not self.quoted.isdisjoint(shortened.replace(b"'", b'"').split(b'"'))

    def is_one(self, key: str) -> bool:
        return _shortest(key) in self.plain

    def is_in(self, string: str) -> bool:
        """Return whether a string holds JSON with such a key, or a string of JSON that does, and so on.

        At each level all escapes of the text are resolved at once: so it makes no difference how, and at which level, a
        name, its quotation marks and its colon are escaped. Costs at most _DEEPEST times the length of the string.
        """
        if ":" not in string and "\\" not in string:
            return False
        for level in _levels(string):
            if level is None or any(self.is_one(match[1]) for match in _KEY.finditer(level)):
                return True
        return False


def hide(text: str) -> str:
    """Return JSON without the values of secret members, at any depth; the rest is spelled as it was.

    `text` itself is returned where there is nothing to hide. A string that holds JSON with such a member goes whole,
    also where it is the name of a member.
    """
    names = _names(tuple(settings.REDACTED_FIELDS))
    if not names.may_occur_in(text):
        return text
    return raw_json.replace(text, is_key=names.is_one, is_string=names.is_in, by=_REPLACEMENT)


def hide_in_words(text: str) -> str:
    """Return a text in words, in which JSON may stand, without what is named as a secret.

    Where the marks of that JSON are not in pairs, so that nobody can tell where a value ends, the whole text goes.
    """
    hidden = redact(hide(text))
    return REDACTED if _names(tuple(settings.REDACTED_FIELDS)).is_in(hidden) else hidden


def values_in(text: str) -> frozenset[str]:
    """Return the texts and numbers that `hide` would take out of JSON, but for the shortest."""
    names = _names(tuple(settings.REDACTED_FIELDS))
    if not names.may_occur_in(text):
        return frozenset()
    found = raw_json.values(text, is_key=names.is_one, is_string=names.is_in)
    each = (value for spelled in found for value in _scalars(spelled, names, _DEEPEST))
    return frozenset(value for value in each if len(value) >= _SHORTEST_VALUE)


def hide_values(text: str, values: frozenset[str]) -> str:
    """Return JSON without the strings in which one of these values stands as a word, at any depth of nesting."""
    if not any(value in text for value in values) and not _ESCAPE.search(text):
        return text
    pattern = _as_words(values)

    def holds(string: str) -> bool:
        return any(level is None or pattern.search(level) for level in _levels(string))

    return raw_json.replace(text, is_key=lambda _key: False, is_string=holds, by=_REPLACEMENT)


def hide_values_in_words(text: str, values: frozenset[str]) -> str:
    """Return a text in words without these values, where they stand as words."""
    return _as_words(values).sub(REDACTED, text) if values else text


def is_secret(key: str) -> bool:
    """Return whether the member of this name is never kept readable."""
    return _names(tuple(settings.REDACTED_FIELDS)).is_one(key)


def is_never_shown(name: str) -> bool:
    """Return whether a value of this name, be it an object, is never shown to people; redact() sees texts only.

    Also where it is stored redacted: rows of before a name came into the settings still hold its values.
    """
    return bool(_NEVER_SHOWN.search(name)) or is_secret(name)


def _levels(string: str) -> Iterator[str | None]:
    """Yield a string, and what it is with its escapes resolved, again and again; None where that never ends."""
    for _ in range(_DEEPEST):
        yield string
        if "\\" not in string or (resolved := raw_json.resolve_everywhere(string)) == string:
            return
        string = resolved
    yield None


def _scalars(spelled: str, names: Names, levels: int) -> Iterator[str]:
    """Yield the texts and numbers of a value; of a string of JSON those that stand under the names in it."""
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
    """Return a name in small letters, without what does not tell names apart."""
    if not (name.isascii() and name.isprintable()):
        whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # halves of a pair together
        name = "".join(
            each for each in unicodedata.normalize("NFKC", whole) if unicodedata.category(each)[0] not in "CZ"
        )
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


@functools.lru_cache(maxsize=4)
def _names(more: tuple[str, ...]) -> Names:
    plain = frozenset(map(_shortest, (*BUILT_IN, *more)))
    return Names(plain, frozenset((name + "\\" * count).encode() for name in plain for count in _NESTING))
