"""The staff page of an answer, the permission to send requests, and disconnecting a POS."""

from datetime import timedelta
from unittest import mock

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent, AuthAttempt, Connection, Integration, Request, StaffLimit
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.integration.enabling import enable_outlet
from integrations.staff.requests.asked_page import sentence_of
from tests.staff.requests.request_forms import answer_url, ask_url
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_organisation, make_outlet
from tests.support.signing_in import refresh
from tests.support.staff.backend_pages import ask as make_request
from tests.support.staff.backend_pages import waiting
from tests.support.staff.pages import act_url, be_refused, client_of, list_url, page_url, text

ASKING = ("check", "ask", "disconnect")


# --- The answer ---


def test_the_answer_is_shown_as_received_with_its_timeline(staff: Client, enabled: Enabled) -> None:
    row = make_request(enabled, answer='{"Amount":1.10,"PIN":"1234","Orders":[]}')
    page = text(staff.get(answer_url(row)))
    assert "Answered. ResultCode 0." in page
    assert "1.10" in page
    assert "1234" not in page
    assert "Requested in the portal" in page
    assert "First sent to the POS" in page or "Sent to the POS" in page


def test_a_refusal_shows_the_code_and_the_message(staff: Client, enabled: Enabled) -> None:
    row = make_request(enabled, state=RequestState.REFUSED, result_code=4, error_message="No such user.", answer=None)
    assert "Refused by the POS. ResultCode 4. The POS says: “No such user.”" in text(staff.get(answer_url(row)))


def test_an_open_request_shows_what_it_is_waiting_for(staff: Client, enabled: Enabled) -> None:
    now = timezone.now()
    row = make_request(enabled, **waiting(now))
    assert "Not sent yet" in sentence_of(row, now, with_content=True)
    row.sent_at = now
    assert "has not answered yet" in sentence_of(row, now, with_content=True)
    assert "The request continues" in sentence_of(row, now + timedelta(seconds=31), with_content=True)
    page = staff.get(answer_url(row)).content.decode()
    assert "data-live" in page
    assert "data-over" not in page
    assert reverse("admin:integrations_request_change", args=(row.pk,)) in page


def test_an_answer_is_shown_to_those_who_may_see_payloads(enabled: Enabled) -> None:
    row = make_request(enabled, answer='{"Guest":"Rossi"}')
    sender, reader = client_of("ask_pos"), client_of("ask_pos", "view_payload")
    assert "Rossi" not in text(sender.get(answer_url(row)))
    assert "Rossi" in text(reader.get(answer_url(row)))


def test_an_answer_of_another_outlet_is_not_found_under_this_outlet(staff: Client, enabled: Enabled) -> None:
    row = make_request(make_enabled_outlet("Harbour"))
    url = reverse("admin:integrations_integration_asked", args=(enabled.integration.pk, row.pk))
    assert staff.get(url).status_code == 404


# --- Disconnect ---


def test_disconnecting_has_a_confirmation_page(staff: Client, online: Enabled) -> None:
    url = act_url(online.integration, "disconnect")
    assert "can reconnect at once" in text(staff.get(url))
    answer = staff.post(url, {"reason": "It hangs"}, follow=True)
    assert "secret and access token stay valid" in text(answer)
    assert Connection.objects.get().close_reason == CloseReason.DISCONNECTED
    assert staff.post(url, {}).status_code == 200  # a second click: the form says that there is no connection
    assert "There is no socket to close" in text(staff.get(url))
    assert AuditEvent.objects.filter(verb=Verb.POS_DISCONNECTED).count() == 1


# --- Permissions and limits ---


def test_a_person_with_view_rights_only_sees_the_check_without_its_button(online: Enabled) -> None:
    viewer = client_of("view_integration")
    check = act_url(online.integration, "check")
    page = viewer.get(check)
    assert page.status_code == 200
    assert "Send a test request</" not in page.content.decode()
    assert 'type="submit" class="default"' not in page.content.decode()
    assert viewer.post(check, {"request_id": "0" * 32}).status_code == 403
    for action in ("ask", "disconnect"):
        assert act_url(online.integration, action) not in viewer.get(page_url(online.integration)).content.decode()
        assert viewer.get(act_url(online.integration, action)).status_code == 403
        assert viewer.post(act_url(online.integration, action)).status_code == 403


def test_sending_a_request_needs_its_own_permission(online: Enabled) -> None:
    operator, sender = client_of("change_integration"), client_of("ask_pos", "view_integration", "view_outlet")
    assert operator.get(ask_url(online, 1)).status_code == 403
    assert sender.get(ask_url(online, 1)).status_code == 200
    assert sender.get(act_url(online.integration, "disconnect")).status_code == 403
    assert act_url(online.integration, "ask") in sender.get(page_url(online.integration)).content.decode()


def test_outlets_of_other_organisations_are_not_found(client: Client, online: Enabled) -> None:
    row = make_request(online)
    client.force_login(limited_person())
    for url in (*(act_url(online.integration, action) for action in ASKING), ask_url(online, 1), answer_url(row)):
        assert client.get(url).status_code == 404
        assert client.post(url, {"request_id": "0" * 32}).status_code in (404, 405)
        assert refresh(client, url).status_code == 404
    assert Request.objects.count() == 1


def test_the_live_part_shows_the_same_as_a_reload(staff: Client, online: Enabled) -> None:
    row = make_request(online, answer="{}")
    now = timezone.now()
    with mock.patch("django.utils.timezone.now", return_value=now):
        for url in (act_url(online.integration, "check"), answer_url(row)):
            fragment = refresh(staff, url).content.decode()
            assert len(fragment) > 100
            assert fragment in staff.get(url).content.decode()


def test_the_live_part_of_an_ended_request_stops_refreshing(staff: Client, online: Enabled) -> None:
    row = make_request(online, answer="{}")
    assert "data-over" in staff.get(answer_url(row)).content.decode()
    assert "data-over" in refresh(staff, answer_url(row)).content.decode()


def test_no_detail_names_an_outlet_that_a_limited_person_may_not_see(client: Client, enabled: Enabled) -> None:
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
        assert "no outlet that you may see" in page, url
        assert "Secret Place" not in page, url
    assert "Secret Place" not in AuthAttempt.objects.get(pk=attempt.pk).detail


def limited_person(*, sees: Integration | None = None) -> User:
    """Create a person with every permission, limited to one organisation."""
    person = User.objects.create_user("mira", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    organisation = sees.outlet.organisation if sees else make_organisation("Elsewhere")
    StaffLimit.objects.create(user=person).organisations.add(organisation)
    return person
