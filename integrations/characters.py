"""Characters that cannot be seen, and how names and IDs are normalised and compared. Pure: text in, text out.

People copy values from mails, chats and spreadsheets. What comes along (a no-break space, a zero width space, a byte
order mark) cannot be seen, so it must never decide whether two values are equal.
"""

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# Drawn as nothing or as a blank although Unicode counts them as letters, marks or symbols, or has not assigned them.
_HIDDEN_OTHERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
).fullmatch
_GLYPH_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_RUNS_OF_SPACES = re.compile(" {2,}")
_NAMES = {"\0": "NULL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x7f": "DELETE", "\x85": "NEXT LINE"}

_HEX = "[0-9a-fA-F]"
_UUID_LENGTHS = frozenset({32, 36, 38, 45})
_CANONICAL_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
# The spellings of .NET's Guid.ToString and of Python's uuid: bare, hyphenated, in braces or parentheses, as a URN.
_ANY_UUID = re.compile(
    rf"(?:{_HEX}{{32}}"
    rf"|(?P<open>[{{(]|[uU][rR][nN]:[uU][uU][iI][dD]:)?{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?(open)[}})]?))"
).fullmatch


def is_hidden(character: str) -> bool:
    """Return whether a character is whitespace, a control or format character, or drawn as nothing."""
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or _HIDDEN_OTHERS(character) is not None


def trimmed(text: str) -> str:
    """Return `text` without the hidden characters at both ends."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    start, end = 0, len(text)
    while start < end and is_hidden(text[start]):
        start += 1
    while end > start and is_hidden(text[end - 1]):
        end -= 1
    return text[start:end]


def visible(text: str) -> str:
    """Return `text` without any hidden character, spaces included."""
    if text.isascii() and text.isprintable():
        return text.replace(" ", "")
    return "".join(each for each in text if not is_hidden(each))


def hidden_within(text: str) -> str:
    """Return the first hidden character other than a plain space, or an empty text."""
    if text.isascii() and text.isprintable():
        return ""
    return next((each for each in text if each != " " and is_hidden(each)), "")


def called(character: str) -> str:
    """Return a character's number and name: U+200B ZERO WIDTH SPACE."""
    other = "CONTROL CHARACTER" if unicodedata.category(character) == "Cc" else "UNNAMED CHARACTER"
    return f"U+{ord(character):04X} {unicodedata.name(character, '') or _NAMES.get(character, other)}"


def spelled(text: str) -> str:
    """Return `text` with each hidden character by its name, for a reader who compares two texts."""
    if text.isascii() and text.isprintable() and text == text.strip() and "  " not in text:
        return text
    runs = {place for run in _RUNS_OF_SPACES.finditer(text) for place in range(*run.span())}
    shown = runs | {0, len(text) - 1}  # a plain space is seen between two words, and nowhere else
    return "".join(
        f"[{called(each)}]" if is_hidden(each) and (each != " " or place in shown) else each
        for place, each in enumerate(text)
    )


def differences(sent: str, stored: str) -> list[str]:
    """Return by name the characters of one text that the other has not, of those that a reader may overlook."""
    only = [each for each in dict.fromkeys(sent + stored) if (each in sent) != (each in stored)]
    return [called(each) for each in only if not each.isascii() or is_hidden(each)]


def identity(text: str) -> str:
    """Return the text by which an ID is compared: itself without hidden edges, and a UUID in its canonical spelling."""
    if _CANONICAL_UUID(text):
        return text
    text = trimmed(text)
    if len(text) not in _UUID_LENGTHS or not _ANY_UUID(text):
        return text
    digits = "".join(re.findall(_HEX, text[-38:].rpartition(":")[2]))
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".lower()


def normalised_name(text: str) -> str:
    """Return a name as it is stored: composed (NFC), one plain space between words, no hidden character at the ends.

    A hidden character elsewhere stays, for the caller to reject: see `hidden_within`.
    """
    composed = _GLYPH_SELECTORS.sub("", unicodedata.normalize("NFC", text))
    spaced = "".join(" " if each == "\t" or unicodedata.category(each) == "Zs" else each for each in composed)
    return _RUNS_OF_SPACES.sub(" ", trimmed(spaced))


def folded(text: str) -> str:
    """Return a name without letter case and diacritical marks: two names of one folded form are easily mistaken."""
    apart = unicodedata.normalize("NFKD", normalised_name(text).casefold())
    return "".join(_base(each) for each in apart if not unicodedata.combining(each))


def _base(letter: str) -> str:
    """Return the letter under a mark that Unicode does not take apart: l for ł, o for ø."""
    base, mark, _ = unicodedata.name(letter, "").partition(" WITH ") if not letter.isascii() else ("", "", "")
    try:
        return unicodedata.lookup(base) if mark else letter
    except KeyError:
        return letter
