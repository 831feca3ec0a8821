"""Secrets are generated, recognised, digested and compared; a mistyped secret is detected."""

import re
from collections import Counter

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from django.conf import settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from integrations.security import secret_digests
from integrations.security.secret_digests import (
    ALPHABET,
    DUMMY_ARGON2ID,
    STRONG_BITS,
    Algorithm,
    Digest,
    SecretKind,
    WrongChecksum,
    digest_adopted,
    digest_generated,
    estimate_bits,
    generate,
    keyed_digest,
    keyed_digests,
    recognise,
    verify_adopted,
)
from tests.support.factories import ADOPTED

# Hard-coded, because later versions of the code must still accept secrets that were issued earlier.
SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"
OTHER_KEY = "another-key-of-the-server-0123456789"

places = st.integers(0, len(SECRET) - 1)
symbols = st.sampled_from(ALPHABET)


def read(text: str) -> str | None:
    return recognise(SecretKind.POS_SECRET, text)


# --- Generated


def test_a_generated_secret_has_a_prefix_and_groups_of_five() -> None:
    assert re.fullmatch(rf"ONPS(-[{ALPHABET}]{{5}}){{7}}", generate(SecretKind.POS_SECRET))


def test_the_alphabet_has_no_letter_that_resembles_a_digit_or_forms_words() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_a_generated_secret_holds_at_least_128_random_bits() -> None:
    assert digest_generated(SecretKind.POS_SECRET, SECRET).bits >= 128


def test_every_character_of_the_random_part_varies_over_the_whole_alphabet() -> None:
    made = [generate(SecretKind.POS_SECRET).replace("-", "")[4:35] for _ in range(600)]
    for place in range(31):
        assert len(Counter(secret[place] for secret in made)) == 32


def test_no_two_secrets_are_the_same() -> None:
    assert len({generate(SecretKind.POS_SECRET) for _ in range(1_000)}) == 1_000


# --- Recognised


def test_a_secret_is_recognised_in_the_spelling_in_which_it_was_issued() -> None:
    assert read(SECRET) == SECRET


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET.lower(),
        SECRET.title(),
        SECRET.replace("-", ""),
        SECRET.replace("-", " "),
        SECRET.replace("-", " - "),
        f"  {SECRET}\n",
        SECRET.replace("-", "\N{EN DASH}"),
        SECRET.replace("-", "\N{NON-BREAKING HYPHEN}"),
        SECRET.replace("-", "\N{MINUS SIGN}"),
        SECRET.replace("-", "-\N{SOFT HYPHEN}"),
        SECRET.replace("0", "O").replace("1", "I"),
        SECRET.replace("0", "o").replace("1", "l"),
        SECRET.replace("ONPS", "0NPS"),
    ],
)
def test_a_secret_survives_e_mail_a_phone_call_and_a_tills_keyboard(spelt: str) -> None:
    assert read(spelt) == SECRET


@given(places, symbols)
def test_any_single_wrong_character_is_reported_as_a_typing_error(place: int, symbol: str) -> None:
    typed = SECRET[:place] + symbol + SECRET[place + 1 :]
    if place < 5 or SECRET[place] in (symbol, "-"):
        return
    with pytest.raises(WrongChecksum):
        read(typed)


@given(st.integers(5, len(SECRET) - 2))
def test_two_swapped_characters_are_reported_as_a_typing_error(place: int) -> None:
    first, second = SECRET[place], SECRET[place + 1]
    if first == second or "-" in (first, second):
        return
    with pytest.raises(WrongChecksum):
        read(SECRET[:place] + second + first + SECRET[place + 2 :])


@pytest.mark.parametrize("typed", [SECRET[:-1], SECRET + "0", SECRET[:-6], "ONPS-", "ONPS-12345", SECRET[:20]])
def test_a_secret_with_missing_or_extra_characters_is_reported_as_a_typing_error(typed: str) -> None:
    with pytest.raises(WrongChecksum):
        read(typed)


def test_the_message_for_a_typing_error_does_not_repeat_what_was_typed() -> None:
    with pytest.raises(WrongChecksum, match="mistyped") as refused:
        read(SECRET[:-1])
    assert SECRET[5:20] not in str(refused.value)


@pytest.mark.parametrize(
    "secret", [ADOPTED, "hunter2hunter2", "", " ", "ONPSICALLY", "onpsomething else", "ÖNPS-12345"]
)
def test_a_secret_from_another_source_is_not_mistaken_for_a_mistyped_one(secret: str) -> None:
    assert read(secret) is None


@given(st.text(max_size=80))
def test_any_text_is_recognised_or_not_or_mistyped(text: str) -> None:
    try:
        canonical = read(text)
    except WrongChecksum:
        return
    assert canonical is None or read(canonical) == canonical


