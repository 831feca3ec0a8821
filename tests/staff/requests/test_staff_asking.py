"""Door 2: the pages with which support helps somebody on site: check, ask, answer, disconnect."""

import json
import re
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent, AuthAttempt, Connection, Integration, MessageType, Request, StaffLimit
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.integration.enabling import disable, enable_outlet
from integrations.services.requests.sending import load_open
from integrations.staff.requests.asked_page import sentence_of
from tests.staff.api_keys.test_staff_backend_pages import ask as make_request
from tests.staff.api_keys.test_staff_backend_pages import waiting
from tests.staff.test_staff_pages import act_url, be_refused, be_seen, client_of, list_url, outlet_url, page_url, text
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_organisation, make_outlet
from tests.support.signing_in import refresh

PIN = "4711-0815"
ASKING = ("check", "ask", "disconnect")


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """A browser in which somebody signed in who may do everything."""
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    return client


@pytest.fixture
def online(enabled: Enabled) -> Enabled:
    """Station, its POS connected."""
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    return enabled


def ask_url(enabled: Enabled, kind: object, *, raw: bool = False) -> str:
    return f"{act_url(enabled.integration, 'ask')}?type={kind}{'&raw' if raw else ''}"


def asked_url(row: Request) -> str:
    return reverse("admin:integrations_integration_asked", args=(row.integration_id, row.pk))


def filled(page: Any, **values: Any) -> dict[str, Any]:
    """What a browser sends of the form that this page shows."""
    form = page.context["form"]
    shown = {field.name: field.value() for field in form if field.value() is not None}
    return shown | values


def send(staff: Client, url: str, **values: Any) -> Any:
    return staff.post(url, filled(staff.get(url), **values))


# --- Check this outlet ---


def test_the_check_is_the_first_action_of_an_integration_and_of_an_outlet_never_seen(
    staff: Client, enabled: Enabled
) -> None:
    check = act_url(enabled.integration, "check")
    page = staff.get(page_url(enabled.integration)).content.decode()
    tools = page[page.index('<ul class="object-tools">') :]
    assert re.findall('href="([^"]+)"', tools)[0] == check
    assert check in staff.get(outlet_url(enabled.integration.outlet)).content.decode()


