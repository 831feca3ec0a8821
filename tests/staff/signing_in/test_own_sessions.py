"""Staff list their own sessions, and end all except the one in use."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.retention import RecordKind
from integrations.services.retention.retention import prune_batch
from integrations.text.browsers import browser_in
from tests.staff.signing_in.test_sign_in import PASSWORD, START, is_signed_in, sign_in
from tests.support.staff.pages import text

SESSIONS = reverse("usersessions_list")
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0 Mobile Safari/537.36"


@pytest.fixture
def anna(db: None, time_machine: Any) -> User:
    time_machine.move_to("2026-03-01T08:00:00Z", tick=False)
    return User.objects.create_superuser("anna", password=PASSWORD)


def browser(user_agent: str, address: str = "192.0.2.1") -> Client:
    client = Client(headers={"User-Agent": user_agent}, REMOTE_ADDR=address)
    sign_in(client, address=address)
    return client


@pytest.mark.usefixtures("anna")
def test_a_person_sees_their_own_sessions_and_which_one_they_use() -> None:
    User.objects.create_superuser("ben", password=PASSWORD)
    office, phone, other = browser(FIREFOX), browser(CHROME, "198.51.100.7"), Client(REMOTE_ADDR="203.0.113.9")
    other.force_login(User.objects.get(username="ben"))
    other.get(SESSIONS)
    answer = office.get(SESSIONS)
    assert "<h1>Your sessions</h1>" in answer.content.decode()
    page = text(answer)
    assert "Firefox on Windows (this session) 192.0.2.1" in page
    assert "Chrome on Android 198.51.100.7" in page
    assert "203.0.113.9" not in page
    assert "Chrome on Android (this session)" in text(phone.get(SESSIONS))


@pytest.mark.usefixtures("anna")
def test_the_button_of_a_session_is_named_by_its_browser_and_its_last_use() -> None:
    office, _ = browser(FIREFOX), browser(CHROME)
    page = office.get(SESSIONS).content.decode()
    assert 'aria-label="End the session of Chrome on Android, last used just now">' in page


@pytest.mark.usefixtures("anna")
def test_a_person_ends_their_other_sessions_and_it_is_audited() -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    page = office.post(SESSIONS, follow=True)
    assert "1 other session ended." in text(page)
    assert "You have no other session" in text(page)
    assert is_signed_in(office)
    assert not is_signed_in(phone)
    event = AuditEvent.objects.get(verb=Verb.SESSIONS_ENDED)
    assert (event.actor_name, event.subject, event.detail) == ("anna", "anna", {"sessions": 1})


@pytest.mark.usefixtures("anna")
def test_a_person_ends_one_of_their_other_sessions() -> None:
    office, phone, tablet = browser(FIREFOX), browser(CHROME, "198.51.100.7"), browser(CHROME, "198.51.100.8")
    page = office.post(SESSIONS, {"session": number_of(phone)}, follow=True)
    assert "1 other session ended." in text(page)
    assert [is_signed_in(each) for each in (office, phone, tablet)] == [True, False, True]
    assert AuditEvent.objects.get(verb=Verb.SESSIONS_ENDED).detail == {"sessions": 1}


@pytest.mark.usefixtures("anna")
def test_neither_the_session_in_use_nor_one_of_another_person_can_be_ended() -> None:
    User.objects.create_superuser("ben", password=PASSWORD)
    office, other = browser(FIREFOX), Client(REMOTE_ADDR="203.0.113.9")
    other.force_login(User.objects.get(username="ben"))
    other.get(SESSIONS)
    for number in (number_of(office), number_of(other), "x", "", "9" * 30, "-1"):
        assert "There was no other session." in text(office.post(SESSIONS, {"session": number}, follow=True))
    assert is_signed_in(office)
    assert Session.objects.filter(pk=other.session.session_key).exists()
    assert not AuditEvent.objects.filter(verb=Verb.SESSIONS_ENDED).exists()


def number_of(client: Client) -> str:
    """Return the primary key that identifies the client's session in the list, as text."""
    return str(UserSession.objects.get(session_key=client.session.session_key).pk)


