"""A sealed text can be read only with the server's keys, and only for its own purpose."""

import pytest
from django.test import override_settings

from integrations.security.sealing import SealBroken, seal, unseal

TEXT = "PIN 4711, straße"


def test_what_was_sealed_is_read_again() -> None:
    assert unseal(seal(TEXT, purpose="payload"), purpose="payload") == TEXT


def test_a_sealed_text_does_not_show_its_content() -> None:
    assert "4711" not in seal(TEXT, purpose="payload")


def test_a_seal_of_one_purpose_is_void_for_another() -> None:
    with pytest.raises(SealBroken):
        unseal(seal(TEXT, purpose="payload"), purpose="webhook")


def test_an_older_key_among_the_fallbacks_still_reads() -> None:
    with override_settings(CREDENTIAL_KEY="the old key"):
        sealed = seal(TEXT, purpose="payload")
    with override_settings(CREDENTIAL_KEY="the new key", CREDENTIAL_KEY_FALLBACKS=["the old key"]):
        assert unseal(sealed, purpose="payload") == TEXT


def test_without_its_key_nothing_is_read_and_the_error_holds_no_text() -> None:
    sealed = seal(TEXT, purpose="payload")
    with override_settings(CREDENTIAL_KEY="another key"), pytest.raises(SealBroken) as refusal:
        unseal(sealed, purpose="payload")
    assert sealed not in str(refusal.value)


@pytest.mark.parametrize("nonsense", ["", "nonsense", "gAAAA"])
def test_what_was_never_sealed_is_refused(nonsense: str) -> None:
    with pytest.raises(SealBroken):
        unseal(nonsense, purpose="payload")
