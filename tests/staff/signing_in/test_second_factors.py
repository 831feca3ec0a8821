"""The second factor: set-up, sign-in, loss, and the setting that requires it."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent
from integrations.models.audit import Verb
from integrations.services.people.groups import ADMINISTRATOR, VIEWER, ensure_groups
from integrations.staff.signing_in import records
from tests.staff.people.test_staff_people import make_person, page_of
from tests.staff.signing_in.test_sign_in import PASSWORD, START, is_signed_in, refusals, sign_in
from tests.support.signing_in import prove, refresh
from tests.support.staff.pages import text

OVERVIEW, SET_UP, CODE = reverse("mfa_index"), reverse("mfa_activate_totp"), reverse("mfa_authenticate")
CONFIRM_CODE, CODES = reverse("mfa_reauthenticate"), reverse("mfa_view_recovery_codes")


@pytest.fixture(autouse=True)
def _frozen_clock(time_machine: Any) -> None:
    """Freeze the clock, because a code is valid for only 30 seconds."""
    time_machine.move_to("2026-03-01T12:00:10Z", tick=False)


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_superuser("anna", password=PASSWORD)


@pytest.fixture
def otto(db: None) -> User:
    ensure_groups()
    return make_person("otto", VIEWER)


def add_app(person: User) -> str:
    """Set up an authenticator app directly, without the pages, and return its secret."""
    secret: str = totp.generate_totp_secret()
    totp.TOTP.activate(person, secret)
    return secret


def code_of(secret: str) -> str:
    (counter,) = totp.yield_hotp_counters_from_time()
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def set_up(client: Client) -> str:
    """Set up an authenticator app through the page, and return its secret."""
    page = client.get(SET_UP).content.decode()
    (secret,) = re.findall(r'<code class="onp-id">([A-Z2-7]{32})</code>', page)
    assert client.post(SET_UP, {"code": code_of(secret)})["Location"] == CODES
    return str(secret)


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


def test_an_authenticator_app_is_set_up_with_its_code_and_recovery_codes_are_shown_once(
    client: Client, anna: User
) -> None:
    client.force_login(anna)
    assert client.post(SET_UP, {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()
    set_up(client)
    shown = client.get(CODES)
    assert len(set(re.findall(r"<code>(\d{8})</code>", shown.content.decode()))) == 10
    assert shown["Cache-Control"] == "no-store"
    assert not re.findall(r"\d{8}", text(client.get(CODES)))
    assert "10 of 10 recovery codes are left" in text(client.get(CODES))
    assert verbs() == [Verb.FACTOR_ADDED, Verb.RECOVERY_CODES_CREATED]
    assert is_signed_in(client)


def test_second_factor_secrets_are_stored_encrypted_and_not_in_the_session(client: Client, anna: User) -> None:
    client.force_login(anna)
    page = client.get(SET_UP).content.decode()
    (secret,) = re.findall(r'<code class="onp-id">(\w{32})</code>', page)
    assert secret not in str([row.get_decoded() for row in Session.objects.all()])
    client.post(SET_UP, {"code": code_of(secret)})
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert codes.instance.data["seed"].startswith("gAAAA")
    assert len(codes.get_unused_codes()) == 10
    assert "mfa.totp.secret" not in client.session


def test_with_a_second_factor_the_password_alone_gives_no_access(client: Client, anna: User) -> None:
    secret = add_app(anna)
    assert sign_in(client)["Location"] == CODE
    assert not is_signed_in(client)
    assert "Use your passkey" not in client.get(CODE).content.decode()
    assert client.get(OVERVIEW)["Location"].startswith("/admin/login/")
    assert "wrong or was already used" in text(client.post(CODE, {"code": "000000"}))
    assert not is_signed_in(client)
    assert refusals() == [("anna", "wrong code of the second factor")]
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == START
    assert is_signed_in(client)
    assert AuditEvent.objects.get(verb=Verb.SIGNED_IN).detail == {"by": "password, authenticator app"}


def test_after_the_second_factor_the_requested_page_opens(client: Client, anna: User) -> None:
    secret, target = add_app(anna), "/admin/integrations/outlet/"
    sign_in(client, next=target)
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == target


def test_a_code_works_once(client: Client, anna: User) -> None:
    code = code_of(add_app(anna))
    for browser, is_good in ((client, True), (Client(), False)):
        sign_in(browser)
        browser.post(CODE, {"code": code})
        assert is_signed_in(browser) is is_good


def test_the_code_used_for_set_up_cannot_be_used_to_sign_in(client: Client, anna: User, time_machine: Any) -> None:
    client.force_login(anna)
    secret = set_up(client)
    sign_in(browser := Client())
    browser.post(CODE, {"code": code_of(secret)})
    assert not is_signed_in(browser)
    time_machine.shift(30)
    browser.post(CODE, {"code": code_of(secret)})
    assert is_signed_in(browser)


def test_code_guessing_is_limited(client: Client, anna: User) -> None:
    secret = add_app(anna)
    sign_in(client)
    for _ in range(5):
        client.post(CODE, {"code": "000000"})
    assert "Too many failed attempts. Wait 5 minutes" in text(client.post(CODE, {"code": code_of(secret)}))
    assert not is_signed_in(client)


def test_a_recovery_code_works_once_instead_of_the_app(client: Client, anna: User) -> None:
    add_app(anna)
    code = RecoveryCodes.activate(anna).generate_codes()[3]
    for browser, is_good in ((client, True), (Client(), False)):
        sign_in(browser)
        browser.post(CODE, {"code": code})
        assert is_signed_in(browser) is is_good
    assert AuditEvent.objects.get(verb=Verb.SIGNED_IN).detail == {"by": "password, recovery code"}


def test_new_recovery_codes_replace_the_older_ones_and_are_audited(client: Client, anna: User) -> None:
    client.force_login(anna)
    set_up(client)
    older = RecoveryCodes.activate(anna).generate_codes()
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(older) & set(RecoveryCodes.activate(anna).generate_codes())
    assert verbs()[-1] == Verb.RECOVERY_CODES_CREATED


def test_removing_the_last_factor_deletes_the_recovery_codes(client: Client, anna: User) -> None:
    client.force_login(anna)
    set_up(client)
    assert client.post(reverse("mfa_deactivate_totp"))["Location"] == OVERVIEW
    assert not Authenticator.objects.exists()
    assert verbs()[-1] == Verb.FACTOR_REMOVED
    assert is_signed_in(client)


def test_without_the_encryption_key_codes_fail_and_pages_still_work(client: Client, anna: User, settings: Any) -> None:
    secret = add_app(anna)
    RecoveryCodes.activate(anna)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "another-key", []
    sign_in(client)
    assert "wrong or was already used" in text(client.post(CODE, {"code": code_of(secret)}))
    assert not is_signed_in(client)


# --- Incomplete sessions ---


def test_a_session_opened_before_the_factor_was_set_up_has_no_access_until_it_proves_the_factor(
    client: Client, anna: User
) -> None:
    client.force_login(anna)
    secret = add_app(anna)
    assert client.get(START, follow=True).redirect_chain[-1][0].startswith(CONFIRM_CODE)
    for page in (OVERVIEW, SET_UP, reverse("mfa_deactivate_totp"), CODES):
        assert client.get(page)["Location"].startswith(CONFIRM_CODE)
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert Authenticator.objects.exists()
    assert refresh(client).status_code == 302
    assert client.post(CONFIRM_CODE, {"code": code_of(secret), "next": START})["Location"] == START
    assert is_signed_in(client)
    assert refresh(client).status_code == 200


def test_a_required_factor_must_be_set_up_before_any_page_opens(client: Client, anna: User, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = "required"
    assert sign_in(client)["Location"] == START
    for page in (
        START,
        "/admin/integrations/outlet/",
        "/admin/auth/user/",
        reverse("admin:password_change"),
        "/admin/x",
    ):
        assert client.get(page, follow=True).redirect_chain[-1][0].startswith(OVERVIEW)
        assert client.post(page)["Location"].startswith(reverse("admin:login"))
    assert refresh(client).status_code == 302
    page = text(client.get(OVERVIEW))
    assert "Set up a second factor first" in page
    set_up(client)
    assert is_signed_in(client)
    assert refresh(client).status_code == 200


def test_setting_up_the_factor_does_not_unlock_another_password_only_session(
    client: Client, anna: User, settings: Any
) -> None:
    settings.STAFF_SECOND_FACTOR = "required"
    thief = Client()
    sign_in(thief)
    sign_in(client)
    set_up(client)
    assert is_signed_in(client)
    assert not is_signed_in(thief)
    assert thief.get(SET_UP)["Location"].startswith(CONFIRM_CODE)


def test_a_person_signed_in_by_openid_connect_needs_no_local_factor(client: Client, anna: User, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = "required"
    client.force_login(anna)
    prove(client, anna, method=records.PROVIDER, provider="oidc", uid="1")
    assert is_signed_in(client)


def test_another_persons_second_factor_in_the_session_does_not_count(client: Client, anna: User, otto: User) -> None:
    add_app(anna)
    client.force_login(anna)
    prove(client, otto, method=records.FACTOR, type="totp")
    assert not is_signed_in(client)


# --- A lost phone ---


def reset_of(person: User) -> str:
    return reverse("admin:auth_user_reset_factors", args=(person.pk,))


def test_an_administrator_resets_the_factors_of_a_colleague(client: Client, anna: User, otto: User) -> None:
    add_app(otto)
    RecoveryCodes.activate(otto)
    client.force_login(anna)
    assert "authenticator app" in text(client.get(reverse("admin:auth_user_changelist")))
    assert reset_of(otto) in client.get(page_of(otto)).content.decode()
    assert "otto has: authenticator app" in text(client.get(reset_of(otto)))
    assert client.post(reset_of(otto))["Location"] == page_of(otto)
    assert not Authenticator.objects.exists()
    event = AuditEvent.objects.get(verb=Verb.FACTORS_RESET)
    assert (event.actor_name, event.subject) == ("anna", "otto")
    assert event.detail == {"factors": "authenticator app, recovery code"}
    assert reset_of(otto) not in client.get(page_of(otto)).content.decode()
    assert "has no second factor" in text(client.get(reset_of(otto)))


def test_a_person_cannot_reset_their_own_factors_or_those_of_a_more_privileged_person(
    client: Client, anna: User, otto: User
) -> None:
    ada = make_person("ada", ADMINISTRATOR)
    for person in (anna, ada):
        add_app(person)
    browser = Client()
    browser.force_login(otto)
    assert browser.post(reset_of(ada)).status_code == 403
    browser.force_login(ada)
    prove(browser, ada, method=records.FACTOR, type="totp")
    for person in (anna, ada):
        assert browser.post(reset_of(person)).status_code == 404
    assert Authenticator.objects.count() == 2


def test_a_command_resets_the_factors_of_the_last_administrator(anna: User) -> None:
    add_app(anna)
    call_command("reset_second_factor", "anna", stderr=StringIO())
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.get(verb=Verb.FACTORS_RESET).actor_name.startswith("shell: ")
    for name, words in (("anna", "has no second factor"), ("missing", "No person has the user name 'missing'")):
        with pytest.raises(CommandError, match=words):
            call_command("reset_second_factor", name, stderr=StringIO())


def test_a_person_without_a_second_factor_is_marked_on_their_page(client: Client, anna: User, otto: User) -> None:
    client.force_login(anna)
    assert "none" in text(client.get(page_of(otto)))
    assert "Reset second factors" not in text(client.get(page_of(otto)))


def test_an_incomplete_sign_in_expires(client: Client, anna: User, time_machine: Any) -> None:
    secret = add_app(anna)
    sign_in(client)
    time_machine.shift(timedelta(minutes=16))
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == reverse("account_login")
    assert not is_signed_in(client)


def test_a_new_sign_in_ends_an_incomplete_one(client: Client, anna: User) -> None:
    secret = add_app(anna)
    sign_in(client)
    client.get(reverse("sign_in_again"))
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == reverse("account_login")
    assert not is_signed_in(client)
