"""A change that an API caller repeats is made once, and each repetition gets the first answer."""

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
from django.test import override_settings

from integrations.models import AnsweredCall, ApiKey, Organisation
from integrations.models.clock import shared_now
from integrations.services.api_keys import idempotency
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused
from integrations.services.api_keys.idempotency import REPLAYED, Call, change_once
from integrations.services.errors import InvalidValue
from integrations.wire.plain_http import PlainResponse

pytestmark = pytest.mark.django_db

SECRET = "ONPS-THE-NEW-SECRET"


@pytest.fixture
def call() -> Call:
    key = ApiKey.objects.create(name="kiosk")
    return Call(key.pk, "k1", "POST", "/api/v1/outlets?", b'{"name": "Harbour", "size": 1}')


def create() -> PlainResponse:
    """Create an organisation, and return an answer that contains a secret."""
    Organisation.objects.create(name=f"Organisation {Organisation.objects.count()}")
    body = f'{{"secret": "{SECRET}", "name": "Café"}}'.encode()
    return PlainResponse(201, [(b"location", b"/api/v1/outlets/1")], body)


def test_a_repeat_gets_the_first_answer_and_changes_nothing(call: Call) -> None:
    first, again = change_once(call, change=create), change_once(call, change=create)
    assert Organisation.objects.count() == 1
    assert (again.status, again.body) == (201, first.body)
    assert again.headers == [*first.headers, (REPLAYED, b"true")]
    assert REPLAYED not in dict(first.headers)


def test_the_answer_is_stored_encrypted(call: Call) -> None:
    change_once(call, change=create)
    [row] = AnsweredCall.objects.values()
    assert SECRET not in str(row)
    assert "Harbour" not in str(row)


def test_a_refused_change_leaves_nothing_so_a_repeat_is_tried_again(call: Call) -> None:
    def refused() -> PlainResponse:
        create()
        raise InvalidValue("name", "No.")

    for _ in range(2):
        with pytest.raises(InvalidValue):
            change_once(call, change=refused)
    assert Organisation.objects.count() == AnsweredCall.objects.count() == 0
    assert change_once(call, change=create).status == 201


def test_a_change_whose_answer_cannot_be_stored_does_not_happen(call: Call) -> None:
    with mock.patch.object(idempotency, "seal", side_effect=MemoryError), pytest.raises(MemoryError):
        change_once(call, change=create)
    assert Organisation.objects.count() == 0
    change_once(call, change=create)
    assert Organisation.objects.count() == 1


@pytest.mark.parametrize("other", [{"method": "PATCH"}, {"target": "/api/v1/outlets?a=1"}, {"body": b'{"size": 2}'}])
def test_the_same_key_for_a_different_call_is_refused(call: Call, other: dict[str, str]) -> None:
    change_once(call, change=create)
    with pytest.raises(IdempotencyKeyReused):
        change_once(replace(call, **other), change=create)  # type: ignore[arg-type]
    assert Organisation.objects.count() == 1


@pytest.mark.parametrize("body", [b'{"size":1.0,"name":"\\u0048arbour"}', b' {"name": "Harbour", "size": 1e0}'])
def test_the_spelling_of_the_body_makes_no_difference(call: Call, body: bytes) -> None:
    change_once(call, change=create)
    change_once(replace(call, body=body), change=create)
    assert Organisation.objects.count() == 1


def test_a_body_that_is_not_text_is_compared_too(call: Call) -> None:
    change_once(replace(call, body=b"\xff"), change=create)
    change_once(replace(call, body=b"\xff"), change=create)
    with pytest.raises(IdempotencyKeyReused):
        change_once(replace(call, body=b"\xfe"), change=create)


def test_a_key_belongs_to_the_api_key_that_used_it(call: Call) -> None:
    other = ApiKey.objects.create(name="web shop")
    change_once(call, change=create)
    assert REPLAYED not in dict(change_once(replace(call, api_key_id=other.pk), change=create).headers)
    assert Organisation.objects.count() == 2


def test_keys_differ_by_letter_case(call: Call) -> None:
    change_once(call, change=create)
    change_once(replace(call, idempotency_key="K1"), change=create)
    assert Organisation.objects.count() == 2


def test_on_postgresql_each_key_of_each_api_key_has_its_own_lock() -> None:
    call = Call(1, "k1", "POST", "/api/v1/outlets?", b"{}")
    number = lock_number(call)
    assert -(2**63) <= number < 2**63, "PostgreSQL's bigint"
    assert number == lock_number(replace(call, target="/api/v1/organisations?", body=b"[]"))
    others = (replace(call, api_key_id=2), replace(call, idempotency_key="k2"))
    assert len({number, *map(lock_number, others)}) == 3


def test_on_postgresql_a_call_whose_lock_is_taken_is_refused() -> None:
    with pytest.raises(IdempotencyKeyInUse):
        lock_number(Call(1, "k1", "POST", "/api/v1/outlets?", b"{}"), is_free=False)


def lock_number(call: Call, *, is_free: bool = True) -> int:
    """Return the number of the lock that the call takes on PostgreSQL; a mock replaces the database."""
    with mock.patch.object(idempotency, "connection", mock.MagicMock(vendor="postgresql")) as connection:
        cursor = connection.cursor.return_value.__enter__.return_value
        cursor.fetchone.return_value = (is_free,)
        idempotency._lock(call)
    (_sql, (number,)), _ = cursor.execute.call_args
    return int(number)


def test_an_expired_answer_is_forgotten(call: Call) -> None:
    change_once(call, change=create)
    AnsweredCall.objects.update(expires_at=shared_now() - timedelta(seconds=1))
    change_once(call, change=create)
    assert Organisation.objects.count() == 2
    assert AnsweredCall.objects.get().expires_at > shared_now() + timedelta(hours=23)


def test_a_change_whose_answer_has_a_lost_key_is_not_repeated(call: Call) -> None:
    change_once(call, change=create)
    with override_settings(CREDENTIAL_KEY="n" * 50), pytest.raises(FirstAnswerUnreadable):
        change_once(call, change=create)
    assert Organisation.objects.count() == 1


def test_an_answer_stays_readable_while_its_key_is_a_fallback(call: Call) -> None:
    with override_settings(CREDENTIAL_KEY="o" * 50):
        change_once(call, change=create)
    with override_settings(CREDENTIAL_KEY="n" * 50, CREDENTIAL_KEY_FALLBACKS=["o" * 50]):
        assert SECRET.encode() in change_once(call, change=create).body
