"""The OpenAPI document describes the header fields of every operation, including those for idempotency."""

import json
from typing import Any

import pytest

from tests.backend.operations import calls, document

pytestmark = pytest.mark.django_db

PARAMETERS = "#/components/parameters/"


def accepted(call: dict[str, Any]) -> set[str]:
    return {each["$ref"].removeprefix(PARAMETERS) for each in call["parameters"] if "$ref" in each}


def test_every_operation_accepts_ids_for_tracing_and_every_change_an_idempotency_key() -> None:
    parameters = document()["components"]["parameters"]
    for path, method, call in calls():
        names = sorted(parameters[each]["name"] for each in accepted(call))
        tracing = ["X-Request-ID", "traceparent"]
        assert names == (tracing if method == "get" else ["Idempotency-Key", *tracing]), path


def test_only_a_field_that_gets_a_refusal_has_a_limit_in_the_document() -> None:
    """A bad X-Request-ID is replaced and an invalid traceparent is ignored, so neither gets a refusal."""
    parameters = document()["components"]["parameters"].values()
    assert {each["name"] for each in parameters if "maxLength" in each["schema"]} == {"Idempotency-Key"}


def test_every_response_describes_its_header_fields() -> None:
    for path, _method, call in calls():
        for status, response in call["responses"].items():
            assert {"X-Request-ID", "RateLimit", "RateLimit-Policy"} <= set(response["headers"]), path
            assert ("WWW-Authenticate" in response["headers"]) == (status == "401"), path
            if status in ("429", "503"):
                assert "Retry-After" in response["headers"], path


def test_every_answer_with_a_location_or_a_next_page_describes_its_header() -> None:
    for path, _method, call in calls():
        for status, response in call["responses"].items():
            is_page = status == "200" and call["operationId"].startswith("list_")
            assert ("Link" in response["headers"]) == (is_page and call["operationId"] != "list_message_types"), path
            if status in ("201", "202"):
                assert "Location" in response["headers"], path
            if int(status) < 400 and status not in ("201", "202"):
                assert "Location" not in response["headers"], path


def test_a_problem_with_the_location_of_its_request_describes_its_header() -> None:
    (sending,) = [call for _, _, call in calls() if call["operationId"] == "send_request"]
    found = {status for status, response in sending["responses"].items() if "Location" in response["headers"]}
    assert found == {"202", "409", "502", "503", "504"}  # 409 cancelled, 502 failed, 503 restarting, 504 no answer


def test_only_a_call_with_an_idempotency_key_describes_the_refusals_of_the_key() -> None:
    for path, _, call in calls():
        is_described = "IdempotencyKeyInUse" in json.dumps(call["responses"])
        assert is_described == ("IdempotencyKey" in accepted(call)), path


def test_every_change_describes_the_repeated_answer_and_the_refusals_of_its_key() -> None:
    changes = [call for _, _, call in calls() if "IdempotencyKey" in accepted(call)]
    assert changes
    for call in changes:
        assert {"409", "410", "422"} <= set(call["responses"])
        done = [response for status, response in call["responses"].items() if int(status) < 400]
        assert all("Idempotent-Replayed" in response["headers"] for response in done)
