"""A refusal class defines its own status and Retry-After, so a class that only this test defines works as well."""

from http import HTTPStatus

from integrations.models.attempt import Outcome
from integrations.pos import errors
from integrations.services.connections.errors import Refused


class Unmapped(Refused):
    outcome = Outcome.BUSY
    message = "The outlet is at sea."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 7.5


def test_a_refusal_defines_its_own_answer() -> None:
    response = errors.answer(Unmapped())
    assert response is not None
    assert (response.status, response.body) == (503, b'{"ErrorMessage":"The outlet is at sea."}')
    assert dict(response.headers)[b"retry-after"] == b"8"
