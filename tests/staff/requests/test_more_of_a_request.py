"""The part "More" of the page "Ask the POS" has the remaining fields that the API accepts for a request."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.backend.requests import order_calls
from integrations.models import AuditEvent, Integration, Request
from integrations.models.audit import Verb
from integrations.services.requests.asking import Question
from integrations.staff.requests import ask_page
from tests.staff.requests.request_forms import ask_url, form_values, send
from tests.staff.requests.test_sending_requests import switch
from tests.support.factories import Enabled
from tests.support.staff.pages import text

# The form has no field for the API's `mode`, because the page never waits for the answer.
ONLY_OF_THE_API = {"mode"}
# Maps the API's names of fields to the form's names, where the two differ.
FIELD_OF = {
    "message_type": "mode", "payload": "raw", "request_id": "own_request_id", "timeout": "wait",
    "durable": "sent_once", "validate": "is_checked",
}  # fmt: skip


def test_the_form_has_a_field_for_each_field_of_the_api(staff: Client, online: Enabled) -> None:
    form = staff.get(ask_url(online, 1, raw=True)).context["form"]
    for name in set(order_calls._READERS) - ONLY_OF_THE_API:
        assert FIELD_OF.get(name, name) in form.fields, name


def test_the_part_is_closed_until_it_holds_a_value(staff: Client, online: Enabled) -> None:
    assert '<details class="onp-more">' in staff.get(ask_url(online, 1)).content.decode()
    page = switch(staff, ask_url(online, 1), own_request_id="desk-17")
    assert '<details class="onp-more" open>' in page.content.decode()


def test_a_chosen_request_id_and_correlation_id_are_sent(staff: Client, online: Enabled) -> None:
    send(staff, ask_url(online, 1), own_request_id="desk 17/a ", device_id=" 4", correlation_id="ticket-4711")
    row = Request.objects.get()
    assert (row.request_id, row.device_id, row.correlation_id) == ("desk 17/a ", " 4", "ticket-4711")
    assert AuditEvent.objects.get(verb=Verb.POS_ASKED).detail["request_id"] == "desk 17/a "


def test_without_chosen_ids_the_portal_generates_them(staff: Client, online: Enabled) -> None:
    send(staff, ask_url(online, 1))
    row = Request.objects.get()
    assert str(uuid.UUID(row.request_id)) == row.request_id
    assert row.correlation_id


def test_a_chosen_request_id_that_was_used_with_other_values_is_refused_at_its_field(
    staff: Client, online: Enabled
) -> None:
    url = ask_url(online, 1, raw=True)
    send(staff, url, own_request_id="desk-17")
    page = send(staff, url, own_request_id="desk-17", raw='{"a": 1}')
    assert "already has a request with this RequestID" in str(page.context["form"].errors["own_request_id"])
    assert Request.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("own_request_id", "a\x01b", "control character"),
        ("own_request_id", "x" * 257, "at most 256 characters"),
        ("correlation_id", "two words", "Use letters, digits"),
        ("correlation_id", "ONPK-7K3VD-" + "A" * 30, "Use letters, digits"),
        ("correlation_id", "x" * 65, "at most 64 characters"),
    ],
)
def test_an_invalid_id_is_refused_at_its_field(
    staff: Client, online: Enabled, name: str, value: str, words: str
) -> None:
    page = send(staff, ask_url(online, 1), **{name: value})
    assert words in str(page.context["form"].errors[name])
    assert not Request.objects.exists()


def test_json_is_checked_against_the_documentation_if_the_person_asks_for_it(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1, raw=True)
    page = send(staff, url, raw='{"UserOrdersOnly": 1}', is_checked="on")
    assert "UserOrdersOnly must be true or false. To send it anyway, untick" in text(page)
    assert not Request.objects.exists()
    send(staff, url, raw='{"UserOrdersOnly": true}', is_checked="on")
    assert Request.objects.count() == 1


def test_json_without_a_documented_model_offers_no_check(staff: Client, online: Enabled) -> None:
    assert "is_checked" not in staff.get(ask_url(online, 77)).context["form"].fields


def test_a_request_that_is_sent_once_cannot_wait_for_the_pos(staff: Client, enabled: Enabled) -> None:
    page = send(staff, ask_url(enabled, 1), sent_once="on", expires_in=60)
    assert "does not wait for the POS to connect" in str(page.context["form"].errors["expires_in"])


def test_the_values_stay_when_the_person_switches_to_json_and_back(staff: Client, online: Enabled) -> None:
    typed = {"own_request_id": "desk-17", "correlation_id": "ticket-4711", "sent_once": "on"}
    url = ask_url(online, 12)
    page = switch(staff, url, **typed)
    back = staff.post(url, form_values(page) | {"switch": "yes"})
    for each in (page, back):
        form = each.context["form"]
        assert {name: form[name].value() for name in typed} == typed


def once_url(online: Enabled, **query: Any) -> str:
    args = (online.integration.pk, uuid.uuid4())
    return reverse("admin:integrations_integration_asked_once", args=args, query=query or None)


def test_a_request_that_is_sent_once_has_a_page_before_it_is_recorded(
    staff: Client, online: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Question] = []

    def ask_once(_integration: Integration, question: Question, **_actor: Any) -> uuid.UUID:
        sent.append(question)
        return uuid.uuid4()

    monkeypatch.setattr(ask_page, "ask_once", ask_once)
    answer = send(staff, ask_url(online, 1), sent_once="on", wait=7)
    assert [(each.is_durable, each.wait) for each in sent] == [(False, 7)]
    assert "Sent. The answer appears here, at the latest" in text(staff.get(answer["Location"]))


def test_the_page_of_a_request_that_was_never_recorded_says_so(staff: Client, online: Enabled) -> None:
    assert "No result was recorded." in text(staff.get(once_url(online, until=1_700_000_000)))


@pytest.mark.parametrize("query", [{}, {"until": "x"}, {"until": "-1"}, {"until": "99999999999"}])
def test_an_address_without_a_time_is_not_found(staff: Client, online: Enabled, query: dict[str, str]) -> None:
    assert staff.get(once_url(online, **query)).status_code == 404


def test_nothing_is_sent_while_the_server_is_not_ready(staff: Client, online: Enabled) -> None:
    page = send(staff, ask_url(online, 1), sent_once="on")
    assert "is not connected. Nothing was sent." in text(page)
    assert not AuditEvent.objects.filter(verb=Verb.POS_ASKED).exists()
