"""The documents name every refusal that the API's description lists."""

import re

import pytest

from integrations.backend.base import problem_schema
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
