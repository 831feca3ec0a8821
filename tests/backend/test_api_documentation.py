"""The documents name every refusal that the API's description lists."""

import re

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.support.project import PROJECT

DOCUMENTS = ("api.md", "api-outlets.md", "api-webhooks.md")


@pytest.mark.django_db
def test_every_problem_of_an_operation_is_documented() -> None:
    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    described = [call.get("description", "") for calls in document["paths"].values() for call in calls.values()]
    listed = set(re.findall(r"`urn:order-n-pay:problem:([a-z-]+)`", "\n".join(described)))
    text = "".join((PROJECT / "docs" / name).read_text() for name in DOCUMENTS)
    assert "overlap-running" in listed
    assert listed - set(re.findall(r"`([a-z-]+)`", text)) == set()
