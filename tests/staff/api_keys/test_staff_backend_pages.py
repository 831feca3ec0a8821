"""The staff pages about API keys: their content, actions and permissions."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.templatetags.static import static
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import ApiKey, ApiKeySecret, AuditEvent, MessageType
from integrations.models.api_key import DEFAULT_SCOPES, READING_SCOPES
from integrations.models.audit import Verb
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.api_keys.api_keys import create_api_key, retire_api_key
from tests.support.factories import ANNA, Enabled, make_organisation
from tests.support.staff.backend_pages import ask, key_url, request_url, type_url
from tests.support.staff.pages import MaxQueries, client_of, count_queries, list_url, page_url, text

KEY = re.compile(r"ONPK(?:-[0-9A-Z]{5}){7}")
CREATE = reverse("admin:integrations_apikey_add")
KEY_ACTIONS = ("change_access", "rotate", "end_overlap", "retire")


def act_url(key: ApiKey, act: str) -> str:
    return reverse(f"admin:integrations_apikey_{act}", args=(key.pk,))


def shown_key(response: Any) -> str:
    (found,) = set(KEY.findall(response.content.decode()))
    return str(found)


def rotate(staff: Client, key: ApiKey, *, overlap: str = "0") -> Any:
    seen = key.secrets.get(is_current=True).pk
    return staff.post(act_url(key, "rotate"), {"overlap": overlap, "seen": seen})


def expire(key: ApiKey) -> None:
    key.secrets.update(expires_at=timezone.now() - timedelta(days=1))


# --- Creating an API key ---


def test_a_new_key_is_shown_once_and_must_not_be_cached(staff: Client) -> None:
    answer = staff.post(CREATE, {"name": "kiosk", "scopes": DEFAULT_SCOPES}, REMOTE_ADDR="198.51.100.9")
    shown = shown_key(answer)
    key = ApiKey.objects.get()
    assert secret_digests.recognise(SecretKind.API_KEY, shown)
    assert "no-store" in answer["Cache-Control"]
    assert list(get_messages(answer.wsgi_request)) == []
    assert shown not in str(dict(staff.session)) + str(answer.headers) + str(answer.cookies)
    assert shown not in staff.get(key_url(key)).content.decode() + staff.get(list_url("apikey")).content.decode()
    assert all(shown not in str(event.detail) for event in AuditEvent.objects.all())
    event = AuditEvent.objects.get(verb=Verb.API_KEY_CREATED)
    assert (event.actor_name, event.address, event.subject) == ("boss", "198.51.100.9", "kiosk")


def test_the_page_with_the_key_has_what_its_script_needs(staff: Client) -> None:
    page = staff.post(CREATE, {"name": "kiosk", "scopes": DEFAULT_SCOPES}).content.decode()
    assert static("integrations/handover.js") in page
    assert f'data-handover data-next="{key_url(ApiKey.objects.get())}"' in page
    assert page.count("data-copy=") == 2
    assert page.count("data-value") == 2
    assert "data-gone" in page
    assert "http://127.0.0.1:8000/api/v1/" in page


def test_the_form_for_a_new_key_sent_twice_is_refused_because_the_name_exists(staff: Client) -> None:
    shown = shown_key(staff.post(CREATE, {"name": "kiosk", "scopes": DEFAULT_SCOPES}))
    again = staff.post(CREATE, {"name": "kiosk", "scopes": DEFAULT_SCOPES})
    assert "API key with this name exists" in text(again)
    assert shown not in again.content.decode()
    assert not KEY.search(again.content.decode())
    assert ApiKeySecret.objects.count() == 1


def test_a_key_is_created_read_only_for_one_organisation_until_the_end_of_a_day(staff: Client) -> None:
    organisation = make_organisation()
    today = timezone.localdate()
    values = {
        "name": "board",
        "organisation": organisation.pk,
        "scopes": READING_SCOPES,
        "networks": "192.0.2.0/24 2001:db8::/32",
        "calls_per_second": "20",
        "last_day": today.isoformat(),
    }
    shown_key(staff.post(CREATE, values))
    key = ApiKey.objects.get()
    expires_at = key.secrets.get().expires_at
    assert (key.organisation, key.scopes) == (organisation, list(READING_SCOPES))
    assert key.networks == ["192.0.2.0/24", "2001:db8::/32"]
    page = unescape(staff.get(key_url(key)).content.decode())
    assert key.abilities in page
    assert "20 calls a second, and 40 at once after a pause" in page
    assert expires_at is not None
    assert timezone.localtime(expires_at).isoformat()[:19] == f"{today + timedelta(days=1)}T00:00:00"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\x07b"}, "It contains U+0007 CONTROL CHARACTER"),
        ({"name": "board", "organisation": "99"}, "Select a valid choice"),
        ({"name": "board", "last_day": "2020-01-01"}, "expiry time is in the past"),
        ({"name": "board", "last_day": "9999-12-31"}, "within the next 100 years"),
        ({"name": "board", "scopes": []}, "Choose at least one."),
        ({"name": "board", "scopes": ["all"]}, "Select a valid choice"),
        ({"name": "board", "networks": "192.0.2.1/24"}, "is not a network in CIDR notation"),
        ({"name": "board", "calls_per_second": "0"}, "greater than or equal to 1"),
        ({"name": "board", "calls_burst": "5"}, "Enter the calls per second too."),
        ({"name": "board", "last_day": "tomorrow"}, "Enter a valid date"),
    ],
)
def test_an_invalid_form_shows_its_errors_and_creates_no_key(
    staff: Client, values: dict[str, Any], complaint: str
) -> None:
    answer = staff.post(CREATE, {"scopes": DEFAULT_SCOPES} | values)
    assert answer.status_code == 200
    assert complaint in text(answer)
    assert not ApiKey.objects.exists()


# --- Changing, rotating and retiring an API key ---


def test_the_access_of_a_key_changes_and_its_secret_does_not(staff: Client, key: ApiKey) -> None:
    page = text(staff.get(act_url(key, "change_access")))
    assert "applies within a second" in page
    secret = key.secrets.get()
    values = {"scopes": ["events:read"], "networks": "192.0.2.0/24", "calls_per_second": "20", "calls_burst": ""}
    answer = staff.post(act_url(key, "change_access"), values)
    assert (answer.status_code, answer["Location"]) == (302, key_url(key))
    key.refresh_from_db()
    assert (key.scopes, key.networks, key.call_limit) == (["events:read"], ["192.0.2.0/24"], (20, 40))
    assert key.secrets.get() == secret
    assert "networks: none → 192.0.2.0/24" in text(staff.get(key_url(key)))
    form = staff.get(act_url(key, "change_access")).content.decode()
    assert 'value="192.0.2.0/24"' in form
    assert re.findall(r'value="([a-z]+:[a-z]+)"[^>]* checked', form) == ["events:read"]


def test_the_form_of_a_new_key_proposes_the_default_scopes(staff: Client) -> None:
    form = staff.get(CREATE).content.decode()
    assert re.findall(r'value="([a-z]+:[a-z]+)"[^>]* checked', form) == list(DEFAULT_SCOPES)


def test_an_invalid_change_of_access_shows_its_error_and_changes_nothing(staff: Client, key: ApiKey) -> None:
    answer = staff.post(act_url(key, "change_access"), {"scopes": ["events:read"], "networks": "here"})
    assert "is not a network in CIDR notation" in text(answer)
    assert ApiKey.objects.get().scopes == key.scopes


def test_rotating_a_key_shows_the_new_one_once(staff: Client, key: ApiKey) -> None:
    answer = rotate(staff, key, overlap="24h")
    shown = shown_key(answer)
    assert "no-store" in answer["Cache-Control"]
    assert "The old key" in text(answer)
    page = staff.get(key_url(key))
    assert shown not in page.content.decode()
    assert "Overlap, until" in text(page)
    assert AuditEvent.objects.get(verb=Verb.API_KEY_ROTATED).detail["overlap"] == "24h"


def test_a_rotation_of_a_key_sent_twice_rotates_once(staff: Client, key: ApiKey) -> None:
    values = {"overlap": "0", "seen": key.secrets.get().pk}
    shown = shown_key(staff.post(act_url(key, "rotate"), values))
    again = staff.post(act_url(key, "rotate"), values)
    assert again.status_code == 409
    assert "rotated after this page was opened" in text(again)
    assert shown not in again.content.decode()
    assert key.secrets.count() == 2


def test_rotating_a_key_requires_a_choice_of_overlap(staff: Client, key: ApiKey) -> None:
    assert "checked" not in staff.get(act_url(key, "rotate")).content.decode()
    assert "This field is required" in text(staff.post(act_url(key, "rotate"), {"seen": 1}))
    assert key.secrets.count() == 1


def test_a_key_cannot_be_rotated_during_an_overlap_but_the_overlap_can_be_ended(staff: Client, key: ApiKey) -> None:
    page = reverse("admin:integrations_apikey_change", args=(key.pk,))
    assert act_url(key, "rotate") in staff.get(page).content.decode()
    rotate(staff, key, overlap="7d")
    end = act_url(key, "end_overlap")
    assert act_url(key, "rotate") not in staff.get(page).content.decode()
    assert rotate(staff, key).status_code == 409
    for url in (act_url(key, "rotate"), key_url(key)):
        assert end in staff.get(url).content.decode()
    assert "was never used" in text(staff.get(end))
    assert staff.post(end)["Location"] == key_url(key)
    assert AuditEvent.objects.get(verb=Verb.API_KEY_OVERLAP_ENDED).actor_name == "boss"
    assert staff.post(end).status_code == 409
    assert shown_key(rotate(staff, key))


def test_retiring_a_key_needs_a_reason_and_is_permanent(staff: Client, key: ApiKey) -> None:
    assert "This field is required" in text(staff.post(act_url(key, "retire"), {"reason": " "}))
    answer = staff.post(act_url(key, "retire"), {"reason": "Kiosks sold"}, follow=True)
    assert answer.redirect_chain == [(key_url(key), 302)]
    assert "“Kiosks sold”" in text(answer)
    assert AuditEvent.objects.get(verb=Verb.API_KEY_RETIRED).detail["reason"] == "Kiosks sold"
    for action in ("rotate", "retire"):
        assert act_url(key, action) not in answer.content.decode()
        assert "The API key is retired" in text(staff.get(act_url(key, action)))
    assert staff.post(act_url(key, "retire"), {"reason": "Again"}).status_code == 409


def test_a_reason_with_a_control_character_is_a_form_error(staff: Client, key: ApiKey) -> None:
    assert "in one line" in text(staff.post(act_url(key, "retire"), {"reason": "a\x07b"}))
    assert key.secrets.get().retired_at is None


def test_an_expired_key_cannot_be_rotated(staff: Client, key: ApiKey) -> None:
    expire(key)
    assert "has expired" in text(staff.get(act_url(key, "rotate")))
    assert rotate(staff, key).status_code == 409
    assert act_url(key, "rotate") not in staff.get(key_url(key)).content.decode()


def test_the_page_of_a_missing_key_redirects_to_the_list(staff: Client) -> None:
    assert staff.get(reverse("admin:integrations_apikey_change", args=(99,))).status_code == 302
    assert staff.get(reverse("admin:integrations_apikey_rotate", args=(99,))).status_code == 404


# --- The list of API keys ---


def test_the_list_of_keys_shows_the_state_and_access_of_each(staff: Client) -> None:
    create_api_key("active", organisation=make_organisation(), scopes=READING_SCOPES, actor=ANNA)
    expire(create_api_key("old", actor=ANNA)[0])
    retire_api_key(create_api_key("gone", actor=ANNA)[0], actor=ANNA)
    page = text(staff.get(list_url("apikey")))
    for words in (
        "Active Trattoria Bella requests:read, outlets:read",
        "Expired all organisations requests:read, requests:send, outlets:read",
        "Retired all organisations requests:read, requests:send, outlets:read",
    ):
        assert words in page
    for state, name in (("active", "active"), ("expired", "old"), ("retired", "gone")):
        chosen = staff.get(list_url("apikey"), {"state": state}).content.decode()
        assert re.findall(r'field-name"><a[^>]*>([^<]+)<', chosen) == [name]


def test_the_last_use_of_a_key_includes_its_old_secret(staff: Client, key: ApiKey) -> None:
    key.secrets.update(last_used_at=timezone.now() - timedelta(days=3))
    rotate(staff, key, overlap="24h")
    assert re.search(r"3 days ago", text(staff.get(list_url("apikey"))))


# --- Permissions and the content security policy ---


@pytest.mark.parametrize("name", ["request", "apikey"])
def test_an_empty_list_explains_its_purpose(staff: Client, name: str) -> None:
    assert " yet. " in text(staff.get(list_url(name)))


@pytest.mark.parametrize("name", ["request", "apikey", "messagetype"])
def test_a_list_takes_as_many_queries_for_40_rows_as_for_2(
    staff: Client, enabled: Enabled, django_assert_max_num_queries: MaxQueries, name: str
) -> None:
    make_rows(enabled, range(2))
    few = count_queries(staff, list_url(name), django_assert_max_num_queries)
    make_rows(enabled, range(2, 40))
    assert count_queries(staff, list_url(name), django_assert_max_num_queries) == few


def make_rows(enabled: Enabled, numbers: range) -> None:
    for number in numbers:
        key, _ = create_api_key(f"key {number}", organisation=enabled.integration.outlet.organisation, actor=ANNA)
        MessageType.objects.create(name=f"Type {number}", number=100 + number)
        ask(enabled, f"r-{number}", api_key=key, message_type=100 + number)


def test_a_person_who_may_only_view_keys_is_refused_every_action_and_sees_no_button(key: ApiKey) -> None:
    viewer = client_of("view_apikey")
    pages = [viewer.get(url).content.decode() for url in (list_url("apikey"), key_url(key))]
    for url in (CREATE, *(act_url(key, action) for action in KEY_ACTIONS)):
        assert viewer.get(url).status_code == 403
        assert viewer.post(url).status_code == 403
        assert not any(url in page for page in pages)


def test_a_person_may_create_keys_without_the_right_to_retire_them(key: ApiKey) -> None:
    maker = client_of("add_apikey")
    assert shown_key(maker.post(CREATE, {"name": "board", "scopes": DEFAULT_SCOPES}))
    assert maker.get(act_url(key, "retire")).status_code == 403
    assert client_of("change_apikey").get(act_url(key, "retire")).status_code == 200


def test_the_page_of_an_integration_hides_requests_from_a_person_who_may_not_see_them(enabled: Enabled) -> None:
    row = ask(enabled)
    viewer = client_of("view_integration")
    assert viewer.get(request_url(row)).status_code == 403
    assert "Last requests" not in text(viewer.get(page_url(enabled.integration)))


def test_no_page_about_the_backend_contains_an_inline_script_or_style(
    staff: Client, enabled: Enabled, key: ApiKey
) -> None:
    pages = [
        *(staff.get(list_url(name)) for name in ("request", "apikey", "messagetype")),
        staff.get(request_url(ask(enabled))),
        staff.get(key_url(key)),
        staff.get(CREATE),
        staff.post(CREATE, {"name": "board", "scopes": DEFAULT_SCOPES}),
        *(staff.get(act_url(key, action)) for action in KEY_ACTIONS),
        staff.get(type_url("CreateOrder")),
    ]
    for page in pages:
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", page.content.decode())
        assert inline == []