def test_the_check_page_says_how_far_the_outlet_has_come(staff: Client, enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-Statoin")
    page = text(staff.get(act_url(enabled.integration, "check")))
    assert "3 of 7 steps are done. The POSRemoteID does not match." in page
    assert "Tell the person on site: Correct the POSRemoteID in PowerEPOS: it is Bella-Station." in page


def test_the_button_asks_once_and_leads_back(staff: Client, online: Enabled) -> None:
    url = act_url(online.integration, "check")
    values = filled(staff.get(url))
    for _ in range(2):
        assert staff.post(url, values)["Location"] == url
    assert Request.objects.get().message_type == 1
    assert AuditEvent.objects.filter(verb=Verb.OUTLET_CHECKED).count() == 1


def test_the_button_on_an_offline_outlet_says_so_and_keeps_the_checklist(staff: Client, enabled: Enabled) -> None:
    answer = send(staff, act_url(enabled.integration, "check"))
    assert answer.status_code == 409
    assert "is not connected. Nothing was sent" in text(answer)
    assert "steps are done." in text(answer)


# --- Ask the POS ---


def test_the_catalogue_leads_to_forms_and_to_the_missing_numbers(staff: Client, online: Enabled) -> None:
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
def test_what_cannot_be_asked_leads_back_to_the_catalogue(
    staff: Client, online: Enabled, kind: str, words: str
) -> None:
    page = staff.get(act_url(online.integration, "ask"), {"type": kind})
    assert page.status_code == 404
    assert words in text(page)


def test_the_fields_of_a_documented_type_become_its_payload(staff: Client, online: Enabled) -> None:
    values = {"field_ServiceModeEntityID": "7", "field_UserOrdersOnly": "true", "device_id": "desk", "wait": 5}
    answer = send(staff, ask_url(online, "GetOpenOrders"), **values)
    row = Request.objects.get()
    assert answer["Location"] == asked_url(row)
    assert row.payload == '{"ServiceModeEntityID": "7", "UserOrdersOnly": true}'
    assert (row.device_id, row.user_identifier) == ("desk", None)
    assert row.send_before - row.received_at == timedelta(seconds=5)


def test_what_is_left_empty_is_left_out(staff: Client, online: Enabled) -> None:
    send(staff, ask_url(online, 1))
    assert Request.objects.get().payload == "{}"


def test_numbers_and_lists_go_out_as_they_are_typed(staff: Client, online: Enabled) -> None:
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
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_sent(
    staff: Client, online: Enabled, name: str, value: str, words: str
) -> None:
    right = {"field_SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1", "is_meant": "on"}
    values = {key: each for key, each in (right | {name: value}).items() if each or key != "is_meant"}
    answer = send(staff, ask_url(online, 12), **values)
    assert answer.status_code == 200
    assert words in text(answer) + str(answer.context["form"].errors)
    assert not Request.objects.exists()


def test_raw_json_goes_out_unchanged(staff: Client, online: Enabled) -> None:
    typed = '{ "Price": 1.10,\n  "ﬀ": [1E+2, "\\u00e9"], "price": 0.0 }'
    send(staff, ask_url(online, 77), raw=typed.replace("\n", "\r\n"), is_meant="on")
    row = Request.objects.get()
    assert (row.message_type, row.payload) == (77, typed)


@pytest.mark.parametrize("typed", ["[]", "{", '{"a": NaN}', "{'a': 1}", '{"a": 1} {"b": 2}', "x"])
def test_raw_text_that_is_no_object_is_refused_with_its_place(staff: Client, online: Enabled, typed: str) -> None:
    answer = send(staff, ask_url(online, 77), raw=typed, is_meant="on")
    assert "This is not a valid JSON object." in text(answer)
    assert not Request.objects.exists()


@pytest.mark.parametrize("end", ["", "1" + "}" * 5_000])
def test_raw_text_that_nests_too_deeply_is_refused_with_the_limit(staff: Client, online: Enabled, end: str) -> None:
    answer = send(staff, ask_url(online, 77), raw='{"a":' * 5_000 + end, is_meant="on")
    assert "has more than 100 levels of nesting" in text(answer)
    assert not Request.objects.exists()


def test_the_place_of_a_mistake_is_named(staff: Client, online: Enabled) -> None:
    answer = send(staff, ask_url(online, 77), raw='{\n  "a": 1\n  "b": 2}', is_meant="on")
    assert "The error is in line 3, at character 3." in text(answer)


@pytest.mark.parametrize(("kind", "is_asked"), [(0, False), (1, False), (12, True), (77, True)])
def test_what_may_change_something_wants_a_tick(staff: Client, online: Enabled, kind: int, is_asked: bool) -> None:
    page = text(staff.get(ask_url(online, kind)))
    assert ("Yes, send it" in page) is is_asked
    assert "This is real." in page


def test_simulating_an_order_changes_nothing(staff: Client, online: Enabled) -> None:
    MessageType.objects.filter(name="SimulateOrder").update(number=11)
    assert "Yes, send it" not in text(staff.get(ask_url(online, 11)))


def test_a_pin_is_sent_and_stands_nowhere_else(staff: Client, online: Enabled) -> None:
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
    assert PIN not in staff.get(asked_url(row)).content.decode()
    assert PIN not in json.dumps([event.detail for event in AuditEvent.objects.all()])
    assert PIN not in json.dumps([dict(staff.session.items())], default=str)
    assert PIN not in staff.get(reverse("admin:integrations_request_change", args=(row.pk,))).content.decode()


def test_the_form_sent_twice_asks_once_and_shows_the_same_answer(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 12, raw=True)
    values = filled(staff.get(url), raw="{}", is_meant="on")
    first, second = staff.post(url, values), staff.post(url, values)
    assert first["Location"] == second["Location"]
    assert Request.objects.count() == AuditEvent.objects.filter(verb=Verb.POS_ASKED).count() == 1


def test_a_form_of_before_with_other_values_is_sent_at_the_second_press(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1, raw=True)
    values = filled(staff.get(url), raw="{}")
    staff.post(url, values)
    again = staff.post(url, values | {"raw": '{"a": 1}'})
    assert "already sent with other values" in text(again)
    assert Request.objects.count() == 1
    staff.post(url, filled(again))
    assert set(Request.objects.values_list("payload", flat=True)) == {"{}", '{"a": 1}'}


def test_an_offline_pos_is_sent_nothing_and_the_page_says_so(staff: Client, enabled: Enabled) -> None:
    assert "The POS is not connected." in text(staff.get(ask_url(enabled, 1)))
    assert "is not connected. Nothing was sent" in text(send(staff, ask_url(enabled, 1)))
    assert not Request.objects.exists()


def test_a_disabled_integration_is_not_asked(staff: Client, online: Enabled) -> None:
    url = ask_url(online, 1)
    values = filled(staff.get(url))
    disable(online.integration, reason="A pause", actor=ANNA)
    assert "Enable it again first" in text(staff.get(url))
    assert staff.post(url, values).status_code == 409
    assert not Request.objects.exists()


# --- The answer ---


def test_the_answer_stands_as_it_came_with_its_time_line(staff: Client, enabled: Enabled) -> None:
    row = make_request(enabled, answer='{"Amount":1.10,"PIN":"1234","Orders":[]}')
    page = text(staff.get(asked_url(row)))
    assert "Answered. ResultCode 0." in page
    assert "1.10" in page
    assert "1234" not in page
    assert "Requested in the portal" in page
    assert "First sent to the POS" in page or "Sent to the POS" in page


def test_a_refusal_says_code_and_words(staff: Client, enabled: Enabled) -> None:
    row = make_request(enabled, state=RequestState.REFUSED, result_code=4, error_message="No such user.", answer=None)
    assert "Refused by the POS. ResultCode 4. The POS says: “No such user.”" in text(staff.get(asked_url(row)))


def test_an_open_request_says_what_it_waits_for(staff: Client, enabled: Enabled) -> None:
    now = timezone.now()
    row = make_request(enabled, **waiting(now))
    assert "Not sent yet" in sentence_of(row, now, with_content=True)
    row.sent_at = now
    assert "has not answered yet" in sentence_of(row, now, with_content=True)
    assert "The request continues" in sentence_of(row, now + timedelta(seconds=31), with_content=True)
    page = staff.get(asked_url(row)).content.decode()
    assert "data-live" in page
    assert "data-over" not in page
    assert reverse("admin:integrations_request_change", args=(row.pk,)) in page


def test_an_answer_is_shown_to_those_who_may_see_payloads(enabled: Enabled) -> None:
    row = make_request(enabled, answer='{"Guest":"Rossi"}')
    asking, seeing = client_of("ask_pos"), client_of("ask_pos", "view_payload")
    assert "Rossi" not in text(asking.get(asked_url(row)))
    assert "Rossi" in text(seeing.get(asked_url(row)))


def test_an_answer_of_another_outlet_is_not_under_this_one(staff: Client, enabled: Enabled) -> None:
    row = make_request(make_enabled_outlet("Harbour"))
    url = reverse("admin:integrations_integration_asked", args=(enabled.integration.pk, row.pk))
    assert staff.get(url).status_code == 404


# --- Disconnect ---


def test_disconnecting_is_an_act_with_a_page(staff: Client, online: Enabled) -> None:
    url = act_url(online.integration, "disconnect")
    assert "can reconnect at once" in text(staff.get(url))
    answer = staff.post(url, {"reason": "It hangs"}, follow=True)
    assert "credentials stay valid" in text(answer)
    assert Connection.objects.get().close_reason == CloseReason.DISCONNECTED
    assert staff.post(url, {}).status_code == 200  # a second click: the form says that nobody is connected
    assert "There is no socket to close" in text(staff.get(url))
    assert AuditEvent.objects.filter(verb=Verb.POS_DISCONNECTED).count() == 1


# --- Rights and limits ---


def test_who_may_only_look_sees_the_check_without_its_button(online: Enabled) -> None:
    viewer = client_of("view_integration")
    check = act_url(online.integration, "check")
    page = viewer.get(check)
    assert page.status_code == 200
    assert "Send a test request</" not in page.content.decode()
    assert 'type="submit" class="default"' not in page.content.decode()
    assert viewer.post(check, {"request_id": "0" * 32}).status_code == 403
    for act in ("ask", "disconnect"):
        assert act_url(online.integration, act) not in viewer.get(page_url(online.integration)).content.decode()
        assert viewer.get(act_url(online.integration, act)).status_code == 403
        assert viewer.post(act_url(online.integration, act)).status_code == 403


def test_asking_is_a_right_of_its_own(online: Enabled) -> None:
    acting, asking = client_of("change_integration"), client_of("ask_pos", "view_integration")
    assert acting.get(ask_url(online, 1)).status_code == 403
    assert asking.get(ask_url(online, 1)).status_code == 200
    assert asking.get(act_url(online.integration, "disconnect")).status_code == 403
    assert act_url(online.integration, "ask") in asking.get(page_url(online.integration)).content.decode()


def test_the_outlets_of_others_are_not_there(client: Client, online: Enabled) -> None:
    row = make_request(online)
    client.force_login(limited_person())
    for url in (*(act_url(online.integration, act) for act in ASKING), ask_url(online, 1), asked_url(row)):
        assert client.get(url).status_code == 404
        assert client.post(url, {"request_id": "0" * 32}).status_code in (404, 405)
        assert refresh(client, url).status_code == 404
    assert Request.objects.count() == 1


def test_what_is_live_shows_what_a_reload_shows(staff: Client, online: Enabled) -> None:
    row = make_request(online, answer="{}")
    now = timezone.now()
    with mock.patch("django.utils.timezone.now", return_value=now):
        for url in (act_url(online.integration, "check"), asked_url(row)):
            fragment = refresh(staff, url).content.decode()
            assert len(fragment) > 100
            assert fragment in staff.get(url).content.decode()


def test_a_request_that_has_ended_says_that_it_will_not_change_any_more(staff: Client, online: Enabled) -> None:
    row = make_request(online, answer="{}")
    assert "data-over" in staff.get(asked_url(row)).content.decode()
    assert "data-over" in refresh(staff, asked_url(row)).content.decode()


def test_a_limited_person_reads_no_other_outlet_in_any_detail(client: Client, enabled: Enabled) -> None:
    enable_outlet(make_outlet("Secret Place", organisation="Others"), pos_remote_id="elsewhere", actor=ANNA)
    other = Integration.objects.get(pos_remote_id="elsewhere")
    person = limited_person(sees=enabled.integration)
    client.force_login(person)
    values = {"pos_remote_id": "elsewhere", "pos_remote_id_of": other}
    attempt = be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, **values)
    pages = [
        page_url(enabled.integration),
        act_url(enabled.integration, "check"),
        list_url("authattempt"),
        reverse("admin:integrations_authattempt_change", args=(attempt.pk,)),
    ]
    for url in pages:
        page = text(client.get(url))
        assert "of no outlet that you see" in page, url
        assert "Secret Place" not in page, url
    assert "Secret Place" not in AuthAttempt.objects.get(pk=attempt.pk).detail


def limited_person(*, sees: Integration | None = None) -> User:
    """Somebody who may do everything, at the outlets of one organisation."""
    person = User.objects.create_user("mira", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    organisation = sees.outlet.organisation if sees else make_organisation("Elsewhere")
    StaffLimit.objects.create(user=person).organisations.add(organisation)
    return person
