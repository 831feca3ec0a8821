"""Sign-in with a password: success, refusals, limits and audit events."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, SharedEntry
from integrations.models.audit import Verb
from integrations.services.rows.shared_cache import forget_expired
from integrations.staff.signing_in import failed_sign_ins
from tests.support.factories import make_outlet
from tests.support.staff.pages import text

PASSWORD = "a-long-enough-password-47"
LOGIN, START = reverse("account_login"), reverse("admin:index")

Travel = Any  # the type of the time_machine fixture


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna", password=PASSWORD, is_staff=True)


def sign_in(client: Client, name: str = "anna", password: str = PASSWORD, **more: Any) -> Any:
    """Submit the sign-in form, from 192.0.2.10 unless `address` says otherwise."""
    address = more.pop("address", "192.0.2.10")
    return client.post(LOGIN, {"username": name, "password": password, **more}, REMOTE_ADDR=address)


def is_signed_in(client: Client) -> bool:
    return client.get(START).status_code == 200


def refusals() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(verb=Verb.SIGN_IN_REFUSED).order_by("pk")
    return [(row.subject, row.detail["reason"]) for row in rows]


def test_a_correct_password_signs_in_and_is_audited(client: Client, anna: User) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, START)
    assert is_signed_in(client)
    event = AuditEvent.objects.get(verb=Verb.SIGNED_IN)
    assert (event.actor_name, event.actor_id, event.address) == ("anna", anna.pk, "192.0.2.10")
    assert event.detail == {"by": "password"}


def test_the_sign_in_page_has_a_heading(client: Client, db: None) -> None:
    assert "<h1>Sign in</h1>" in client.get(LOGIN).content.decode()


def test_the_first_page_shows_actions_but_not_sign_ins(client: Client, db: None) -> None:
    User.objects.create_superuser("anna", password=PASSWORD)
    make_outlet()
    sign_in(client)
    assert [event.verb for event in client.get(START).context["recent_activity"]] == [
        Verb.OUTLET_CREATED,
        Verb.ORGANISATION_CREATED,
    ]


def test_the_django_admin_login_redirects_to_the_sign_in_page_and_sign_up_is_disabled(client: Client) -> None:
    assert reverse("admin:login") == LOGIN
    assert 'value="Sign in"' in client.get(LOGIN).content.decode()
    for path in ("/admin/signup/", "/accounts/signup/", "/admin/password/reset/"):
        assert client.get(path).status_code in (302, 404)
        assert client.get(path, follow=True).redirect_chain[-1:] in ([], [(f"{LOGIN}?next={path}", 302)])


@pytest.mark.parametrize("target", ["/admin/integrations/outlet/", "/admin/auth/user/?q=x"])
def test_signing_in_leads_to_the_requested_page(client: Client, anna: User, target: str) -> None:
    assert sign_in(client, next=target)["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/admin/",
        "//evil.example/admin/",
        "\\\\evil.example/admin/",
        "javascript:alert(1)",
        "/handover/",
    ],
)
def test_signing_in_does_not_redirect_to_another_site(client: Client, anna: User, target: str) -> None:
    assert sign_in(client, next=target)["Location"] == START
    assert client.get(LOGIN, {"next": target})["Location"] == START


@pytest.mark.parametrize(("name", "subject"), [("anna", "anna"), (PASSWORD, "an unknown name")])
def test_a_wrong_password_is_refused_with_a_message_and_is_not_stored(
    client: Client, anna: User, name: str, subject: str
) -> None:
    answer = sign_in(client, name, "wrong")
    assert "The user name or password is incorrect" in text(answer)
    assert not is_signed_in(client)
    assert refusals() == [(subject, "wrong name or password")]
    assert not [row for row in AuditEvent.objects.values_list() if PASSWORD in str(row)]


def test_known_and_unknown_names_are_refused_with_the_same_message(client: Client, anna: User) -> None:
    texts = {
        re.sub(r'value="[^"]*"', "", sign_in(client, name, "wrong").content.decode()) for name in ("anna", "missing")
    }
    assert len(texts) == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_an_inactive_or_non_staff_account_is_reported_only_after_the_correct_password(
    client: Client, anna: User, change: dict[str, bool]
) -> None:
    User.objects.update(**change)
    answer = sign_in(client)
    assert "is not active or is not a staff account" in text(client.get(answer["Location"]))
    assert not is_signed_in(client)
    assert refusals() == [("anna", "account is inactive or not a staff account")]
    assert "The user name or password is incorrect" in text(sign_in(client, password="wrong"))


def test_a_session_ends_when_the_person_loses_staff_status(client: Client, anna: User) -> None:
    sign_in(client)
    User.objects.update(is_staff=False)
    answer = client.get(START, follow=True)
    assert "You were signed out" in text(answer)
    assert "_auth_user_id" not in client.session


def test_signing_out_ends_the_session(client: Client, anna: User) -> None:
    sign_in(client)
    assert client.get(reverse("admin:logout")).status_code == 200
    assert is_signed_in(client)
    assert client.post(reverse("admin:logout"))["Location"] == LOGIN
    assert not is_signed_in(client)


# --- Too many failures ---


def test_after_five_failures_a_name_must_wait_at_that_address_and_sees_how_long(
    client: Client, anna: User, time_machine: Travel
) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    for _ in range(5):
        sign_in(client, password="wrong")
    time_machine.shift(100)
    answer = sign_in(client)
    assert "Too many failed attempts. Wait 4 minutes" in text(answer)
    assert not is_signed_in(client)
    time_machine.shift(199)
    assert "Wait 1 seconds" in text(sign_in(client))
    time_machine.shift(1)
    assert sign_in(client).status_code == 302


def test_the_real_person_can_still_sign_in_from_another_address(client: Client, anna: User) -> None:
    for _ in range(6):
        sign_in(client, "ANNA", password="wrong", address="203.0.113.9")
    assert "Too many" in text(sign_in(client, "Anna", address="203.0.113.9"))
    assert sign_in(client, address="192.0.2.10").status_code == 302


@pytest.fixture
def eight_failures(settings: Any) -> int:
    """Allow only 8 failed sign-ins per address, because the usual limit of 50 would make the tests slow."""
    settings.ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "5/300s/key,8/300s/ip"}
    return 8


def test_failures_of_one_address_are_limited_across_names(client: Client, anna: User, eight_failures: int) -> None:
    for number in range(eight_failures):
        sign_in(client, f"name-{number}", "wrong", address="203.0.113.9")
    assert "Too many failed attempts" in text(sign_in(client, address="203.0.113.9"))
    assert sign_in(client, address="203.0.113.10").status_code == 302


def test_addresses_of_one_ipv6_network_count_as_one(client: Client, anna: User, eight_failures: int) -> None:
    for number in range(eight_failures):
        sign_in(client, f"name-{number}", "wrong", address=f"2001:db8::{number + 1:x}")
    assert "Too many" in text(sign_in(client, address="2001:db8::ffff"))


def test_one_name_gets_five_guesses_from_one_ipv6_network(client: Client, anna: User) -> None:
    answers = [text(sign_in(client, password="wrong", address=f"2001:db8::{number:x}")) for number in range(8)]
    assert ["The user name or password is incorrect" in each for each in answers] == [True] * 5 + [False] * 3
    assert "Too many" in text(sign_in(client, address="2001:db8::a:b:c:d"))
    assert sign_in(client, address="2001:db8:0:1::1").status_code == 302


def test_guesses_at_one_name_are_limited_across_addresses(
    client: Client, anna: User, settings: Any, monkeypatch: pytest.MonkeyPatch, time_machine: Travel
) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    monkeypatch.setattr(failed_sign_ins, "ADDRESSES_OF_ONE_NAME", 1)
    sign_in(Client(), address="192.0.2.10")
    answers = [text(sign_in(client, password="wrong", address=f"2001:db8:{number:x}::1")) for number in range(8)]
    assert ["The user name or password is incorrect" in each for each in answers] == [True] * 5 + [False] * 3
    assert "Too many failed attempts. Wait 5 minutes" in text(sign_in(client, address="203.0.113.9"))
    assert "The user name or password is incorrect" in text(sign_in(client, "berta", "wrong", address="203.0.113.9"))
    assert sign_in(client, address="192.0.2.10").status_code == 302, (
        "this person has signed in from this address before"
    )
    time_machine.shift(300)
    assert sign_in(client, address="203.0.113.9").status_code == 302


def test_guesses_at_many_names_are_limited_across_addresses(
    client: Client, anna: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login_failed": "5/300s/key,8/300s/ip"}
    monkeypatch.setattr(failed_sign_ins, "ADDRESSES_AT_ONCE", 1)
    answers = [text(sign_in(client, f"n-{each}", "wrong", address=f"2001:db8:{each:x}::1")) for each in range(13)]
    assert ["The user name or password is incorrect" in each for each in answers] == [True] * 8 + [False] * 5
    rows = SharedEntry.objects.count()
    sign_in(client, "another", "wrong", address="2001:db8:ffff::1")
    assert SharedEntry.objects.count() == rows, "an attempt refused by the total limit must store no row"


def test_refused_attempts_of_one_address_do_not_count_towards_the_total(
    client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_sign_ins, "ADDRESSES_OF_ONE_NAME", 2)
    for _ in range(15):
        sign_in(client, password="wrong", address="203.0.113.9")
    assert sign_in(client, address="203.0.113.10").status_code == 302


def test_failed_sign_ins_from_many_addresses_create_few_audit_events(
    client: Client, anna: User, time_machine: Travel
) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    for number in range(20):
        sign_in(client, "ANNA", password="wrong", address=f"2001:db8:{number:x}::1")
        sign_in(client, f"guess-{number}", "wrong", address=f"2001:db8:a{number:x}::1")
    assert sorted(subject for subject, _ in refusals()) == ["an unknown name"] * 12 + ["anna"] * 12
    time_machine.shift(3600)
    sign_in(client, password="wrong")
    assert len(refusals()) == 25


def test_many_refusals_create_few_audit_events(client: Client, anna: User, time_machine: Travel) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    for number in range(7):
        sign_in(client, password="wrong")
        sign_in(client, f"guess-{number}", "wrong")
    assert [subject for subject, _ in refusals()] == ["anna", "an unknown name"]
    time_machine.shift(61)
    sign_in(client, password="wrong")
    assert refusals()[-1] == ("anna", "too many failed attempts")


def test_the_settings_limit_the_number_of_failures(settings: Any) -> None:
    assert settings.ACCOUNT_RATE_LIMITS["login_failed"] == "5/300s/key,50/300s/ip"


def test_a_correct_password_does_not_count_as_a_failure(client: Client, anna: User) -> None:
    for _ in range(8):
        assert sign_in(Client()).status_code == 302


def test_failure_counts_are_shared_rows_that_are_deleted_when_they_expire(
    client: Client, anna: User, time_machine: Travel
) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    sign_in(client, password="wrong")
    assert SharedEntry.objects.exists()
    assert not SharedEntry.objects.filter(key__contains="anna").exists()
    time_machine.shift(3601)
    forget_expired()
    assert not SharedEntry.objects.exists()


def test_of_two_calls_that_add_the_same_entry_only_one_succeeds(db: None, time_machine: Travel) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    assert [cache.add("code", "y", 30), cache.add("code", "y", 30)] == [True, False]
    time_machine.shift(30)
    assert cache.get("code") is None
    assert cache.add("code", [1.5], None)
    assert cache.get("code") == [1.5]
    assert cache.delete("code")
    assert not cache.delete("code")


# --- Changing one's own password ---


def test_a_person_changes_their_own_password_and_it_is_audited(client: Client, anna: User) -> None:
    sign_in(client)
    new = "another-long-password-12"
    values = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(reverse("admin:password_change"), values).status_code == 302
    assert is_signed_in(client)
    event = AuditEvent.objects.get(verb=Verb.PASSWORD_SET)
    assert (event.actor_name, event.subject) == ("anna", "anna")
    assert sign_in(Client(), password=new).status_code == 302


def test_password_guessing_is_limited_on_the_change_page(client: Client, anna: User) -> None:
    sign_in(client)
    values = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    answers = [client.post(reverse("admin:password_change"), values) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "Too many attempts" in text(answers[-1])


def test_a_person_without_a_password_cannot_set_one(client: Client, anna: User) -> None:
    anna.set_unusable_password()
    anna.save()
    client.force_login(anna)
    answer = client.get(reverse("admin:password_change"), follow=True)
    assert "Your account has no password" in text(answer)
