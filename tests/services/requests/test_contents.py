"""The secrets in a stored request are redacted; with the key, the portal can restore the original text."""

import json
import uuid

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.request import RequestState
from integrations.security.sealing import SealBroken
from integrations.services.requests import contents
from integrations.services.requests.contents import Content, KeyGone
from integrations.services.requests.request_types import Result

GUID = "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01"
PIN = '{"PIN": "73519", "n": 1.50}'
SAID = "PIN=73519 is unknown"

users = st.none() | st.text(max_size=36) | st.uuids().map(str)
texts = st.dictionaries(st.sampled_from(["PIN", "n", "cvv"]) | st.text(), st.text() | st.integers()).map(json.dumps)


@given(users, texts)
def test_the_payload_is_restored_byte_for_byte(user: str | None, payload: str) -> None:
    assert contents.original_request(contents.keep_request(user, payload)) == (user, payload)


@given(st.none() | st.text(), st.none() | texts)
def test_the_answer_is_restored_byte_for_byte(message: str | None, answer: str | None) -> None:
    assert contents.original_answer(contents.keep_answer(message, answer)) == (message, answer)


def test_no_stored_value_contains_the_secret() -> None:
    assert "73519" not in repr(contents.keep_request("73519", PIN))
    asked, said = contents.keep_request("73519", PIN), contents.keep_answer(SAID, PIN)
    for kept in (asked.payload, asked.user_identifier, asked.sealed, said.answer, said.error_message, said.sealed):
        assert kept is not None
        assert "73519" not in kept
    assert asked.payload == said.answer == '{"PIN": "[redacted]", "n": 1.50}'


def test_the_repr_of_a_result_does_not_show_the_answer() -> None:
    ended = Result(uuid=uuid.uuid4(), pk=1, state=RequestState.REFUSED, result_code=4, error_message=SAID, answer=PIN)
    assert "REFUSED" in repr(ended)
    assert "73519" not in repr(ended)


def test_content_without_redactions_is_not_sealed() -> None:
    assert contents.keep_request(GUID, '{"n": 1.50}').sealed is None
    assert contents.keep_answer("No such table", '{"n": 1.50}').sealed is None
    assert contents.keep_answer(None, None).sealed is None


@pytest.mark.parametrize("user", ["1234", "waiter", GUID.replace("-", ""), f"{{{GUID[:34]}", GUID[:-1]])
def test_a_user_id_that_is_not_a_guid_may_be_a_pin(user: str) -> None:
    assert contents.hide_user(user) == "[redacted]"


@pytest.mark.parametrize("user", [None, "", GUID, GUID.upper()])
def test_a_user_id_stays_readable(user: str | None) -> None:
    assert contents.hide_user(user) == user


def test_unsealing_with_a_removed_key_raises_an_error() -> None:
    asked, said = contents.keep_request("73519", PIN), contents.keep_answer(SAID, None)
    with override_settings(CREDENTIAL_KEY="another"):
        with pytest.raises(SealBroken):
            contents.original_request(asked)
        with pytest.raises(SealBroken):
            contents.original_answer(said)


# --- Digests of contents


def test_different_contents_have_different_digests() -> None:
    kept = contents.digest(Content(0, "kiosk-1", "1234", PIN))
    assert contents.is_digest_of(kept, Content(0, "kiosk-1", "1234", PIN))
    for other in (
        Content(1, "kiosk-1", "1234", PIN),
        Content(0, "kiosk-2", "1234", PIN),
        Content(0, "kiosk-1", "1235", PIN),
        Content(0, "kiosk-1", None, PIN),
        Content(0, "kiosk-1", "1234", PIN.replace("1.50", "1.51")),
    ):
        assert not contents.is_digest_of(kept, other)


def test_a_pin_cannot_be_guessed_from_its_digest_without_the_key() -> None:
    kept = contents.digest(Content(0, "kiosk-1", "1234", PIN))
    with override_settings(CREDENTIAL_KEY="a guesser's"):
        guesses = {contents.digest(Content(0, "kiosk-1", f"{guess:04}", PIN)) for guess in range(10_000)}
    assert kept not in guesses
    assert kept.partition(":")[2] not in {guess.partition(":")[2] for guess in guesses}


def test_a_digest_under_an_older_key_is_compared_under_that_key() -> None:
    content = Content(0, "kiosk-1", "1234", PIN)
    with override_settings(CREDENTIAL_KEY="the old one"):
        kept = contents.digest(content)
    with override_settings(CREDENTIAL_KEY="the new one", CREDENTIAL_KEY_FALLBACKS=["the old one"]):
        assert contents.is_digest_of(kept, content)
        assert not contents.is_digest_of(kept, content._replace(payload="{}"))
    with override_settings(CREDENTIAL_KEY="the new one"), pytest.raises(KeyGone):
        contents.is_digest_of(kept, content)


def test_a_digest_fits_its_column() -> None:
    assert len(contents.digest(Content(0, "kiosk-1", None, PIN))) == 64
