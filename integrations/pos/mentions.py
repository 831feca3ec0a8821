"""Finds the request that an unreadable answer refers to. The caller then ends the request. Does no I/O."""

import re
from collections.abc import Iterable, Set

from integrations.text.characters import identity, is_canonical_uuid

LEAST = 16  # minimum length of a RequestID that counts without its field name; a shorter one could occur by chance
TAIL = 400  # characters searched at the end of a truncated text
LEAST_OF_TAIL = 8  # minimum length of a truncated RequestID

_NAME = r"request[\W_]*+id[\W_]++"  # matches the field's name in any spelling, in JSON, XML, a form or another format
_CUT_OFF = re.compile(rf"{_NAME}([\w-]{{{LEAST_OF_TAIL},}})\Z")


def find(content: str | bytes, request_ids: Iterable[str]) -> str | None:
    """Return which of these RequestIDs a frame refers to; None if there is none, or more than one.

    A RequestID after its field name takes precedence over one elsewhere in the text.
    """
    text = _comparable(content)
    by_text: dict[str, list[str]] = {}
    for each in request_ids:
        by_text.setdefault(_comparable(identity(each)), []).append(each)
    for search in (_named, _mentioned, _cut_off):
        if found := [each for wanted in search(text, by_text.keys()) for each in by_text[wanted]]:
            return found[0] if len(found) == 1 else None
    return None


def _comparable(content: str | bytes) -> str:
    """Return the text case-folded, without the NULs and replacement characters that a faulty encoding leaves."""
    text = content.decode(errors="ignore") if isinstance(content, bytes) else content
    return text.replace("\0", "").replace("\N{REPLACEMENT CHARACTER}", "").casefold()


def _named(text: str, wanted: Set[str]) -> set[str]:
    ids = "|".join(re.escape(each.lstrip(" \"'")) for each in sorted(wanted, key=len, reverse=True))
    found = {match[1] for match in re.finditer(rf"{_NAME}({ids})(?![\w-])", text)}
    whole = text.strip(" \"'\t\r\n")
    return (found | {whole}) & wanted


def _mentioned(text: str, wanted: Set[str]) -> set[str]:
    return {each for each in wanted if _is_in(text, each)}


def _is_in(text: str, request_id: str) -> bool:
    if is_canonical_uuid(request_id):
        return request_id in text or request_id.replace("-", "") in text
    if len(request_id) < LEAST or request_id not in text:
        return False
    return re.search(rf"(?<![\w-]){re.escape(request_id)}(?![\w-])", text) is not None


def _cut_off(text: str, wanted: Set[str]) -> set[str]:
    cut = _CUT_OFF.search(text[-TAIL:])
    return {each for each in wanted if each.startswith(cut[1])} if cut else set()
