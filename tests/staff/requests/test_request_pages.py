"""The staff pages of requests."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import ApiKey
from integrations.models.request import RequestState
from integrations.services.audit import Actor
from integrations.services.requests.asking import check_outlet
from integrations.staff.requests.legible import LONGEST, legible
from tests.staff.requests.request_forms import ask_url, send
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.query_plans import statements, steps
from tests.support.staff.backend_pages import ask, key_url, request_url, waiting
from tests.support.staff.pages import client_of, list_url, page_url, text

# --- Requests ---


def test_the_list_of_requests_names_the_message_type_and_the_state(staff: Client, enabled: Enabled) -> None:
    ask(enabled)
    ask(enabled, "r-2", message_type=57, state=RequestState.REFUSED, result_code=4)
    page = text(staff.get(list_url("request")))
    assert "Answered Trattoria Bella – Station 1 hour ago GetOpenOrders (1) 1.5 s 0 r-1" in page
    assert "Refused by the POS Trattoria Bella – Station 1 hour ago MessageType 57 1.5 s 4 r-2" in page
    assert page.index("r-2") < page.index("r-1")


def test_requests_are_found_by_state_time_id_and_outlet(staff: Client, enabled: Enabled) -> None:
    other = make_enabled_outlet("Castle")
    ask(enabled, "answered-one")
    ask(other, "refused-one", state=RequestState.REFUSED, received_at=timezone.now() - timedelta(days=40))
    last_week = str((timezone.now() - timedelta(days=7)).date())
    for query, found in (
        ({"state__exact": "refused"}, "refused-one"),
        ({"from": last_week}, "answered-one"),
        ({"q": "answered"}, "answered-one"),
        ({"q": "Castle"}, "refused-one"),
        ({"integration__id__exact": str(enabled.integration.pk)}, "answered-one"),
    ):
        page = staff.get(list_url("request"), query).content.decode()
        assert re.findall(r'class="onp-id" title="[^"]*">([^<]+)<', page) == [found]


def test_requests_are_found_by_api_key(staff: Client, enabled: Enabled, key: ApiKey) -> None:
    ask(enabled, "of-the-key", api_key=key)
    ask(enabled, "without-key")
    (link,) = re.findall(
        r"/admin/integrations/request/\?api_key__id__exact=\d+", staff.get(key_url(key)).content.decode()
    )
    page = staff.get(link).content.decode()
    assert re.findall(r'class="onp-id" title="[^"]*">([^<]+)<', page) == ["of-the-key"]


def test_the_page_of_a_request_shows_its_timeline(staff: Client, key: ApiKey, enabled: Enabled) -> None:
    row = ask(enabled, times_sent=3, api_key=key)
    page = text(staff.get(request_url(row)))
    steps = (
        "Received from your systems",
        "First sent to the POS; 3 times in all after 12 ms",
        "Answered after 1.5 s",
        "Send before",
        "Answer before",
    )
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)


def test_the_timeline_shows_when_a_request_was_saved_and_resent(staff: Client, enabled: Enabled, key: ApiKey) -> None:
    received = timezone.now() - timedelta(hours=1)
    moments = {"stored_at": 8, "sent_at": 8, "last_sent_at": 900, "ended_at": 1500}
    at: dict[str, Any] = {name: received + timedelta(milliseconds=after) for name, after in moments.items()}
    page = text(staff.get(request_url(ask(enabled, received_at=received, times_sent=2, api_key=key, **at))))
    steps = (
        "Received from your systems",
        "Saved after 8 ms",
        "First sent to the POS after 8 ms",
        "Sent again; 2 times in all after 900 ms",
        "Answered after 1.5 s",
    )
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)


def test_a_request_recorded_after_it_ended_shows_no_save_time(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(request_url(ask(enabled, is_durable=False))))
    assert "Saved after" not in page
    assert "no: a transient request, recorded when it ended" in page


def test_the_page_of_a_request_says_when_its_payload_was_deleted(staff: Client, enabled: Enabled) -> None:
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


def test_the_payload_of_a_request_is_escaped(staff: Client, enabled: Enabled) -> None:
    script = "<script>alert(1)</script>"
    row = ask(enabled, script, payload=json.dumps({script: script}), answer=script, device_id=script)
    for url in (request_url(row), list_url("request"), page_url(enabled.integration)):
        page = staff.get(url).content.decode()
        assert script not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_request_cannot_be_added_changed_or_deleted(staff: Client, enabled: Enabled) -> None:
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


# --- Payloads ---


def test_a_payload_is_indented_and_its_numbers_are_shown_exactly_as_sent() -> None:
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
def test_a_pin_is_redacted_in_every_form(payload: str) -> None:
    assert "73519" not in legible(payload)


def test_names_that_only_contain_pin_are_not_redacted() -> None:
    assert '"Shipping": "5.00"' in legible('{"Shipping": "5.00", "Spinach": 2}')


def test_a_long_payload_is_shortened_and_a_lone_surrogate_is_shown() -> None:
    assert len(legible(json.dumps({"Note": "x" * LONGEST}))) < LONGEST + 50
    legible(r'{"Note": "\ud800"}').encode()


def test_requests_are_limited_to_those_that_a_person_sent(staff: Client, online: Enabled) -> None:
    ask(online, "by a key")
    ask(online, "by another person", api_key=None)
    send(staff, ask_url(online, 1), own_request_id="by staff")
    check_outlet(online.integration, request_id="by a check", actor=Actor("Bossuet"))
    url = list_url("request")

    def found(browser: Client, **parameters: str) -> list[str]:
        return [row.request_id for row in browser.get(url, parameters).context["cl"].result_list]

    assert found(staff, person="BOS") == ["by a check", "by staff"]
    assert found(staff, person='"boss"') == ["by staff"]
    assert found(staff, person="bos", message_type="57") == found(staff, person="zoe") == []
    assert len(found(staff, person="")) == 4
    viewer = client_of("view_request")
    assert viewer.get(url, {"person": "boss"}).status_code == 400
    assert 'name="person"' not in viewer.get(url).content.decode()


def test_the_filter_by_sender_reads_only_the_audit_events_of_about_the_same_time(
    staff: Client, online: Enabled
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the plan is SQLite's")
    send(staff, ask_url(online, 1), own_request_id="by staff")
    with statements() as sent:
        staff.get(list_url("request"), {"person": "bos"})
    plans = ["; ".join(steps(*each)) for each in sent if "actor_name" in each[0] and "request_id" in each[0]]
    assert plans
    assert [each for each in plans if "audit_of_integration (integration_id=? AND at>? AND at<?)" not in each] == []
