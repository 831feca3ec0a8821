"""What the documents say of the settings is what the settings are."""

import re

from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.pos.close_codes import CLOSE_CODES
from tests.support.project import PROJECT


def variables_read_by_the_settings() -> set[str]:
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (PROJECT / "portal/settings.py").read_text()))


def test_the_example_environment_names_every_variable_and_no_other() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert named == variables_read_by_the_settings()


def test_the_readme_explains_every_variable_and_no_other() -> None:
    rows = [line for line in (PROJECT / "README.md").read_text().splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([A-Z_]{4,})`", row.split("|")[1])}
    assert named == variables_read_by_the_settings()


def test_the_documented_close_codes_are_those_that_are_sent() -> None:
    table = (PROJECT / "docs/protocol.md").read_text().split("## Close codes")[1]
    documented = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.MULTILINE)}
    assert documented == {reason.value: entry.default for reason, entry in CLOSE_CODES.items()}


def test_every_way_in_which_the_server_closes_has_a_code() -> None:
    by_the_peer_or_the_library = {
        CloseReason.BY_POS,
        CloseReason.LINK_LOST,
        CloseReason.TOO_LARGE,
        CloseReason.PROTOCOL_ERROR,
        CloseReason.SERVER_LOST,
    }
    assert set(CLOSE_CODES) == set(CloseReason) - by_the_peer_or_the_library


def test_the_operator_reads_what_to_do_about_each_outcome_of_an_attempt() -> None:
    text = (PROJECT / "docs/operations.md").read_text().split('## "The till does not connect"')[1].split("\n## ")[0]
    explained = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    shown = [each for each in Outcome if each not in (Outcome.ACCEPTED, Outcome.FOREIGN_ORIGIN)]  # of older versions
    labels = [str(each.label).partition(" (")[0].partition(":")[0] for each in shown]
    assert [label for label in labels if not any(label in row for row in explained)] == []


def test_every_linked_document_exists() -> None:
    for document in [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
