"""A JSON body is parsed by a serializer; each wrong field is named."""

import pytest
from rest_framework import serializers

from integrations.backend.base.body_parsing import read_body
from integrations.backend.base.problems import Problem


class Form(serializers.Serializer[object]):
    name = serializers.CharField(max_length=5)
    size = serializers.IntegerField(required=False)
    owner = serializers.ListField(child=serializers.IntegerField(), required=False)


def refusal(body: bytes, *, partial: bool = False) -> Problem:
    with pytest.raises(Problem) as refused:
        read_body(body, Form, partial=partial)
    assert refused.value.kind.status == 422
    return refused.value


def fields(problem: Problem) -> list[str]:
    return [each["field"] for each in problem.more["errors"]]


def test_the_fields_are_returned_as_the_serializer_validates_them() -> None:
    assert read_body(b'\xef\xbb\xbf{"name": " tea ", "size": "2"}', Form) == {"name": "tea", "size": 2}


def test_a_partial_body_returns_only_the_fields_given() -> None:
    assert read_body(b'{"size": 1}', Form, partial=True) == {"size": 1}
    assert read_body(b" ", Form, partial=True) == {}


def test_every_wrong_field_is_named_and_so_is_an_unknown_one() -> None:
    problem = refusal(b'{"size": "two", "owner": [1, "x"], "colour": 1}')
    assert fields(problem) == ["colour", "name", "size", "owner.1"]
    assert "name: This field is required." in str(problem)


def test_a_field_of_a_partial_body_is_validated() -> None:
    assert fields(refusal(b'{"name": "sugar bowl"}', partial=True)) == ["name"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"{", b"\xff{}", b'{"name": NaN}', b'{"size": ' + b"9" * 5000 + b"}", b'{"name": "\\u0000"}'],
    ids=["array", "null", "unfinished", "not UTF-8", "NaN", "5,000 digits", "NUL"],
)
def test_a_body_that_is_not_such_an_object_is_refused(body: bytes) -> None:
    refusal(body)


def test_a_body_that_nests_too_deep_is_refused() -> None:
    assert "levels deep" in str(refusal(b'{"owner": ' + b"[" * 5000 + b"]" * 5000 + b"}"))
