"""For an error that a service raises, the API builds the problem response from the error's class, not from a table."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.db import OperationalError

from integrations.backend.base import problems
from integrations.backend.base.problems import answer, of_refusal
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.integration.errors import (
    AlreadyEnabled,
    NothingToDisconnect,
    PosRemoteIdTaken,
)
from integrations.services.notices.errors import WebhookDisabled
from integrations.services.rows.threads import DatabaseUnresponsive
from tests.support.asgi_client import Answer


def subclasses(of: type[PortalError]) -> Iterator[type[PortalError]]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def problem_of(error: Exception) -> dict[str, object]:
    response = answer(error)
    return dict(Answer(response.status, {}, response.body).json())


def test_a_conflict_has_its_hint_as_detail() -> None:
    problem = problem_of(AlreadyEnabled())
    assert problem["type"] == "urn:order-n-pay:problem:already-enabled"
    assert (problem["status"], problem["title"]) == (409, AlreadyEnabled.message)
    assert problem["detail"] == AlreadyEnabled.hint


def test_a_conflict_without_a_hint_of_its_own_says_nothing_about_people_or_pages() -> None:
    problem = problem_of(WebhookDisabled())
    assert problem["title"] == WebhookDisabled.message
    assert "detail" not in problem


def test_a_refused_value_names_its_field() -> None:
    problem = problem_of(PosRemoteIdTaken())
    assert problem["status"] == 422
    assert problem["errors"] == [{"field": "pos_remote_id", "message": PosRemoteIdTaken.message}]


def test_a_value_refused_by_a_service_gets_the_same_problem_as_one_refused_by_the_api() -> None:
    problem = problem_of(InvalidValue("reason", "A reason is required."))
    assert problem["type"] == problems.INVALID_INPUT.type
    own = problem_of(problems.invalid("reason", "A reason is required."))
    assert problem == own
    assert problem["detail"] == "reason: A reason is required."
    assert problem["errors"] == [{"field": "reason", "message": "A reason is required."}]


def test_a_field_is_named_once_by_its_name_in_the_api() -> None:
    problem = problem_of(InvalidValue("time_zone", "Enter the name of a time zone.", label="Time zone"))
    assert problem["errors"] == [{"field": "time_zone", "message": "Enter the name of a time zone."}]


def test_each_invalid_field_has_a_sentence() -> None:
    problem = problem_of(problems.invalid_fields({"limit": "must be true or false", "name": "This is required."}))
    assert problem["detail"] == "limit: Must be true or false. name: This is required."


def test_an_operation_that_cannot_be_done_now_is_a_conflict() -> None:
    assert problem_of(NothingToDisconnect())["status"] == 409


def test_a_slow_database_is_distinguished_from_an_unavailable_one() -> None:
    slow, away = problem_of(DatabaseUnresponsive()), problem_of(OperationalError("connection refused"))
    assert slow["type"] == away["type"] == problems.DATABASE_AWAY.type
    assert slow["detail"] == problems.UNRESPONSIVE
    assert "detail" not in away, "the error may name hosts and addresses"


@pytest.mark.parametrize("refusal", list(subclasses(PortalError)), ids=lambda each: each.__name__)
def test_every_refusal_of_a_service_has_a_problem_with_a_status_and_a_title(refusal: type[PortalError]) -> None:
    kind = of_refusal(refusal)
    assert HTTPStatus.UNAUTHORIZED <= kind.status < HTTPStatus.INTERNAL_SERVER_ERROR or kind.status == 503
    assert kind.title.endswith((".", "!"))
