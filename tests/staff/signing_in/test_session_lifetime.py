"""A session ends after 2 hours without a request, and 12 hours after the sign-in; both limits are settings."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models import Organisation
from tests.staff.signing_in.test_sign_in import PASSWORD, START, is_signed_in, sign_in
from tests.support.signing_in import refresh
from tests.support.staff.pages import text

HOUR = 3600
IDLE = 2 * HOUR


@pytest.fixture
def signed_in(client: Client, db: None, time_machine: Any) -> Client:
    """Anna's browser, directly after the sign-in."""
    time_machine.move_to("2026-03-01T08:00:00Z", tick=False)
    User.objects.create_superuser("anna", password=PASSWORD)
    sign_in(client)
    return client


def session_key(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_a_session_ends_after_two_hours_without_a_request(signed_in: Client, time_machine: Any) -> None:
    time_machine.shift(IDLE - 1)
    assert is_signed_in(signed_in)
    time_machine.shift(IDLE - 1)
    assert is_signed_in(signed_in), "each request must prolong the session"
    time_machine.shift(IDLE + 1)
    assert refresh(signed_in).status_code == 302
    assert not is_signed_in(signed_in)


def test_automatic_page_refreshes_do_not_prolong_a_session(signed_in: Client, time_machine: Any) -> None:
    for _ in range(3):
        time_machine.shift(IDLE // 4)
        assert refresh(signed_in).status_code == 200
    time_machine.shift(IDLE // 4 + 1)
    assert refresh(signed_in).status_code == 302
    assert not is_signed_in(signed_in)


def test_a_session_ends_twelve_hours_after_the_sign_in(signed_in: Client, time_machine: Any) -> None:
    for _ in range(24):
        time_machine.shift(HOUR // 2)
        assert is_signed_in(signed_in)
    assert refresh(signed_in).status_code == 200
    key = session_key(signed_in)
    time_machine.shift(1)
    assert refresh(signed_in).status_code == 302
    answer = signed_in.get(START, follow=True)
    assert "You were signed in for 12 hours" in text(answer)
    assert not Session.objects.filter(pk=key).exists()
    sign_in(signed_in)
    assert is_signed_in(signed_in)


def test_the_settings_change_both_limits(signed_in: Client, time_machine: Any, settings: Any) -> None:
    signed_in.logout()
    settings.SESSION_COOKIE_AGE, settings.SESSION_HOURS = 600, 1
    sign_in(signed_in)
    time_machine.shift(599)
    assert is_signed_in(signed_in)
    time_machine.shift(601)
    assert not is_signed_in(signed_in)
    settings.SESSION_COOKIE_AGE = IDLE
    sign_in(signed_in)
    time_machine.shift(HOUR + 1)
    assert "You were signed in for 1 hour." in text(signed_in.get(START, follow=True))


def test_reauthentication_does_not_extend_the_twelve_hours(signed_in: Client, time_machine: Any) -> None:
    for _ in range(23):
        time_machine.shift(HOUR // 2)
        signed_in.get(START)
    signed_in.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    time_machine.shift(HOUR // 2 + 1)
    assert not is_signed_in(signed_in)


def test_a_session_is_prolonged_at_most_once_a_minute_without_writing_its_content(
    signed_in: Client, time_machine: Any
) -> None:
    time_machine.shift(60)
    before = Session.objects.get().session_data
    answer = signed_in.get(START)
    assert settings.SESSION_COOKIE_NAME not in answer.cookies
    row = Session.objects.get()
    assert row.session_data == before
    for _ in range(3):
        time_machine.shift(10)
        signed_in.get(START)
    assert Session.objects.get().expire_date == row.expire_date


def test_a_session_ended_during_a_request_is_not_restored(signed_in: Client, time_machine: Any) -> None:
    key = session_key(signed_in)
    Session.objects.all().delete()
    time_machine.shift(61)
    assert not is_signed_in(signed_in)
    assert not Session.objects.filter(pk=key).exists()


def test_a_form_sent_after_the_session_has_ended_says_that_nothing_was_saved(
    signed_in: Client, time_machine: Any
) -> None:
    time_machine.shift(IDLE + 1)
    answer = signed_in.post(reverse("admin:integrations_organisation_add"), {"name": "Typed"}, follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Nothing was saved, because your session had ended" in text(answer)
    assert not Organisation.objects.exists()