# --- Stored


def test_a_generated_secret_is_stored_as_a_keyed_sha256_digest() -> None:
    digest = digest_generated(SecretKind.POS_SECRET, SECRET)
    assert digest.algorithm == Algorithm.HMAC_SHA256
    assert re.fullmatch("[0-9a-f]{64}", digest.value)
    assert digest.fingerprint is None


def test_another_server_key_produces_another_digest() -> None:
    before = digest_generated(SecretKind.POS_SECRET, SECRET)
    with override_settings(CREDENTIAL_KEY=OTHER_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
        after = digest_generated(SecretKind.POS_SECRET, SECRET)
    assert (before.value, before.key_id) != (after.value, after.key_id)
    assert before.key_id != after.key_id


def test_a_digest_keeps_matching_while_its_key_is_a_fallback() -> None:
    before = digest_generated(SecretKind.POS_SECRET, SECRET)
    with override_settings(CREDENTIAL_KEY=OTHER_KEY, CREDENTIAL_KEY_FALLBACKS=[settings.CREDENTIAL_KEY]):
        assert keyed_digest(SECRET, before.key_id) == before.value
        assert set(keyed_digests(SECRET)) == {before.value, digest_generated(SecretKind.POS_SECRET, SECRET).value}


def test_a_digest_matches_nothing_without_its_key() -> None:
    before = digest_generated(SecretKind.POS_SECRET, SECRET)
    with override_settings(CREDENTIAL_KEY=OTHER_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
        assert keyed_digest(SECRET, before.key_id) is None


def test_only_the_public_part_of_a_generated_secret_is_shown() -> None:
    assert digest_generated(SecretKind.POS_SECRET, SECRET).shown == SECRET[:10]


def test_an_adopted_secret_is_stored_with_argon2id_and_its_estimated_strength() -> None:
    digest = digest_adopted(ADOPTED)
    assert digest.algorithm == Algorithm.ARGON2ID
    assert digest.value.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert digest.bits < STRONG_BITS
    assert digest.shown == "s… (13 characters)"
    assert verify_adopted(ADOPTED, digest.value)
    assert not verify_adopted(ADOPTED + "x", digest.value)


def test_a_damaged_hash_matches_nothing() -> None:
    assert not verify_adopted(ADOPTED, "$argon2id$nothing")
    assert not verify_adopted(ADOPTED, "")


def test_the_hash_for_unknown_outlets_has_the_length_and_the_parameters_of_a_real_one() -> None:
    assert [len(part) for part in DUMMY_ARGON2ID.split("$")] == [len(part) for part in _hashed("any").split("$")]
    assert DUMMY_ARGON2ID.split("$")[:4] == _hashed("any").split("$")[:4]
    with pytest.raises(VerifyMismatchError):  # not InvalidHashError, which is raised without computing a hash
        PasswordHasher().verify(DUMMY_ARGON2ID, "any")


def _hashed(secret: str) -> str:
    return digest_adopted(secret).value


def test_an_adopted_secret_is_found_again_by_its_fingerprint_under_every_known_key() -> None:
    old = secret_digests.adopted_fingerprints(ADOPTED)
    with override_settings(CREDENTIAL_KEY=OTHER_KEY, CREDENTIAL_KEY_FALLBACKS=[settings.CREDENTIAL_KEY]):
        both = secret_digests.adopted_fingerprints(ADOPTED)
    assert len(both) == 2
    assert set(old) < set(both)


def test_no_repr_shows_a_digest() -> None:
    digest = Digest(Algorithm.ARGON2ID, "the-value", "key", "s…", 5, "the-fingerprint")
    assert "the-value" not in repr(digest)
    assert "the-fingerprint" not in repr(digest)
    assert repr(secret_digests.current_key()) == f"DigestKey(key_id='{secret_digests.current_key().key_id}')"


# --- Estimated


@pytest.mark.parametrize(
    ("secret", "most"), [("", 0), ("aaaaaaaaaaaa", 10), ("password", 38), (ADOPTED, 86), ("12345678", 27)]
)
def test_a_weak_secret_is_estimated_weak(secret: str, most: int) -> None:
    assert estimate_bits(secret) <= most < STRONG_BITS


def test_a_long_random_secret_is_estimated_strong() -> None:
    assert estimate_bits("x7Kp-Qm2!vR9_tLw4#zB6@nC") >= STRONG_BITS


@given(st.text(min_size=1, max_size=256))
def test_a_longer_secret_of_the_same_characters_is_never_estimated_weaker(secret: str) -> None:
    assert 0 <= estimate_bits(secret) <= estimate_bits(secret + secret[0])
