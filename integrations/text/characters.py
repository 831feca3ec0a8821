"""Handles hidden characters, and normalises and compares names and IDs. Does no I/O.

People copy values from mails, chats and spreadsheets, together with hidden characters (a no-break space, a zero width
space, a byte order mark). Such characters must never decide whether two values are equal.
"""

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# Characters that are rendered as nothing or as a space, although Unicode calls them letters, marks or symbols, or does
# not assign them.
_HIDDEN_OTHERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
).fullmatch
_GLYPH_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_RUNS_OF_SPACES = re.compile(" {2,}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NAMES = {"\0": "NULL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x7f": "DELETE", "\x85": "NEXT LINE"}

# Each key stands for the characters that look like it: apostrophes, quotation marks, dashes, slashes, dots, and letters
# of other scripts. Such a letter is included if its small or its capital form looks like a Latin letter, because letter
# case is folded.
_SHAPES = {
    "'": "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u055a\u05f3\u2018\u2019\u201a"
    "\u201b\u2032\u2035\u2039\u203a\u275b\u275c\ua78b\ua78c\uff07\uff40",
    '"': "\u00ab\u00bb\u02ba\u02dd\u05f4\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u300c\u300d\u301d"
    "\u301e\u301f\uff02",
    "-": "\u02d7\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\u2796"
    "\u2e17\u2e3a\u2e3b\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d\uff70",
    "/": "\u2044\u2215\u29f8\uff0f",
    "\u00b7": "\u0387\u2022\u2024\u2027\u2219\u22c5\u30fb\uff65",
    "a": "\u0430\u03b1",
    "b": "\u0432\u03b2",
    "c": "\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0435\u03b5",
    "h": "\u043d\u04bb\u03b7",
    "i": "\u0456\u04cf\u03b9\u0131",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "m": "\u043c\u03bc",
    "n": "\u03bd",
    "o": "\u043e\u03bf",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "w": "\u051d",
    "x": "\u0445\u03c7",
    "y": "\u0443\u03c5",
    "z": "\u03b6",
}
_ALIKE = str.maketrans({other: shape for shape, others in _SHAPES.items() for other in others})

_HEX = "[0-9a-fA-F]"
_UUID_LENGTHS = frozenset({32, 36, 38, 45})
is_canonical_uuid = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
# The spellings of .NET's Guid.ToString and of Python's uuid: bare, hyphenated, in braces or parentheses, as a URN.
_ANY_UUID = re.compile(
    rf"(?:{_HEX}{{32}}"
    rf"|(?P<open>[{{(]|[uU][rR][nN]:[uU][uU][iI][dD]:)?{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?(open)[}})]?))"
).fullmatch


def is_hidden(character: str) -> bool:
    """Return whether a character is whitespace, a control or format character, or is rendered as nothing."""
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
    """Return `text` without hidden characters. Spaces are removed too."""
    if text.isascii() and text.isprintable():
        return text.replace(" ", "")
    return "".join(each for each in text if not is_hidden(each))


def hidden_within(text: str) -> str:
    """Return the first hidden character other than a plain space, or an empty text."""
    if text.isascii() and text.isprintable():
        return ""
    return next((each for each in text if each != " " and is_hidden(each)), "")


def code_and_name(character: str) -> str:
    """Return a character's code point and name, for example "U+200B ZERO WIDTH SPACE"."""
    other = "CONTROL CHARACTER" if unicodedata.category(character) == "Cc" else "UNNAMED CHARACTER"
    return f"U+{ord(character):04X} {unicodedata.name(character, '') or _NAMES.get(character, other)}"


def show_hidden(text: str) -> str:
    """Return `text` with each hidden character replaced by its name, for people comparing two texts."""
    if text.isascii() and text.isprintable() and text == text.strip() and "  " not in text:
        return text
    runs = {place for run in _RUNS_OF_SPACES.finditer(text) for place in range(*run.span())}
    shown = runs | {0, len(text) - 1}  # a plain space is visible only between two words
    return "".join(
        f"[{code_and_name(each)}]" if is_hidden(each) and (each != " " or place in shown) else each
        for place, each in enumerate(text)
    )


def differences(sent: str, stored: str) -> list[str]:
    """Return the names of hidden and non-ASCII characters that only one of the two texts contains."""
    only = [each for each in dict.fromkeys(sent + stored) if (each in sent) != (each in stored)]
    return [code_and_name(each) for each in only if not each.isascii() or is_hidden(each)]


def identity(text: str) -> str:
    """Return an ID in the form used to compare IDs: no hidden characters at the ends, and a UUID in canonical form."""
    if is_canonical_uuid(text):
        return text
    text = trimmed(text)
    if len(text) not in _UUID_LENGTHS or not _ANY_UUID(text):
        return text
    digits = "".join(re.findall(_HEX, text[-38:].rpartition(":")[2]))
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".lower()


def is_same_id(one: str, other: str) -> bool:
    """Return whether two texts are spellings of the same ID."""
    return one == other or identity(one) == identity(other)


def normalised_name(text: str) -> str:
    """Return a name in its stored form: composed (NFC), one plain space between words, no hidden character at the ends.

    Other hidden characters stay; the caller has to reject them (see `hidden_within`).
    """
    composed = _GLYPH_SELECTORS.sub("", unicodedata.normalize("NFC", text))
    spaced = "".join(" " if each == "\t" or unicodedata.category(each) == "Zs" else each for each in composed)
    return _RUNS_OF_SPACES.sub(" ", trimmed(spaced))


def without_hidden(text: str) -> str:
    """Return a name in its stored form, also without the hidden characters that `normalised_name` leaves."""
    return " ".join(map(visible, normalised_name(text).split(" ")))


def folded(text: str) -> str:
    """Return a name case-folded and without diacritical marks."""
    apart = unicodedata.normalize("NFKD", normalised_name(text).casefold()).casefold()
    return "".join(_base(each) for each in apart if not unicodedata.combining(each))


def look_alike_form(text: str) -> str:
    """Return the folded name with each look-alike character replaced by a standard one. Similar names become equal."""
    if text.isascii():
        return folded(text).translate(_ALIKE)
    # Translate marks first, because NFKD would turn some of them (an acute accent, a double prime) into a space or into
    # two characters.
    return folded(text.translate(_ALIKE)).translate(_ALIKE)


def _base(letter: str) -> str:
    """Return the base letter of a marked letter that Unicode does not decompose: l for ł, o for ø."""
    base, mark, _ = unicodedata.name(letter, "").partition(" WITH ") if not letter.isascii() else ("", "", "")
    try:
        return unicodedata.lookup(base) if mark else letter
    except KeyError:
        return letter


def printable(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`; replace those that a database or a terminal does not accept."""
    text = text[:limit]
    return text if text.isprintable() else _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
