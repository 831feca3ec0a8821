"""Converts the outcome of a request into the answer to an API call, or into a problem."""

import uuid

from django.urls import reverse

from integrations.backend.base import problems
from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.json_answers import json_answer
from integrations.backend.base.problems import Problem
from integrations.backend.requests.serializers import ACCEPTED, answer_text, request_text
from integrations.backend.requests.typed_messages import NAMES
from integrations.models import Request as StoredRequest
from integrations.models.request import RequestState
from integrations.services.requests.request_types import NewRequest, Result
from integrations.services.requests.results import readable_result_of, result_of
from integrations.wire import raw_json
from integrations.wire.plain_http import PlainResponse

ANSWER_UNREADABLE = "The POS has answered. `state` and `result_code` show the outcome."


def answer_of(result: Result, new: NewRequest, message_type: int | str) -> PlainResponse:
    """Return the POS's answer to a request. Raises Problem for every other outcome.

    The answer names the message type as the call did, or by its number if the call used an undocumented name.
    """
    match result.state:
        case RequestState.ANSWERED | RequestState.REFUSED if result.is_unreadable:
            raise _unreadable(result, new.request_id)
        case RequestState.ANSWERED | RequestState.REFUSED:
            named = message_type if message_type in NAMES else new.content.message_type
            return json_answer(answer_text(result, new.request_id, named).encode())
        case RequestState.EXPIRED:
            raise _ended(problems.EXPIRED, result, new.request_id)
        case RequestState.CANCELLED:
            raise _ended(problems.CANCELLED, result, new.request_id)
        case RequestState.FAILED:
            raise _ended(problems.FAILED, result, new.request_id)
        case _:
            raise no_answer(result.uuid, new.request_id, state=result.state)


def whole_request(row: StoredRequest, caller: Caller) -> PlainResponse:
    """Return a request with its stored content. Raises Problem.

    If the caller's key sent the request, the POS's answer is included exactly as sent. For other keys, it is redacted.
    """
    result = result_of(row) if row.api_key_id == caller.api_key_id else readable_result_of(row)
    if result.is_unreadable:
        raise _unreadable(result, row.request_id)
    return json_answer(request_text(row, result).encode())


def accepted(row_uuid: uuid.UUID, request_id: str) -> PlainResponse:
    """Return the receipt for a request whose caller does not wait."""
    location = _location_of(row_uuid)
    content = {"id": str(row_uuid), "request_id": request_id, "outcome": ACCEPTED, "location": location}
    response = json_answer(raw_json.spell(content).encode(), status=202)
    response.set_header(b"location", location)
    return response


def no_answer(row_uuid: uuid.UUID, request_id: str, **more: str) -> Problem:
    """Return the problem for a call that timed out while its request continues."""
    return unfinished(problems.NO_ANSWER, row_uuid, request_id, **more)


def unfinished(kind: problems.ProblemKind, row_uuid: uuid.UUID, request_id: str, **more: str) -> Problem:
    """Return a problem for a call that ends while its stored request continues."""
    location = _location_of(row_uuid)
    return Problem(
        kind,
        headers={"Location": location},
        id=str(row_uuid),
        request_id=request_id,
        location=location,
        **more,
    )


def _unreadable(result: Result, request_id: str) -> Problem:
    """Return the problem for an answer that can no longer be decrypted. The problem contains the outcome."""
    return Problem(
        problems.UNREADABLE,
        ANSWER_UNREADABLE,
        id=str(result.uuid),
        request_id=request_id,
        state=result.state,
        result_code=result.result_code,
    )


def _ended(kind: problems.ProblemKind, result: Result, request_id: str) -> Problem:
    location = _location_of(result.uuid)
    return Problem(
        kind,
        result.failure or None,
        headers={"Location": location},
        id=str(result.uuid),
        request_id=request_id,
        location=location,
    )


def _location_of(request_uuid: uuid.UUID) -> str:
    """Return the path of a request's outcome."""
    return reverse("backend-request", args=[request_uuid])
