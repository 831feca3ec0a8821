"""Splits JSON into members and replaces values in it, without changing the spelling of the rest.

Payloads go to the POS, and answers to the backend, exactly as written: the same keys in the same order, the same
digits. Parsing and writing them again would round money and lose details that a parser does not keep.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, islice
from json.decoder import scanstring  # type: ignore[attr-defined]

import msgspec

_BLANKS = " \t\n\r"
# A string, and the colon after it if it is a key. Outside strings, JSON has no quotation marks.
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)("[ \t\n\r]*+:[ \t\n\r]*+)?', re.DOTALL)
_NESTED = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_PLAIN = re.compile(r"[^,\]} \t\n\r]*")
# A string, with the colon after it if it is a key; or a number; or a literal (true, false, null).
_SCALAR = re.compile(r'"((?:[^"\\]|\\.)*+)"?([ \t\n\r]*+:)?|([^\s,:\[\]{}"]+)', re.DOTALL)
# The first pattern matches from before a key to its value, the second from after a value to the next key or the end.
_TO_VALUE = re.compile(r'[ \t\n\r]*+"(?:[^"\\]|\\.)*+"[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_TO_KEY = re.compile(r"[ \t\n\r]*+[,}]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {each: each for each in "\"'\\/"}

MOST_DIGITS = 4300  # digits of an integer; Python does not convert longer ones

spell = json.JSONEncoder(ensure_ascii=False).encode

# Levels of objects and lists. Python's parser recurses; its limit is between 900 and 10,000 levels, depending on
# Python's version and on the depth of the call stack. .NET's default limit is 64.
MOST_NESTED = 100

# The most members of an object. The largest documented object has 16. Each member costs a few microseconds.
MOST_MEMBERS = 100

# Characters that some clients write around their JSON: a byte order mark, NULs from a buffer that was too long, record
# separators (RFC 7464) and other control characters, other whitespace. JSON never begins or ends with any of them.
_AROUND = "".join(map(chr, [*range(0x21), *range(0x7F, 0xA1)])) + "\ufeff\u200b\u2028\u2029\u2060\ufffe"

_NO_BRACKETS = bytes(each for each in range(256) if each not in b'{[]}"')
_NO_MARKS = bytes(each for each in range(256) if each not in b'{[]},"')
# How each bracket or comma changes the nesting level (+1, -1 or 0), as signed bytes.
_STEPS = bytes.maketrans(b"{[]},", b"\x01\x01\xff\xff\x00")

_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
# _HALVES matches an escape: a surrogate pair, half of a pair (captured in a group), or any other escape.
_HALF = r"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_HALVES = re.compile(rf"\\(?:u[dD][89abAB][0-9a-fA-F]{{2}}\\u[dD][c-fC-F][0-9a-fA-F]{{2}}|({_HALF})|.)", re.DOTALL)
_NEVER_TEXT = "".join(map(chr, range(0xFDD0, 0xFDF0)))  # code points that Unicode reserves for internal use


class NotAnObject(ValueError):
    """The text is not one JSON object."""


class TooDeep(NotAnObject):
    """The text nests more than MOST_NESTED levels deep."""


def read_text(content: str | bytes) -> tuple[str, bool]:
    """Return JSON as text, and whether every byte was decoded. Removes characters that clients write around JSON.

    Bytes are UTF-8, UTF-16 or UTF-32, with or without a byte order mark. Bytes that cannot be decoded are replaced.
    """
    if isinstance(content, str):
        return content.strip(_AROUND), True
    encoding = "utf-8" if content.startswith(b'{"') else json.detect_encoding(content)
    try:
        return content.decode(encoding).strip(_AROUND), True
    except UnicodeDecodeError:
        return content.decode(errors="replace").strip(_AROUND), False


def load(text: str) -> object:
    """Return the value of a JSON text. Raises ValueError, or its subclass TooDeep.

    An integer of more than 4,300 digits, which Python refuses to convert but JSON allows, becomes a string.
    """
    refuse_depth(text)
    value: object = _loader.decode(text)
    return value


def members(text: str) -> dict[str, str]:
    """Return the members of a JSON object, with each value in its original spelling. A repeated key has its last value.

    Raises NotAnObject for other texts and for more than MOST_MEMBERS members, and TooDeep for more than MOST_NESTED
    levels.
    """
    if not text.lstrip(_BLANKS).startswith("{"):
        raise NotAnObject("it does not begin with {")
    refuse_depth(text)
    try:
        found = _members(text)
    except (ValueError, msgspec.DecodeError) as error:
        raise NotAnObject("not a JSON object") from error
    more = (len(text) - sum(map(len, (*found, *found.values())))) // len('"":1,')  # at most this many repeated members
    if len(found) + more > MOST_MEMBERS and _has_many_members(text):
        raise NotAnObject("too many members")
    return found


def repeated_keys(text: str, found: Mapping[str, str]) -> set[str]:
    """Return the keys that a JSON object repeats. `found` are its members, as `members` returns them."""
    at = text.index("{") + 1
    for spelled in found.values():  # in text order; a repeated key is at its first place, with its last value
        key = _TO_VALUE.match(text, at)
        after = _TO_KEY.match(text, key.end() + len(spelled)) if key and text.startswith(spelled, key.end()) else None
        if after is None:
            break
        at = after.end()
    else:
        if not found or text[at - 1] == "}":
            return set()
    pairs = json.loads(text, object_pairs_hook=list, parse_int=str)
    return {key for key, count in Counter(key for key, _ in pairs).items() if count > 1}


def refuse_depth(text: str) -> None:
    """Raise TooDeep for JSON that nests more than MOST_NESTED levels deep, before a parser recurses into it."""
    if is_deep(text):
        raise TooDeep(f"the JSON nests more than {MOST_NESTED} levels deep")


def is_deep(text: str) -> bool:
    """Return, without recursion, whether the objects and lists of JSON nest more than MOST_NESTED levels deep."""
    # Most texts have fewer brackets in total than the limit, and counting is cheap.
    if text.count("{") + text.count("[") <= MOST_NESTED:
        return False
    return MOST_NESTED + 1 in _levels(_outside_strings(text, _NO_BRACKETS))  # stops at the first such level


def write(values: Mapping[str, object], raw: Mapping[str, str]) -> str:
    """Return a JSON object with `values`, then the members in `raw`, whose values are already JSON."""
    spelled = [f"{spell(key)}: {text}" for key, text in raw.items()]
    return "{" + ", ".join([spell(values)[1:-1], *spelled] if values else spelled) + "}"


def replace(text: str, *, is_key: Callable[[str], bool], is_string: Callable[[str], bool], by: str) -> str:
    """Return JSON in which the text `by` replaces some values, at any depth. Every other character stays the same.

    It replaces the value of each key for which `is_key` returns True, unless the value is null, and each string (keys
    too) for which `is_string` returns True. Both functions get the string with its escapes resolved. Never raises and
    never recurses. In text that is truncated or not JSON, it replaces what it recognises.
    """
    kept, begin = [], 0
    for start, end in _places(text, is_key, is_string):
        kept += [text[begin:start], by]
        begin = end
    return "".join([*kept, text[begin:]]) if kept else text


def values(text: str, *, is_key: Callable[[str], bool], is_string: Callable[[str], bool]) -> Iterator[str]:
    """Yield the values that `replace` would replace, in their original spelling."""
    return (text[start:end] for start, end in _places(text, is_key, is_string))


def scalars(spelled: str) -> Iterator[str]:
    """Yield every string and number inside a JSON value, at any depth, except keys. Resolve the strings' escapes."""
    for match in _SCALAR.finditer(spelled):
        if match[2] is None and match[3] not in ("true", "false", "null"):
            yield match[3] or _resolved(match[1])


