"""Door 2: what staff see and do of API keys, message types and requests."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import ApiKey, ApiKeySecret, AuditEvent, MessageType, Request
from integrations.models.audit import Verb
from integrations.models.request import RequestState
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.api_keys.api_keys import create_api_key, retire_api_key
from integrations.services.requests.errors import MessageTypeDocumented, MessageTypeExists
from integrations.services.requests.message_types import save_message_type
from integrations.staff.requests.legible import LONGEST, legible
from tests.staff.test_staff_pages import MaxQueries, client_of, count_queries, list_url, page_url, text
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_organisation

KEY = re.compile(r"ONPK(?:-[0-9A-Z]{5}){7}")
CREATE = reverse("admin:integrations_apikey_add")
KEY_ACTS = ("rotate", "end_overlap", "retire")


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """A browser in which somebody signed in who may do everything."""
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    return client


@pytest.fixture
def key(db: None) -> ApiKey:
    return create_api_key("kiosk", actor=ANNA)[0]


def key_url(key: ApiKey) -> str:
    return reverse("admin:integrations_apikey_change", args=(key.pk,))


def act_url(key: ApiKey, act: str) -> str:
    return reverse(f"admin:integrations_apikey_{act}", args=(key.pk,))


def type_url(name: str) -> str:
    return reverse("admin:integrations_messagetype_change", args=(MessageType.objects.get(name=name).pk,))


def request_url(row: Request) -> str:
    return reverse("admin:integrations_request_change", args=(row.pk,))


def shown_key(response: Any) -> str:
    (found,) = set(KEY.findall(response.content.decode()))
    return str(found)


def rotate(staff: Client, key: ApiKey, *, overlap: str = "0") -> Any:
    seen = key.secrets.get(is_current=True).pk
    return staff.post(act_url(key, "rotate"), {"overlap": overlap, "seen": seen})


def expire(key: ApiKey) -> None:
    key.secrets.update(expires_at=timezone.now() - timedelta(days=1))


def ask(enabled: Enabled, request_id: str = "r-1", **values: Any) -> Request:
    """A request that the POS answered after a second and a half, or what `values` make of it."""
    now = values.pop("received_at", timezone.now() - timedelta(hours=1))
    row = {
        "integration": enabled.integration,
        "request_id": request_id,
        "message_type": 1,
        "device_id": "kiosk-1",
        "payload": "{}",
        "content_digest": "0" * 64,
        "received_at": now,
        "send_before": now + timedelta(seconds=30),
        "answer_before": now + timedelta(seconds=60),
        "sent_at": now + timedelta(milliseconds=12),
        "times_sent": 1,
        "state": RequestState.ANSWERED,
        "ended_at": now + timedelta(seconds=1.5),
        "result_code": 0,
        "answer": "{}",
    }
    return Request.objects.create(**(row | values))


def waiting(now: datetime) -> dict[str, Any]:
    open_ended: dict[str, Any] = {"sent_at": None, "ended_at": None, "answer": None, "result_code": None}
    return open_ended | {"state": RequestState.QUEUED, "times_sent": 0, "received_at": now}


# --- Making an API key ---


def test_a_new_key_is_shown_once_and_stored_by_nobody(staff: Client) -> None:
    answer = staff.post(CREATE, {"name": "kiosk"}, REMOTE_ADDR="198.51.100.9")
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
    page = staff.post(CREATE, {"name": "kiosk"}).content.decode()
    assert "integrations/handover.js" in page
    assert f'data-handover data-next="{key_url(ApiKey.objects.get())}"' in page
    assert page.count("data-copy=") == 2
    assert page.count("data-value") == 2
    assert "data-gone" in page
    assert "http://127.0.0.1:8000/api/v1/" in page


def test_the_form_of_a_new_key_sent_twice_is_refused_as_name_taken(staff: Client) -> None:
    shown = shown_key(staff.post(CREATE, {"name": "kiosk"}))
    again = staff.post(CREATE, {"name": "kiosk"})
    assert "API key with this name exists" in text(again)
    assert shown not in again.content.decode()
    assert not KEY.search(again.content.decode())
    assert ApiKeySecret.objects.count() == 1


def test_a_key_is_made_for_one_organisation_to_look_only_until_a_day_is_over(staff: Client) -> None:
    organisation = make_organisation()
    today = timezone.localdate()
    values = {"name": "board", "organisation": organisation.pk, "is_read_only": "on", "last_day": today.isoformat()}
    shown_key(staff.post(CREATE, values))
    key = ApiKey.objects.get()
    expires_at = key.secrets.get().expires_at
    assert (key.organisation, key.is_read_only) == (organisation, True)
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
        ({"name": "board", "last_day": "tomorrow"}, "Enter a valid date"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_and_no_key_is_made(
    staff: Client, values: dict[str, str], complaint: str
) -> None:
    answer = staff.post(CREATE, values)
    assert answer.status_code == 200
    assert complaint in text(answer)
    assert not ApiKey.objects.exists()


# --- Rotating and retiring an API key ---


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


def test_an_overlap_of_a_key_is_chosen_on_purpose(staff: Client, key: ApiKey) -> None:
    assert "checked" not in staff.get(act_url(key, "rotate")).content.decode()
    assert "This field is required" in text(staff.post(act_url(key, "rotate"), {"seen": 1}))
    assert key.secrets.count() == 1


def test_during_an_overlap_a_key_is_not_rotated_and_the_overlap_can_be_ended(staff: Client, key: ApiKey) -> None:
    rotate(staff, key, overlap="7d")
    end = act_url(key, "end_overlap")
    assert rotate(staff, key).status_code == 409
    for url in (act_url(key, "rotate"), key_url(key)):
        assert end in staff.get(url).content.decode()
    assert "was never used" in text(staff.get(end))
    assert staff.post(end)["Location"] == key_url(key)
    assert AuditEvent.objects.get(verb=Verb.API_KEY_OVERLAP_ENDED).actor_name == "boss"
    assert staff.post(end).status_code == 409
    assert shown_key(rotate(staff, key))


def test_a_key_is_retired_for_a_reason_and_for_good(staff: Client, key: ApiKey) -> None:
    assert "This field is required" in text(staff.post(act_url(key, "retire"), {"reason": " "}))
    answer = staff.post(act_url(key, "retire"), {"reason": "Kiosks sold"}, follow=True)
    assert answer.redirect_chain == [(key_url(key), 302)]
    assert "“Kiosks sold”" in text(answer)
    assert AuditEvent.objects.get(verb=Verb.API_KEY_RETIRED).detail["reason"] == "Kiosks sold"
    for act in ("rotate", "retire"):
        assert act_url(key, act) not in answer.content.decode()
        assert "The API key is retired" in text(staff.get(act_url(key, act)))
    assert staff.post(act_url(key, "retire"), {"reason": "Again"}).status_code == 409


def test_a_reason_with_a_control_character_is_an_error_of_the_form(staff: Client, key: ApiKey) -> None:
    assert "in one line" in text(staff.post(act_url(key, "retire"), {"reason": "a\x07b"}))
    assert key.secrets.get().retired_at is None


def test_an_expired_key_is_not_rotated(staff: Client, key: ApiKey) -> None:
    expire(key)
    assert "has expired" in text(staff.get(act_url(key, "rotate")))
    assert rotate(staff, key).status_code == 409
    assert act_url(key, "rotate") not in staff.get(key_url(key)).content.decode()


def test_a_key_that_is_not_there_leads_back(staff: Client) -> None:
    assert staff.get(reverse("admin:integrations_apikey_change", args=(99,))).status_code == 302
    assert staff.get(reverse("admin:integrations_apikey_rotate", args=(99,))).status_code == 404


# --- The list of API keys ---


def test_the_list_of_keys_says_what_each_sees_and_how_it_stands(staff: Client) -> None:
    create_api_key("active", organisation=make_organisation(), is_read_only=True, actor=ANNA)
    expire(create_api_key("old", actor=ANNA)[0])
    retire_api_key(create_api_key("gone", actor=ANNA)[0], actor=ANNA)
    page = text(staff.get(list_url("apikey")))
    for words in ("Active Trattoria Bella yes", "Expired all organisations no", "Retired all organisations no"):
        assert words in page
    for state, name in (("active", "active"), ("expired", "old"), ("retired", "gone")):
        chosen = staff.get(list_url("apikey"), {"state": state}).content.decode()
        assert re.findall(r'field-name"><a[^>]*>([^<]+)<', chosen) == [name]


def test_the_last_use_of_a_key_counts_its_older_secret(staff: Client, key: ApiKey) -> None:
    key.secrets.update(last_used_at=timezone.now() - timedelta(days=3))
    rotate(staff, key, overlap="24h")
    assert re.search(r"3 days ago", text(staff.get(list_url("apikey"))))


# --- Message types ---


def test_a_number_that_nobody_knows_yet_says_so(staff: Client) -> None:
    page = text(staff.get(list_url("messagetype")))
    assert "CreateOrder number not known yet" in page
    assert "GetUserFromPIN 0 Checks" in page


def test_a_shipped_message_type_gets_its_number_and_keeps_its_name(staff: Client) -> None:
    url = type_url("CreateOrder")
    assert 'name="name"' not in staff.get(url).content.decode()
    staff.post(url, {"name": "Another", "number": "10", "description": "Opens an order."})
    row = MessageType.objects.get(name="CreateOrder")
    assert (row.number, row.description, row.payload_model) == (
        10, "Opens an order.", "OrderNPayCreateOrderRequest",
    )  # fmt: skip
    event = AuditEvent.objects.get(verb=Verb.MESSAGE_TYPE_CHANGED)
    assert event.detail["number"] == {"before": None, "after": 10}
    assert "number: none → 10" in text(staff.get(list_url("auditevent")))


def test_an_own_message_type_is_added_and_renamed_on_record(staff: Client) -> None:
    staff.post(reverse("admin:integrations_messagetype_add"), {"name": "GetTables", "number": "57"})
    staff.post(type_url("GetTables"), {"name": "GetAllTables", "number": "57"})
    staff.post(type_url("GetAllTables"), {"name": "GetAllTables", "number": "57"})
    verbs = list(AuditEvent.objects.order_by("id").values_list("verb", "actor_name", "subject"))
    assert verbs == [
        (Verb.MESSAGE_TYPE_CREATED, "boss", "GetTables (57)"),
        (Verb.MESSAGE_TYPE_CHANGED, "boss", "GetAllTables (57)"),
    ]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": "GetTables", "number": "12"}, "with this Number already exists"),
        ({"name": "CreateOrder", "number": "57"}, "with this Name already exists"),
        ({"name": "GetTables", "number": "-1"}, "greater than or equal to 0"),
        ({"name": "GetTables", "number": str(2**31)}, "less than or equal to 2147483647"),
        ({"name": "", "number": "57"}, "This field is required"),
    ],
)
def test_a_message_type_that_cannot_be_is_an_error_of_the_form(
    staff: Client, values: dict[str, str], complaint: str
) -> None:
    answer = staff.post(reverse("admin:integrations_messagetype_add"), values)
    assert complaint in text(answer)
    assert MessageType.objects.count() == 6
    assert not AuditEvent.objects.exists()


def test_a_name_that_would_be_taken_for_a_number_is_refused_in_words(staff: Client) -> None:
    answer = staff.post(reverse("admin:integrations_messagetype_add"), {"name": "57", "number": ""}, follow=True)
    assert "would be read as a number" in text(answer)
    assert MessageType.objects.count() == 6


@pytest.mark.django_db
def test_a_shipped_message_type_is_renamed_through_no_door() -> None:
    row = MessageType.objects.get(name="CreateOrder")
    row.name = "Another"
    with pytest.raises(MessageTypeDocumented):
        save_message_type(row, actor=ANNA)
    assert MessageType.objects.filter(name="CreateOrder").exists()


@pytest.mark.django_db
def test_of_two_people_who_give_the_same_number_at_once_the_second_is_refused() -> None:
    row = MessageType.objects.get(name="CreateOrder")
    row.number = 12
    with pytest.raises(MessageTypeExists):
        save_message_type(row, actor=ANNA)
    assert not AuditEvent.objects.exists()


def test_no_message_type_is_deleted(staff: Client) -> None:
    pk = MessageType.objects.get(name="CreateOrder").pk
    url = reverse("admin:integrations_messagetype_delete", args=(pk,))
    assert staff.post(url, {"post": "yes"}).status_code == 403


# --- Requests ---


def test_the_list_of_requests_names_the_message_type_and_the_state(staff: Client, enabled: Enabled) -> None:
    ask(enabled)
    ask(enabled, "r-2", message_type=57, state=RequestState.REFUSED, result_code=4)
    page = text(staff.get(list_url("request")))
    assert "Answered Trattoria Bella – Station GetOpenOrders (1) 1.5 s 0 r-1" in page
    assert "Refused by the POS Trattoria Bella – Station MessageType 57 1.5 s 4 r-2" in page
    assert page.index("r-2") < page.index("r-1")


def test_requests_are_found_by_state_time_id_and_outlet(staff: Client, enabled: Enabled) -> None:
    other = make_enabled_outlet("Castle")
    ask(enabled, "answered-one")
    ask(other, "refused-one", state=RequestState.REFUSED, received_at=timezone.now() - timedelta(days=40))
    today = (timezone.now() - timedelta(days=7)).isoformat()
    for query, found in (
        ({"state__exact": "refused"}, "refused-one"),
        ({"received_at__gte": today}, "answered-one"),
        ({"q": "answered"}, "answered-one"),
        ({"q": "Castle"}, "refused-one"),
        ({"integration__id__exact": str(enabled.integration.pk)}, "answered-one"),
    ):
        page = staff.get(list_url("request"), query).content.decode()
        assert re.findall(r'class="onp-id" title="[^"]*">([^<]+)<', page) == [found]


def test_the_requests_of_one_key_are_found(staff: Client, enabled: Enabled, key: ApiKey) -> None:
    ask(enabled, "of-the-key", api_key=key)
    ask(enabled, "of-nobody")
    (link,) = re.findall(
        r"/admin/integrations/request/\?api_key__id__exact=\d+", staff.get(key_url(key)).content.decode()
    )
    page = staff.get(link).content.decode()
    assert re.findall(r'class="onp-id" title="[^"]*">([^<]+)<', page) == ["of-the-key"]


def test_the_page_of_a_request_shows_its_time_line(staff: Client, key: ApiKey, enabled: Enabled) -> None:
    row = ask(enabled, times_sent=3, api_key=key)
    page = text(staff.get(request_url(row)))
    steps = (
        "Received from the backend",
        "First sent to the POS; 3 times in all after 12 ms",
        "Answered after 1.5 s",
        "Send before",
        "Answer before",
    )
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)


def test_the_time_line_says_when_a_request_was_on_disk_and_when_it_was_sent_again(
    staff: Client, enabled: Enabled, key: ApiKey
) -> None:
    came = timezone.now() - timedelta(hours=1)
    moments = {"stored_at": 8, "sent_at": 8, "last_sent_at": 900, "ended_at": 1500}
    at: dict[str, Any] = {name: came + timedelta(milliseconds=after) for name, after in moments.items()}
    page = text(staff.get(request_url(ask(enabled, received_at=came, times_sent=2, api_key=key, **at))))
    steps = (
        "Received from the backend",
        "Saved after 8 ms",
        "First sent to the POS after 8 ms",
        "Sent again; 2 times in all after 900 ms",
        "Answered after 1.5 s",
    )
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)


def test_a_request_that_was_recorded_afterwards_was_never_on_disk_before(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(request_url(ask(enabled, is_durable=False))))
    assert "Saved after" not in page
    assert "no: a transient request, recorded when it ended" in page


def test_the_page_of_a_request_says_that_its_payload_is_gone_and_since_when(staff: Client, enabled: Enabled) -> None:
    row = ask(enabled, payload="", answer=None, content_pruned_at=datetime(2026, 3, 1, tzinfo=UTC))
    page = text(staff.get(request_url(row)))
    assert "Payload and answer were deleted on 1 March 2026" in page
    assert "The POS sent no payload" not in page


def test_the_page_of_a_waiting_request_says_when_it_expires(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(request_url(ask(enabled, **waiting(timezone.now())))))
    assert "Expires unless it was sent by then" in page
    assert "The POS has not answered yet" in page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": RequestState.REFUSED, "error_message": "No such table"}, "The POS says: “No such table”"),
        ({"state": RequestState.REFUSED}, "The POS gave no reason"),
        ({"state": RequestState.FAILED, "failure": "the link was lost"}, "the link was lost"),
        ({"state": RequestState.EXPIRED}, "did not answer in time"),
        ({"state": RequestState.EXPIRED, "sent_at": None}, "offline or busy: never sent"),
    ],
)
def test_the_page_of_a_request_says_why_it_ended(
    staff: Client, enabled: Enabled, values: dict[str, Any], words: str
) -> None:
    assert words in text(staff.get(request_url(ask(enabled, **values))))


def test_no_pin_is_shown_on_any_page(staff: Client, enabled: Enabled) -> None:
    row = ask(
        enabled,
        message_type=0,
        payload='{"PIN": "73519", "Note": "my pin: 73519"}',
        answer='{"User": {"userPin": 73519, "Pin": ["73519"], "UserIdentifier": "73519"}}',
        user_identifier="73519",
        state=RequestState.REFUSED,
        error_message="PIN=73519 is unknown",
    )
    for url in (request_url(row), list_url("request"), page_url(enabled.integration)):
        assert "73519" not in staff.get(url).content.decode()
    assert "[redacted]" in text(staff.get(request_url(row)))


def test_what_a_request_holds_is_shown_and_not_run(staff: Client, enabled: Enabled) -> None:
    script = "<script>alert(1)</script>"
    row = ask(enabled, script, payload=json.dumps({script: script}), answer=script, device_id=script)
    for url in (request_url(row), list_url("request"), page_url(enabled.integration)):
        page = staff.get(url).content.decode()
        assert script not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_request_is_added_changed_and_deleted_by_nobody(staff: Client, enabled: Enabled) -> None:
    row = ask(enabled)
    assert staff.post(request_url(row), {}).status_code == 405
    assert staff.post(reverse("admin:integrations_request_add"), {}).status_code == 403
    url = reverse("admin:integrations_request_delete", args=(row.pk,))
    assert staff.post(url, {"post": "yes"}).status_code == 403


def test_the_page_of_an_integration_shows_its_last_ten_requests(staff: Client, enabled: Enabled) -> None:
    assert "No requests yet" in text(staff.get(page_url(enabled.integration)))
    for number in range(11):
        ask(enabled, f"r-{number:02}")
    ask(make_enabled_outlet("Castle"), "elsewhere")
    page = staff.get(page_url(enabled.integration)).content.decode()
    assert re.findall(r'class="onp-id" title="[^"]*">([^<]+)<', page) == [
        f"r-{number:02}" for number in range(10, 0, -1)
    ]


# --- Payloads to read ---


def test_a_payload_is_laid_out_with_its_numbers_as_they_were_spelled() -> None:
    laid_out = """\
{
  "Total": 12.50,
  "Big": 1E400,
  "Lines": [
    {
      "Qty": 1.0
    },
    []
  ],
  "None": null,
  "Empty": {}
}"""
    assert legible('{"Total":12.50,"Big":1E400,"Lines":[{"Qty":1.0},[]],"None":null,"Empty":{}}') == laid_out


@pytest.mark.parametrize(
    "payload",
    [
        '{"PIN": "73519"}',
        r'{"P\u0049N": "73519"}',
        '{"userpin": 73519}',
        '{"PIN": ["73519"]}',
        '{"pin_code": {"value": [73519]}}',
        '{"Token": {"deep": "73519"}}',
        '{"Inner": "{\\"PIN\\": \\"73519\\"}"}',
        'not JSON, PIN=73519',
        '{"PIN": ["73519"],}',
        "[" * 100_000 + '{"PIN": ["73519"]}' + "]" * 100_000,
    ],
)  # fmt: skip
def test_a_pin_is_left_out_however_it_stands(payload: str) -> None:
    assert "73519" not in legible(payload)


def test_what_looks_like_a_pin_and_is_none_stays() -> None:
    assert '"Shipping": "5.00"' in legible('{"Shipping": "5.00", "Spinach": 2}')


def test_a_long_payload_is_shortened_and_one_with_half_a_character_is_shown() -> None:
    assert len(legible(json.dumps({"Note": "x" * LONGEST}))) < LONGEST + 50
    legible(r'{"Note": "\ud800"}').encode()


# --- Rights, and what a strict browser allows ---


@pytest.mark.parametrize("name", ["request", "apikey"])
def test_an_empty_list_says_what_it_would_show(staff: Client, name: str) -> None:
    assert " yet. " in text(staff.get(list_url(name)))


@pytest.mark.parametrize("name", ["request", "apikey", "messagetype"])
def test_a_list_asks_as_many_questions_for_40_rows_as_for_2(
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


def test_who_may_only_look_at_keys_is_refused_every_act_and_sees_no_button(key: ApiKey) -> None:
    viewer = client_of("view_apikey")
    pages = [viewer.get(url).content.decode() for url in (list_url("apikey"), key_url(key))]
    for url in (CREATE, *(act_url(key, act) for act in KEY_ACTS)):
        assert viewer.get(url).status_code == 403
        assert viewer.post(url).status_code == 403
        assert not any(url in page for page in pages)


def test_who_may_make_keys_need_not_be_able_to_retire_them(key: ApiKey) -> None:
    maker = client_of("add_apikey")
    assert shown_key(maker.post(CREATE, {"name": "board"}))
    assert maker.get(act_url(key, "retire")).status_code == 403
    assert client_of("change_apikey").get(act_url(key, "retire")).status_code == 200


def test_who_may_not_see_requests_sees_none_on_the_page_of_an_integration(enabled: Enabled) -> None:
    row = ask(enabled)
    viewer = client_of("view_integration")
    assert viewer.get(request_url(row)).status_code == 403
    assert "Last requests" not in text(viewer.get(page_url(enabled.integration)))


def test_no_page_about_the_backend_holds_a_script_or_a_style_of_its_own(
    staff: Client, enabled: Enabled, key: ApiKey
) -> None:
    pages = [
        *(staff.get(list_url(name)) for name in ("request", "apikey", "messagetype")),
        staff.get(request_url(ask(enabled))),
        staff.get(key_url(key)),
        staff.get(CREATE),
        staff.post(CREATE, {"name": "board"}),
        *(staff.get(act_url(key, act)) for act in KEY_ACTS),
        staff.get(type_url("CreateOrder")),
    ]
    for page in pages:
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", page.content.decode())
        assert inline == []
