"""Documents, pages and code use the portal's terms; script/plain-words.txt has the words that codespell replaces."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import PROJECT
from tests.test_paths import NOT_OURS

# To add a phrase, add its pattern and the words to write instead.
PLAIN = {
    r"stray (?:frame|message)s?": "unrecognised frame",
    r"log(?:s|ged|ging)? (?:in|out) (?:to|with|again|as|at)": "sign in, sign out",
    r"mass (?:action|change)s?": "bulk action",
    r"(?:POS|till|webhook|API) password": "secret, API key",
    r"takes? (?:it|them|this|that) back|taken? back|took back": "revoke, roll back",
    r"(?:here|there) stands?\b|will stand here": "appears here",
    r"who(?:ever)? (?:asks|comes|came|goes|knocks)": "a caller that ...",
    r"is none of (?:ours|the portal's)": "is not valid",
    r"telephones?": "phone",
    r"(?:older|previous|former) secrets?": "old secret",
    r"audit (?:log|trail)s?": "audit events",
    r"unrecognised messages?": "unrecognised frame",
    r"switch(?:es|ed)? (?:it |them )?o(?:n|ff)": "enable, disable",
    r"less than \d+ (?:characters|letters|outlets|requests|rows|words)": "fewer than",
}
PHRASE = re.compile("|".join(rf"\b(?P<p{number}>{each})\b" for number, each in enumerate(PLAIN)), re.IGNORECASE)
# A vague comment on a constant, such as "of one request"; the reader would have to guess what the number is.
VAGUE = re.compile(r"^ *[A-Z][A-Z_, ]* = .*  # (?:of|for) .*", re.MULTILINE)
FOLDERS = ("benchmarks", "clients", "deploy", "docs", "integrations", "portal", "script", "templates", "tests")
SUFFIXES = {".md", ".py", ".html", ".txt", ".js", ".ts", ".yaml"}
# The changelog and migrations keep old words; this file lists the phrases to search for.
NOT_CHECKED = {"CHANGELOG.md", "migrations", "test_migrations.py", "test_wording.py"}


def files() -> Iterator[Path]:
    for path in [*PROJECT.glob("*.md"), *(path for each in FOLDERS for path in (PROJECT / each).rglob("*"))]:
        if path.suffix in SUFFIXES and not (NOT_OURS | NOT_CHECKED) & set(path.parts):
            yield path


def advice_on(text: str) -> list[str]:
    """Return advice on each phrase that has a plainer alternative, with the phrase's line number."""
    return [
        f"{text.count(chr(10), 0, each.start()) + 1}: {each.group()!r}: write {list(PLAIN.values())[_number(each)]!r}"
        for each in PHRASE.finditer(text)
    ]


def _number(found: re.Match[str]) -> int:
    return int((found.lastgroup or "p0")[1:])


def test_documents_pages_and_code_use_plain_phrases() -> None:
    advice = [f"{path.relative_to(PROJECT)}:{each}" for path in files() for each in advice_on(path.read_text())]
    assert advice == [], "\n".join(advice)


def test_a_comment_on_a_constant_begins_with_what_it_is() -> None:
    paths = (path for path in files() if path.suffix == ".py")
    vague = [f"{path}: {found}" for path in paths for found in VAGUE.findall(path.read_text())]
    assert vague == [], "\n".join(vague)


def test_a_comment_that_begins_with_a_preposition_is_found() -> None:
    assert VAGUE.findall("LIMIT = 3  # of one storm\nLONGEST = 4  # seconds of a storm\n") == [
        "LIMIT = 3  # of one storm"
    ]


@pytest.mark.parametrize("text", ["one Stray frame", "log in with a password", "less than 8 characters"])
def test_a_phrase_is_named_with_its_line_and_a_plainer_one(text: str) -> None:
    [advice] = advice_on(f"A line.\nAnd {text}.")
    assert advice.startswith("2: ")
    assert ": write '" in advice


@pytest.mark.parametrize("text", ["the log in JSON", "sign in with a password", "an unrecognised frame"])
def test_other_texts_pass(text: str) -> None:
    assert advice_on(text) == []
