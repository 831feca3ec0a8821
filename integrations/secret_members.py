"""Which members of payloads and answers are never kept readable, and how they are hidden. Pure but for the setting."""

import functools
import re
from dataclasses import dataclass

from django.conf import settings

from integrations import raw_json
from integrations.redaction import REDACTED

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

_REPLACEMENT = f'"{REDACTED}"'
_NESTING = (0, 1, 3, 7)  # backslashes before a quotation mark in JSON that is a string of JSON, three times over
# An escape may spell a letter, a digit, a hyphen or the underscore; those that .NET writes of itself (') do not.
_SPELLED = re.compile(r"\\u00(?:2d|3[0-9]|[4-7][0-9a-f]|22)")


@dataclass(frozen=True)
class Names:
    """Names in small letters, and what finds them."""

    plain: frozenset[str]
    quoted: frozenset[str]
    as_text: re.Pattern[str]

    def may_occur_in(self, text: str) -> bool:
        """Return False where none of them is a key; most messages are done with this, and it costs little."""
        lowered = text.lower()
        if "\\u00" in lowered and _SPELLED.search(lowered):
            return True
        return not self.quoted.isdisjoint(lowered.split('"'))

    def is_one(self, key: str) -> bool:
        return key.lower() in self.plain

    def is_in(self, string: str) -> bool:
        """Return whether a string is itself JSON with such a key."""
        return '"' in string and bool(self.as_text.search(string))


def hide(text: str) -> str:
    """Return JSON without the values of secret members, at any depth; the rest is spelled as it was.

    `text` itself is returned where there is nothing to hide. A string that holds JSON with such a member goes whole.
    """
    names = _names(tuple(settings.REDACTED_FIELDS))
    if not names.may_occur_in(text):
        return text
    return raw_json.replace(text, is_key=names.is_one, is_string=names.is_in, by=_REPLACEMENT)


def is_secret(key: str) -> bool:
    """Return whether the member of this name is never kept readable."""
    return _names(tuple(settings.REDACTED_FIELDS)).is_one(key)


@functools.lru_cache(maxsize=4)
def _names(more: tuple[str, ...]) -> Names:
    plain = frozenset(name.lower() for name in (*BUILT_IN, *more))
    quoted = frozenset(name + "\\" * count for name in plain for count in _NESTING)
    any_name = "|".join(sorted(map(re.escape, plain)))
    return Names(plain, quoted, re.compile(rf'(?ai)"(?:{any_name})\\*"\s*:'))
