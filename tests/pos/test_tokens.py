"""Access tokens: signed, short-lived, safe in a URL, and rejected unless this portal issued them."""

import re
import string
import time
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core import signing
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from integrations.pos import tokens
from integrations.pos.tokens import MAX_LENGTH, SALT, ExpiredToken, ForgedToken, Token
from tests.support.factories import NOON

TOKEN = Token(15, 16, 3)
OLD_KEY, NEW_KEY = "old-key-" * 8, "new-key-" * 8

ids = st.integers(0, 2**63 - 1)


@given(ids, ids, ids)
def test_a_token_contains_the_signed_values(integration: int, credential: int, generation: int) -> None:
    token = Token(integration, credential, generation)
    assert tokens.read(tokens.issue(token)) == token


@given(ids, ids, ids)
def test_a_token_needs_no_escaping_in_a_url_and_is_not_too_long(integration: int, credential: int, gen: int) -> None:
    text = tokens.issue(Token(integration, credential, gen))
    assert re.fullmatch(r"[A-Za-z0-9._-]+", text)
    assert len(text) <= MAX_LENGTH


def test_a_token_may_be_used_again_until_it_expires() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        text = tokens.issue(TOKEN)
        clock.shift(timedelta(seconds=299))
        assert tokens.read(text) == tokens.read(text) == TOKEN


def test_an_expired_token_still_names_its_integration() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        text = tokens.issue(TOKEN)
        clock.shift(timedelta(seconds=301))
        with pytest.raises(ExpiredToken) as refused:
            tokens.read(text)
    assert refused.value.token == TOKEN


def test_the_lifetime_of_a_token_is_a_setting() -> None:
    with time_machine.travel(NOON, tick=False) as clock, override_settings(POS_TOKEN_LIFETIME=2):
        text = tokens.issue(TOKEN)
        clock.shift(timedelta(seconds=3))
        with pytest.raises(ExpiredToken):
            tokens.read(text)


def test_a_token_stays_valid_when_its_signing_key_becomes_a_fallback() -> None:
    with override_settings(SECRET_KEY=OLD_KEY):
        text = tokens.issue(TOKEN)
    with override_settings(SECRET_KEY=NEW_KEY, SECRET_KEY_FALLBACKS=[OLD_KEY]):
        assert tokens.read(text) == TOKEN


def test_an_expired_token_of_an_old_key_has_expired_and_was_not_forged() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        with override_settings(SECRET_KEY=OLD_KEY):
            text = tokens.issue(TOKEN)
        clock.shift(timedelta(days=1))
        with override_settings(SECRET_KEY=NEW_KEY, SECRET_KEY_FALLBACKS=[OLD_KEY]), pytest.raises(ExpiredToken):
            tokens.read(text)


def test_a_token_signed_with_a_removed_key_is_forged() -> None:
    with override_settings(SECRET_KEY=OLD_KEY):
        text = tokens.issue(TOKEN)
    with override_settings(SECRET_KEY=NEW_KEY), pytest.raises(ForgedToken):
        tokens.read(text)


def test_a_text_signed_for_another_purpose_is_forged() -> None:
    for_another = signing.TimestampSigner(salt=SALT + ".other", sep=".").sign_object([15, 16, 3])
    with pytest.raises(ForgedToken):
        tokens.read(for_another)


@pytest.mark.parametrize("content", [[], [1], [1, 2, 3, 4], {}, None, 7, "abcd"])
def test_a_signed_text_that_is_not_a_token_is_forged(content: object) -> None:
    text = signing.TimestampSigner(salt=SALT, sep=".").sign_object(content)
    with pytest.raises(ForgedToken):
        tokens.read(text)


@given(st.integers(0, 60), st.sampled_from(string.ascii_letters + string.digits + "-_."))
def test_a_token_with_one_changed_character_is_forged(place: int, character: str) -> None:
    text = tokens.issue(TOKEN)
    place %= len(text) - 1  # not the last character, because some of its bits are unused
    changed = text[:place] + character + text[place + 1 :]
    if changed == text:
        return
    with pytest.raises(ForgedToken):
        tokens.read(changed)


@given(st.text(max_size=600))
def test_any_text_is_forged_and_raises_no_other_error(text: str) -> None:
    with pytest.raises(ForgedToken):
        tokens.read(text)


@given(st.binary(max_size=80))
def test_any_signed_content_is_a_token_or_forged(content: bytes) -> None:
    text = signing.TimestampSigner(salt=SALT, sep=".").sign(signing.b64_encode(content).decode())
    with pytest.raises(ForgedToken):
        tokens.read(text)


@given(ids, ids, ids)
def test_a_token_equals_the_output_of_djangos_signer(integration: int, credential: int, generation: int) -> None:
    signer = signing.TimestampSigner(salt=SALT, sep=".")
    content = signing.b64_encode(b"[%d,%d,%d]" % (integration, credential, generation)).decode()
    with time_machine.travel(NOON, tick=False):
        assert tokens.issue(Token(integration, credential, generation)) == signer.sign(content)


def test_a_valid_token_with_a_suffix_is_forged() -> None:
    with pytest.raises(ForgedToken):
        tokens.read(tokens.issue(TOKEN) + "x" * MAX_LENGTH)


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(hours=-1)])
def test_the_age_of_a_token_follows_the_databases_clock(behind: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts have clocks that differ by an hour, but both know the database's time."""
    with time_machine.travel(NOON, tick=False) as clock:
        be_at(monkeypatch, NOON)
        text = tokens.issue(TOKEN)
        clock.shift(behind)
        be_at(monkeypatch, NOON + timedelta(seconds=290))
        assert tokens.read(text) == TOKEN
        be_at(monkeypatch, NOON + timedelta(seconds=302))
        with pytest.raises(ExpiredToken):
            tokens.read(text)


def be_at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Make this process take `moment` as the database's current time."""
    monkeypatch.setattr("integrations.models.clock._ahead", moment.timestamp() - time.monotonic())
