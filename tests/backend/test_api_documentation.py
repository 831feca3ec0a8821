"""The documentation names every refusal in the OpenAPI document, and the status of every problem."""

import re

import pytest

from integrations.backend.base import problem_schema, problems
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused
from tests.backend.operations import document
from tests.support.project import PROJECT

DOCUMENTS = ("api.md", "api-outlets.md", "api-webhooks.md")


@pytest.mark.django_db
def test_every_problem_of_an_operation_is_documented() -> None:
    document()
    listed = {kind.name for kind in problem_schema.kinds()}
    text = "".join((PROJECT / "docs" / name).read_text() for name in DOCUMENTS)
    assert "overlap-running" in listed
    assert listed - set(re.findall(r"`([a-z-]+)`", text)) == set()


def test_the_table_of_outcomes_has_every_problem_and_its_status() -> None:
    kinds = [each for each in vars(problems).values() if isinstance(each, problems.ProblemKind)]
    kinds += [problems.of_refusal(each) for each in (FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused)]
    table = (PROJECT / "docs/api.md").read_text().split("## Outcomes")[1].split("\n## ")[0]
    documented = {
        name: row.split("|")[1]
        for row in table.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[2])
    }
    assert documented.keys() == {kind.name for kind in kinds}
    for kind in kinds:
        assert str(kind.status) in documented[kind.name]
