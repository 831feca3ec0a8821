"""Finds in a frame that cannot be read as an answer the request that it is about, so that the request ends. Pure."""

import re
from collections.abc import Iterable, Set

from integrations.text.characters import identity, is_canonical_uuid

LEAST = 16  # characters of a RequestID that is not to be found in a text by accident, without a name before it
TAIL = 400  # characters at the end of a text that was cut off
LEAST_OF_TAIL = 8  # characters of a RequestID that was cut off

_NAME = r"request[\W_]*+id[\W_]++"  # of the RequestID in JSON, XML, a form or anything else, in whatever spelling
_CUT_OFF = re.compile(rf"{_NAME}([\w-]{{{LEAST_OF_TAIL},}})\Z")


def find(content: str | bytes, request_ids: Iterable[str]) -> str | None:
    """Return the one of these RequestIDs that a frame is about; None where there is none, or where it may be several.

    One after the name of the RequestID goes before one that stands anywhere.
    """
    text = _plain(content)
    by_text: dict[str, list[str]] = {}
    for each in request_ids:
        by_text.setdefault(_plain(identity(each)), []).append(each)
    for look in (_named, _mentioned, _cut_off):
        if found := [each for wanted in look(text, by_text.keys()) for each in by_text[wanted]]:
            return found[0] if len(found) == 1 else None
    return None


def _plain(content: str | bytes) -> str:
    """Return a text without letter case, and without what a client that cannot spell puts between its characters."""
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
