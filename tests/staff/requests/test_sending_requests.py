"""The staff pages for support: check an outlet, and send requests to its POS."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, MessageType, Request
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.services.integration.enabling import disable
from integrations.services.requests.sending import load_open
from tests.staff.requests.request_forms import answer_url, ask_url, form_values, send
from tests.support.factories import ANNA, Enabled
from tests.support.staff.pages import act_url, be_refused, outlet_url, page_url, text

PIN = "4711-0815"


# --- Check this outlet ---


def test_the_check_is_the_first_action_of_an_integration_and_of_an_outlet_never_seen(
    staff: Client, enabled: Enabled
) -> None:
    check = act_url(enabled.integration, "check")
    page = staff.get(page_url(enabled.integration)).content.decode()
    tools = page[page.index('<ul class="object-tools">') :]
    assert re.findall('href="([^"]+)"', tools)[0] == check
    assert check in staff.get(outlet_url(enabled.integration.outlet)).content.decode()


def test_the_check_page_shows_the_completed_steps(staff: Client, enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-Statoin")
    page = text(staff.get(act_url(enabled.integration, "check")))
    assert "3 of 7 steps are done. The POSRemoteID does not match." in page
    assert "Tell the person on site: Correct the POSRemoteID in PowerEPOS: it is Bella-Station." in page


def test_the_button_sends_one_request_and_returns_to_the_check(staff: Client, online: Enabled) -> None:
    url = act_url(online.integration, "check")
    values = form_values(staff.get(url))
    for _ in range(2):
        assert staff.post(url, values)["Location"] == url
    assert Request.objects.get().message_type == 1
    assert AuditEvent.objects.filter(verb=Verb.OUTLET_CHECKED).count() == 1


def test_the_button_on_an_offline_outlet_says_so_and_keeps_the_checklist(staff: Client, enabled: Enabled) -> None:
    answer = send(staff, act_url(enabled.integration, "check"))
    assert answer.status_code == 409
    assert "is not connected. Nothing was sent" in text(answer)
    assert "steps are done." in text(answer)


# --- Send a request to the POS ---


def test_the_catalogue_links_to_forms_and_to_missing_numbers(staff: Client, online: Enabled) -> None:
    page = staff.get(act_url(online.integration, "ask"))
    assert 'href="?type=1"' in page.content.decode()
    assert "Its number is not known yet: enter it" in text(page)


@pytest.mark.parametrize("kind", ["GetOpenOrders", "getopenorders", "1", " 1 "])
def test_a_type_is_chosen_by_name_or_number(staff: Client, online: Enabled, kind: str) -> None:
    page = text(staff.get(act_url(online.integration, "ask"), {"type": kind}))
    assert "GetOpenOrders (1)" in page
    assert "Only orders of this table" in page


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("NoSuchType", "neither the name of a message type nor a number"),
        ("", "neither the name of a message type nor a number"),
        ("-1", "neither the name of a message type nor a number"),
        ("2147483648", "neither the name of a message type nor a number"),
        ("x\x00", "neither the name of a message type nor a number"),
        ("CreateOrder", "does not know the number of this message type"),
    ],
)
def test_a_message_type_that_cannot_be_sent_redirects_to_the_catalogue(
    staff: Client, online: Enabled, kind: str, words: str
) -> None:
    page = staff.get(act_url(online.integration, "ask"), {"type": kind})
    assert page.status_code == 404
    assert words in text(page)
    assert f'name="type" value="{kind}"' in page.content.decode()


def test_the_fields_of_a_documented_type_become_its_payload(staff: Client, online: Enabled) -> None:
    values = {"field_ServiceModeEntityID": "7", "field_UserOrdersOnly": "true", "device_id": "desk", "wait": 5}
    answer = send(staff, ask_url(online, "GetOpenOrders"), **values)
    row = Request.objects.get()
    assert answer["Location"] == answer_url(row)
    assert row.payload == '{"ServiceModeEntityID": "7", "UserOrdersOnly": true}'
    assert (row.device_id, row.user_identifier) == ("desk", None)
    assert row.send_before - row.received_at == timedelta(seconds=5)


def test_empty_fields_are_left_out_of_the_payload(staff: Client, online: Enabled) -> None:
    send(staff, ask_url(online, 1))
    assert Request.objects.get().payload == "{}"


def test_numbers_and_lists_are_sent_as_typed(staff: Client, online: Enabled) -> None:
    values = {
        "field_SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1",
        "field_ServiceChargeAmount": "3.50",
        "field_Notes": '[{"Text": "Pager  7"}]',
        "is_meant": "on",
    }
    send(staff, ask_url(online, 12), **values)
    assert Request.objects.get().payload.endswith('"Notes": [{"Text": "Pager  7"}], "ServiceChargeAmount": 3.50}')


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("field_SalesTransactionID", "no-guid", "must be a GUID"),
        ("field_SalesTransactionID", "", "This field is required."),
        ("field_ServiceChargeAmount", "a lot", "Enter a number like 12 or 3.50."),
        ("field_ServiceChargeAmount", "1.234", "two of them decimals"),
        ("field_Covers", "2.5", "must be a whole number"),
        ("field_Products", "[1, 2", "This is not valid JSON."),
        ("field_Products", '1, "Covers": 2', "This is not valid JSON."),
        ("field_Products", "{}", "must be a list"),
        ("field_Products", '[{"Name": "Soup"}]', "Products[0].Quantity is missing"),
        ("is_meant", "", "Tick this box to confirm: this request may change something"),
        ("wait", "0", "greater than or equal to 1"),
        ("device_id", "a\x01b", "control character"),
        ("request_id", "mine", "valid UUID"),
    ],
)
def test_an_invalid_value_is_reported_at_its_field_and_nothing_is_sent(
    staff: Client, online: Enabled, name: str, value: str, words: str
) -> None:
    right = {"field_SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1", "is_meant": "on"}
    values = {key: each for key, each in (right | {name: value}).items() if each or key != "is_meant"}
    answer = send(staff, ask_url(online, 12), **values)
    assert answer.status_code == 200
    assert words in text(answer) + str(answer.context["form"].errors)
    assert not Request.objects.exists()


def test_raw_json_is_sent_unchanged(staff: Client, online: Enabled) -> None:
    typed = '{ "Price": 1.10,\n  "ﬀ": [1E+2, "\\u00e9"], "price": 0.0 }'
    send(staff, ask_url(online, 77), raw=typed.replace("\n", "\r\n"), is_meant="on")
    row = Request.objects.get()
    assert (row.message_type, row.payload) == (77, typed)


@pytest.mark.parametrize("typed", ["[]", "{", '{"a": NaN}', "{'a': 1}", '{"a": 1} {"b": 2}', "x"])
def test_raw_text_that_is_not_an_object_is_refused_with_the_position(
    staff: Client, online: Enabled, typed: str
) -> None:
    answer = send(staff, ask_url(online, 77), raw=typed, is_meant="on")
    assert "This is not a valid JSON object." in text(answer)
    assert not Request.objects.exists()


@pytest.mark.parametrize("end", ["", "1" + "}" * 5_000])
def test_raw_text_that_nests_too_deeply_is_refused_with_the_limit(staff: Client, online: Enabled, end: str) -> None:
    answer = send(staff, ask_url(online, 77), raw='{"a":' * 5_000 + end, is_meant="on")
    assert "has more than 100 levels of nesting" in text(answer)
    assert not Request.objects.exists()


def test_the_error_message_names_the_position(staff: Client, online: Enabled) -> None:
    answer = send(staff, ask_url(online, 77), raw='{\n  "a": 1\n  "b": 2}', is_meant="on")
    assert "The error is in line 3, at character 3." in text(answer)


@pytest.mark.parametrize(("kind", "is_asked"), [(0, False), (1, False), (12, True), (77, True)])
def test_a_request_that_may_change_something_needs_confirmation(
    staff: Client, online: Enabled, kind: int, is_asked: bool
) -> None:
    page = text(staff.get(ask_url(online, kind)))
    assert ("Yes, send it" in page) is is_asked
    assert "This is real." in page


def test_a_simulated_order_needs_no_confirmation(staff: Client, online: Enabled) -> None:
    MessageType.objects.filter(name="SimulateOrder").update(number=11)
    assert "Yes, send it" not in text(staff.get(ask_url(online, 11)))


def test_a_pin_is_sent_and_stored_nowhere(staff: Client, online: Enabled) -> None:
    values = {"user_identifier": PIN, "wait": "never"}
    wrong = send(staff, ask_url(online, 1), **values)
    assert PIN not in wrong.content.decode()
    wrong = send(staff, ask_url(online, 0), field_PIN=PIN, wait="never")
    assert PIN not in wrong.content.decode()
    right = send(staff, ask_url(online, 1), user_identifier=PIN)
    send(staff, ask_url(online, 0), field_PIN=PIN)
    row = Request.objects.get(message_type=1)
    assert next(each for each in load_open(row.integration_id, 10) if each.pk == row.pk).content.user_identifier == PIN
    assert PIN not in f"{row.user_identifier} {row.payload}"
    assert PIN not in right["Location"]
    assert PIN not in staff.get(answer_url(row)).content.decode()
    assert PIN not in json.dumps([event.detail for event in AuditEvent.objects.all()])
    assert PIN not in json.dumps([dict(staff.session.items())], default=str)
    assert PIN not in staff.get(reverse("admin:integrations_request_change", args=(row.pk,))).content.decode()


def test_the_form_sent_twice_sends_one_request_and_shows_the_same_answer(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 12, raw=True)
    values = form_values(staff.get(url), raw="{}", is_meant="on")
    first, second = staff.post(url, values), staff.post(url, values)
    assert first["Location"] == second["Location"]
    assert Request.objects.count() == AuditEvent.objects.filter(verb=Verb.POS_ASKED).count() == 1


def test_an_earlier_form_with_other_values_is_sent_on_the_second_click(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1, raw=True)
    values = form_values(staff.get(url), raw="{}")
    staff.post(url, values)
    again = staff.post(url, values | {"raw": '{"a": 1}'})
    assert "already sent with other values" in text(again)
    assert Request.objects.count() == 1
    staff.post(url, form_values(again))
    assert set(Request.objects.values_list("payload", flat=True)) == {"{}", '{"a": 1}'}


def test_nothing_is_sent_to_an_offline_pos_and_the_page_says_so(staff: Client, enabled: Enabled) -> None:
    assert "The POS is not connected." in text(staff.get(ask_url(enabled, 1)))
    assert "is not connected. Nothing was sent" in text(send(staff, ask_url(enabled, 1)))
    assert not Request.objects.exists()


def test_a_request_can_wait_for_an_offline_pos_as_with_the_api(staff: Client, enabled: Enabled) -> None:
    answer = send(staff, ask_url(enabled, 1), expires_in=3600)
    row = Request.objects.get()
    assert (row.send_before - row.received_at) == timedelta(hours=1)
    assert "Not sent yet: the portal sends it as soon as the POS is connected, until" in text(staff.get(answer.url))
    too_long = send(staff, ask_url(enabled, 1), expires_in=86_401)
    assert "less than or equal to 86400" in text(too_long)


def test_nothing_is_sent_to_a_disabled_integration(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1)
    values = form_values(staff.get(url))
    disable(online.integration, reason="A pause", actor=ANNA)
    assert "Enable it again first" in text(staff.get(url))
    assert staff.post(url, values).status_code == 409
    assert not Request.objects.exists()


def switch(staff: Client, url: str, **values: Any) -> Any:
    return staff.post(url, form_values(staff.get(url), **values) | {"switch": "yes"})


def test_the_input_stays_when_the_person_switches_to_json_and_back(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 12)
    order = "1121008e-2769-46e2-918d-65e0291621a1"
    typed = {"field_SalesTransactionID": order, "field_Covers": "2", "field_Notes": '[{"Text": "Pager  7"}]'}
    page = switch(staff, url, **typed, device_id="desk", wait=5, expires_in=600, user_identifier=PIN, is_meant="on")
    form = page.context["form"]
    assert json.loads(form["raw"].value()) == {
        "SalesTransactionID": order, "Notes": [{"Text": "Pager  7"}], "Covers": 2,
    }  # fmt: skip
    assert (form["device_id"].value(), form["wait"].value(), form["expires_in"].value()) == ("desk", "5", "600")
    assert PIN not in page.content.decode()
    back = staff.post(url, form_values(page) | {"switch": "yes"})
    kept = {name: back.context["form"][name].value() for name in (*typed, "device_id", "wait", "expires_in")}
    assert kept == {**typed, "device_id": "desk", "wait": "5", "expires_in": "600"}
    assert Request.objects.count() == 0
    assert staff.post(url, form_values(back)).status_code == 302
    assert json.loads(Request.objects.get().payload) == json.loads(form["raw"].value())


def test_a_value_that_does_not_fit_its_field_stays_as_text(staff: Client, online: Enabled) -> None:
    page = switch(staff, ask_url(online, 12), field_Covers="two", field_Notes="[")
    assert json.loads(page.context["form"]["raw"].value()) == {"Notes": "[", "Covers": "two"}


def test_a_value_that_does_not_fit_its_field_returns_from_json_unchanged(staff: Client, online: Enabled) -> None:
    url, typed = ask_url(online, 12), {"field_Covers": "two", "field_Notes": "[", "field_Products": "[1, x]"}
    back = staff.post(url, form_values(switch(staff, url, **typed)) | {"switch": "yes"})
    assert {name: back.context["form"][name].value() for name in typed} == typed


def test_a_pin_is_not_carried_over_to_json_and_the_page_says_so(staff: Client, online: Enabled) -> None:
    number = MessageType.objects.filter(payload_model="OrderNPayGetUserFromPINRequest").values_list("number")[0][0]
    page = switch(staff, ask_url(online, number), field_PIN=PIN)
    assert page.context["form"]["raw"].value() == "{}"
    assert PIN not in page.content.decode()
    assert "Enter PIN again." in text(page)
    page = switch(staff, ask_url(online, number), field_PIN=PIN, user_identifier=PIN)
    assert "Enter PIN and UserIdentifier again." in text(page)
    page = staff.post(ask_url(online, number), form_values(page) | {"switch": "yes"})
    assert "Secrets are not kept" not in text(page)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"NotDocumented": 1}', "The fields cannot hold NotDocumented."),
        ('{"UserOrdersOnly": 1}', "The fields cannot hold UserOrdersOnly."),
        ("[", "This is not a valid JSON object"),
    ],
)
def test_json_that_the_fields_cannot_hold_stays_json(staff: Client, online: Enabled, raw: str, words: str) -> None:
    page = switch(staff, ask_url(online, 1, raw=True), raw=raw)
    assert words in text(page)
    assert page.context["form"]["raw"].value() == raw


def test_a_switch_that_fails_names_only_the_members_that_prevent_it(staff: Client, online: Enabled) -> None:
    page = switch(staff, ask_url(online, 12, raw=True), raw='{"NotDocumented": 1}', sent_once="on", expires_in=60)
    assert list(page.context["form"].errors) == ["raw"]


def test_what_the_documentation_does_not_allow_can_be_sent_as_json(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1)
    page = send(staff, url, field_ServiceModeEntityID="7", field_UserOrdersOnly="true")
    assert page.status_code == 302
    undocumented = '{"ServiceModeEntityID": 7, "Other": [1]}'
    assert send(staff, ask_url(online, 1, raw=True), raw=undocumented).status_code == 302
    assert Request.objects.latest("pk").payload == undocumented


def test_each_json_field_has_an_example(staff: Client, online: Enabled) -> None:
    for kind in (1, 12):
        for raw in (False, True):
            page = staff.get(ask_url(online, kind, raw=raw)).content.decode()
            assert page.count("Example: <code>") == page.count("<textarea")
