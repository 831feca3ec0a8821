"""Replaces secrets that must never be stored or logged in plain text. Does no I/O."""

import re

REDACTED = "[redacted]"
DISTINCTIVE = 8  # characters
LONGEST_WORD = 16  # letters

# A key and its value in JSON (also in JSON inside a string), a query string or a header. The text before the key is not
# matched, because a run of backslashes there would take quadratic time. The user identifier is included because
# PowerEPOS documents that it may be the PIN.
_NAMED = re.compile(
    r"""(?aix)
    ( (?: token | access_?token | auth_?secret | client_?secret | api_?key | authorization | password | passphrase
        | passcode | pin (?: [ _-]? (?: code | number | block ) )? | card [ _-]? number | cvv2? | cvc2?
        | user_?identifier )
      (?: \\*["']? | %2[27] ) \s* (?: [=:] | %3d | %3a ) \s* (?: bearer \s+ )? )
    (?! \[redacted\] )
    ( \\+" [^"\\]* (?: \\+" )? | " (?: [^"\\] | \\. )* "? | ' (?: [^'\\] | \\. )* '? | [^\s&"',;}\])]+ )
    """
)
# Each of the names above contains one of these. A text without any of them needs no search for names.
_STEMS = ("token", "secret", "authori", "pass", "pin", "identif", "number", "cvv", "cvc", "key")
# A PIN in a sentence, as in "No user has the PIN 4711." or "UserPIN was '4711'", but not "a spin of 4711".
_WORDS = r"""(pin(?<![a-eg-qs-z]pin)[\s:="'(]{1,4}(?:(?:code|number|no\.?|is|was|of)[\s:="'(]{1,4}){0,2})[0-9]{3,}"""
_WORDED, _WORDED_IN_LOWERED = re.compile(_WORDS, re.IGNORECASE | re.ASCII), re.compile(_WORDS)
_GENERATED = re.compile(r"(?i)\b[O0]NP[A-Z][-\s]?(?:[0-9A-Z]{5}[-\s]?){6,}[0-9A-Z]*")
_WEBHOOK = re.compile(r"whsec_[0-9A-Za-z+/=_-]+")
# The password in scheme://user:password@host, up to the last @, because some passwords are not %-encoded correctly.
_URL_PASSWORD = re.compile(r"""(://[^\s:/@'"<>]{0,200}:)[^\s'"<>]{1,500}(?=@)""")
# The details of a PostgreSQL error quote the values of a rejected row or of a duplicate key.
_ROW = re.compile(
    r"""(?sx) (DETAIL:\s+ (?: Failing\ row\ contains\ | Key\ .{1,300}?= ) \( )
        .*? (?: \) (?= \. (?: [\s,;\\] | $ ) | \ already | \ is\ ) | $ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+")


def redact(text: str) -> str:
    """Return `text` with secrets, access tokens, passwords and PINs replaced by `[redacted]`."""
    # Every log line passes through here, so cheap checks skip each pattern that cannot match.
    lowered = text.lower()
    if "np" in lowered:
        text = _GENERATED.sub(REDACTED, text)
    if "whsec_" in text:
        text = _WEBHOOK.sub(REDACTED, text)
    if "bearer" in lowered:
        text = _BEARER.sub(rf"\1{REDACTED}", text)
    if "DETAIL:" in text:
        text = _ROW.sub(rf"\1{REDACTED})", text)
    if "://" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    if "pin" in lowered and _WORDED_IN_LOWERED.search(lowered):
        text = _WORDED.sub(rf"\1{REDACTED}", text)
    if ("=" in text or ":" in text or "%" in text) and any(stem in lowered for stem in _STEMS):
        text = _NAMED.sub(rf"\1{REDACTED}", text)
    return text


def is_distinctive(secret: str) -> bool:
    """Return whether a secret can be masked wherever it occurs in a text.

    A short secret, or one that is a word, also occurs in texts by chance. If it were masked there too, readers could
    guess the secret from the context, and ordinary texts would lose words.
    """
    return len(secret) >= DISTINCTIVE and (not secret.isalpha() or len(secret) >= LONGEST_WORD)