@pytest.mark.usefixtures("anna")
def test_a_session_of_an_older_version_is_listed_after_its_next_use(time_machine: Any) -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    UserSession.objects.all().delete()
    time_machine.shift(61)
    assert is_signed_in(phone)
    assert "Chrome on Android" in text(office.get(SESSIONS))


@pytest.mark.usefixtures("anna")
def test_a_session_that_is_not_listed_is_ended_as_well() -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    UserSession.objects.all().delete()
    office.post(SESSIONS)
    assert not is_signed_in(phone)


@pytest.mark.usefixtures("anna")
def test_a_listed_session_shows_when_it_was_last_used(time_machine: Any) -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    time_machine.shift(3600)
    phone.get(START)
    page = text(phone.get(SESSIONS))
    assert "Firefox on Windows 192.0.2.1 1 hour ago 1 hour ago" in page
    assert "Chrome on Android (this session) 192.0.2.1 1 hour ago just now" in page
    assert is_signed_in(office)


@pytest.mark.usefixtures("anna")
def test_a_listed_session_shows_a_new_address_from_its_second_page_on(time_machine: Any) -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    time_machine.shift(61)
    # This request prolongs the session, so it does not store the new address; the next request stores it.
    phone.get(START, REMOTE_ADDR="203.0.113.9")
    assert "Chrome on Android 192.0.2.1" in text(office.get(SESSIONS))
    phone.get(START, REMOTE_ADDR="203.0.113.9")
    assert "Chrome on Android 203.0.113.9" in text(office.get(SESSIONS))


@pytest.mark.usefixtures("anna")
def test_a_changing_address_is_written_at_most_once_a_minute(time_machine: Any) -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    time_machine.shift(61)
    phone.get(START)
    phone.get(START, REMOTE_ADDR="203.0.113.9")
    phone.get(START, REMOTE_ADDR="203.0.113.10")
    assert "Chrome on Android 203.0.113.9" in text(office.get(SESSIONS))


@pytest.mark.usefixtures("anna")
def test_a_session_ended_by_a_new_password_is_not_listed() -> None:
    office, phone = browser(FIREFOX), browser(CHROME)
    person = User.objects.get(username="anna")
    person.set_password("another-password")
    person.save()
    phone.force_login(person)
    assert "Firefox" not in text(phone.get(SESSIONS))
    assert not is_signed_in(office)


@pytest.mark.usefixtures("anna")
def test_a_session_that_a_former_secret_key_opened_is_listed(settings: Any) -> None:
    former = settings.SECRET_KEY
    office, phone = browser(FIREFOX), browser(CHROME)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = former[::-1], [former]
    assert "Chrome on Android" in text(office.get(SESSIONS))
    assert is_signed_in(phone)


@pytest.mark.usefixtures("anna")
def test_the_list_of_many_sessions_takes_at_most_ten_queries(django_assert_max_num_queries: Any) -> None:
    office = browser(FIREFOX)
    for _ in range(9):
        browser(CHROME)
    with django_assert_max_num_queries(10):
        assert text(office.get(SESSIONS)).count("Chrome on Android") == 9


@pytest.mark.usefixtures("anna")
def test_a_person_without_a_client_address_signs_in_and_sees_a_dash() -> None:
    assert "Firefox on Windows (this session) –" in text(browser(FIREFOX, "").get(SESSIONS))


@pytest.mark.usefixtures("anna")
def test_the_address_and_browser_of_an_ended_session_are_deleted() -> None:
    browser(FIREFOX)
    kept = browser(CHROME)
    Session.objects.exclude(pk=kept.session.session_key).update(expire_date=shared_now() - timedelta(seconds=1))
    prune_batch(RecordKind.SESSIONS, shared_now())
    assert [row.user_agent for row in UserSession.objects.all()] == [CHROME]


def test_no_page_changes_the_stored_sessions_of_people() -> None:
    assert not site.is_registered(UserSession)


def test_the_list_of_sessions_needs_a_sign_in(client: Client, db: None) -> None:
    assert client.get(SESSIONS)["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (CHROME, "Chrome on Android"),
        (f"{CHROME} Edg/139.0", "Edge on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert browser_in(user_agent) == words