def resolve_everywhere(text: str) -> str:
    """Return a text with every JSON escape resolved once, inside or outside strings."""
    return _ESCAPE.sub(_resolved_escape, text)


def _places(text: str, is_key: Callable[[str], bool], is_string: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    at = 0
    while match := _STRING.search(text, at):
        start, at = match.start(), match.end()
        string = _resolved(match[1])
        if match[2] is None:
            at += text.startswith('"', at)
            if is_string(string):
                yield start, at
            continue
        if is_string(string):
            yield start, match.end(1) + 1
        end = _end_of_value(text, at) if is_key(string) else at
        if end > at and text[at:end] != "null":
            yield at, end
            at = end


def _resolved_escape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _SHORT_ESCAPES.get(match[2], match[0])


def _resolved(spelled: str) -> str:
    try:
        return str(scanstring(f'{spelled}"', 0, False)[0]) if "\\" in spelled else spelled
    except ValueError:  # an invalid or truncated escape
        return spelled


def _end_of_value(text: str, at: int) -> int:
    if text.startswith(("{", "["), at):
        return _end_of_nested(text, at)
    if text.startswith('"', at) and (match := _NESTED.match(text, at)):
        return match.end()
    plain = _PLAIN.match(text, at)
    return plain.end() if plain else at


def _end_of_nested(text: str, at: int) -> int:
    depth = 0
    for match in _NESTED.finditer(text, at):
        depth += (match[0] in ("{", "[")) - (match[0] in ("}", "]"))
        if depth == 0:
            return match.end()
    return len(text)


def _members(text: str) -> dict[str, str]:
    try:
        return _decode_members(text)
    except msgspec.DecodeError:
        mark = next((each for each in _NEVER_TEXT if each not in text), "")
        hidden = _HALVES.sub(lambda match: mark + match[1] if match[1] else match[0], text) if mark else text
        if hidden == text:
            raise
    # JSON allows half a surrogate pair, but msgspec refuses it, so `mark` replaced its backslash. Undo that here.
    shown = re.compile(f"{mark}({_HALF})")
    return {
        shown.sub(lambda match: chr(int(match[1][1:], 16)), key): spelled.replace(mark, "\\")
        for key, spelled in _decode_members(hidden).items()
    }


def _decode_members(text: str) -> dict[str, str]:
    found = _raw_members.decode(text.encode(errors="surrogatepass"))
    return {key: str(spelled, "utf-8", "surrogatepass") for key, spelled in found.items()}


def _has_many_members(text: str) -> bool:
    """Return whether a JSON object has more than MOST_MEMBERS members, counting every use of a repeated key."""
    marks = _outside_strings(text, _NO_MARKS)
    commas = (mark for mark, level in zip(marks, _levels(marks), strict=True) if mark == ord(",") and level == 1)
    return next(islice(commas, MOST_MEMBERS - 1, None), None) is not None


def _levels(marks: bytes) -> Iterator[int]:
    """Yield the nesting level after each of these punctuation marks."""
    return accumulate(memoryview(marks.translate(_STEPS)).cast("b"))


def _outside_strings(text: str, unwanted: bytes) -> bytes:
    """Return JSON without its strings and without the `unwanted` bytes, which must not include quotation marks."""
    kept = text.encode(errors="ignore")
    if b"\\" in kept:
        kept = kept.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Split at the quotation marks: every second part is outside strings. Removing a pair of adjacent marks does not
    # change that.
    return b"".join(kept.translate(None, unwanted).replace(b'""', b"").split(b'"')[::2])


def _whole(spelled: str) -> int | str:
    return int(spelled) if len(spelled) <= MOST_DIGITS else spelled


_loader = json.JSONDecoder(parse_int=_whole)
