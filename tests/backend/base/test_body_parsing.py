"""A JSON body is parsed by a serializer; each wrong field is named."""

import pytest
from rest_framework import serializers

from integrations.backend.base.body_parsing import read_body
from integrations.backend.base.problems import Problem


class Form(serializers.Serializer[object]):
    name = serializers.CharField(max_length=5)
    size = serializers.IntegerField(required=False)
    owner = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=3)
    is_hot = serializers.BooleanField(required=False)
    milk = serializers.ChoiceField(choices=("0", "1"), required=False, allow_null=True)


def refusal(body: bytes, *, partial: bool = False) -> Problem:
    with pytest.raises(Problem) as refused:
        read_body(body, Form, partial=partial)
    assert refused.value.kind.status == 422
    return refused.value


def fields(problem: Problem) -> list[str]:
    return [each["field"] for each in problem.more["errors"]]


def test_the_fields_are_returned_as_the_serializer_validates_them() -> None:
    assert read_body(b'\xef\xbb\xbf{"name": " tea ", "size": 2.0, "milk": null}', Form) == {
        "name": "tea",
        "size": 2,
        "milk": None,
    }


def test_a_partial_body_returns_only_the_fields_given() -> None:
    assert read_body(b'{"size": 1}', Form, partial=True) == {"size": 1}
    assert read_body(b" ", Form, partial=True) == {}


def test_every_wrong_field_is_named_and_so_is_an_unknown_one() -> None:
    problem = refusal(b'{"size": "two", "owner": [1, "x"], "colour": 1}')
    assert fields(problem) == ["colour", "name", "size", "owner.1"]
    assert "name: This field is required." in str(problem)


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ('"name": 5', "name", "a string"),
        ('"name": true', "name", "a string"),
        ('"size": "2"', "size", "a whole number"),
        ('"size": true', "size", "a whole number"),
        ('"is_hot": "true"', "is_hot", "true or false"),
        ('"is_hot": 1', "is_hot", "true or false"),
        ('"milk": 0', "milk", "one of 0, 1"),
        ('"milk": "2"', "milk", "one of 0, 1"),
        ('"milk": []', "milk", "one of 0, 1"),
        ('"owner": "1"', "owner", "a list"),
        ('"owner": [1, "2"]', "owner.1", "a whole number"),
    ],
)
def test_a_value_of_another_json_type_is_refused_and_not_converted(given: str, path: str, expected: str) -> None:
    problem = refusal(b"{%s}" % given.encode(), partial=True)
    assert problem.more["errors"] == [{"field": path, "message": f"Must be {expected}."}]


def test_a_repeated_field_is_refused_whatever_its_values_are() -> None:
    for body in (b'{"name": "tea", "name": "tea"}', b'{"name": "tea", "size": 1, "n\\u0061me": 2, "name": "milk"}'):
        assert refusal(body).more["errors"] == [{"field": "name", "message": "Is given twice."}]


def test_a_list_that_is_too_long_is_refused_with_one_message() -> None:
    assert fields(refusal(b'{"owner": ["1", "2", "3", "4"]}', partial=True)) == ["owner"]


def test_a_field_of_a_partial_body_is_validated() -> None:
    assert fields(refusal(b'{"name": "sugar bowl"}', partial=True)) == ["name"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"{", b"\xff{}", b'{"name": NaN}', b'{"size": ' + b"9" * 5000 + b"}", b'{"name": "\\u0000"}'],
    ids=["array", "null", "unfinished", "not UTF-8", "NaN", "5,000 digits", "NUL"],
)
def test_a_body_that_is_not_a_readable_json_object_is_refused(body: bytes) -> None:
    refusal(body)


def test_a_body_that_nests_too_deep_is_refused() -> None:
    assert "levels deep" in str(refusal(b'{"owner": ' + b"[" * 5000 + b"]" * 5000 + b"}"))
