"""Pages offer an action only to people who may perform it: empty lists, advice and remarks, for each of the roles."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Alert, MessageType, Organisation
from integrations.models.api_key import ApiKeySecret
from integrations.models.attempt import Outcome
from integrations.models.notices.alert import AlertKind
from integrations.models.request import RequestState
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.people.groups import Role, ensure_groups
from integrations.services.requests.asking import harmless_number
from integrations.staff.base.admin import PortalAdmin
from tests.support.factories import ADOPTED, ANNA, make_enabled_outlet, make_outlet
from tests.support.notice_factories import make_endpoint, make_finished_request
from tests.support.staff.pages import act_url, be_refused, be_seen, list_url, page_url, text

WITH_STEPS = {each.opts.model_name: each for each in site._registry.values() if getattr(each, "first_step", "")}
OF_OPERATORS = {"outlet", "organisation", "handoverlink", "connection"}
MAY: dict[Role, set[Any]] = {Role.VIEWER: set(), Role.OPERATOR: OF_OPERATORS, Role.ADMINISTRATOR: {*WITH_STEPS}}
NOT_ALLOWED = "Your role does not allow this change. Ask a colleague whose role does."


@pytest.fixture(params=Role)
def role(request: pytest.FixtureRequest, db: None) -> Role:
    return Role(request.param)


@pytest.fixture
def person(role: Role, client: Client, settings: Any) -> Client:
    """A browser with a signed-in person who has this role."""
    settings.EMAIL_URL = "smtp://mail.example.com"
    ensure_groups()
    user = User.objects.create_user("petra", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def words_of(person: Client, url: str) -> str:
    return unescape(text(person.get(url, follow=True)))


@pytest.mark.parametrize("admin", WITH_STEPS.values(), ids=WITH_STEPS)
def test_an_empty_list_offers_the_first_step_to_people_who_may_take_it(
    person: Client, role: Role, admin: PortalAdmin[Any]
) -> None:
    MessageType.objects.all().delete()
    page = words_of(person, list_url(str(admin.opts.model_name)))
    assert admin.when_empty in page
    assert (admin.first_step in page) == (admin.opts.model_name in MAY[role])


def test_an_alert_without_emails_offers_to_add_a_recipient_to_administrators(person: Client, role: Role) -> None:
    now = timezone.now()
    alert = Alert.objects.create(kind=AlertKind.OFFLINE, since=now, notify_at=now, notified_at=now)
    page = words_of(person, reverse("admin:integrations_alert_change", args=(alert.pk,)))
    assert "No e-mails were sent for this alert." in page
    assert ("add yourself under" in page) == (role == Role.ADMINISTRATOR)


def test_an_expired_api_key_offers_a_new_one_to_administrators(person: Client, role: Role) -> None:
    key, _ = create_api_key("kiosk", actor=ANNA)
    ApiKeySecret.objects.update(expires_at=timezone.now() - timedelta(days=1))
    page = words_of(person, reverse("admin:integrations_apikey_change", args=(key.pk,)))
    assert "Calls with this key are refused." in page
    assert ("Create a new key." in page) == (role == Role.ADMINISTRATOR)


def test_a_webhook_endpoint_without_deliveries_offers_a_test_event_to_administrators(
    person: Client, role: Role
) -> None:
    endpoint, _ = make_endpoint()
    page = words_of(person, reverse("admin:integrations_webhookendpoint_change", args=(endpoint.pk,)))
    assert "No deliveries yet." in page
    assert ("Send a test event first." in page) == (role == Role.ADMINISTRATOR)


def test_a_weak_secret_is_to_be_rotated_by_people_who_may(person: Client, role: Role) -> None:
    page = words_of(person, page_url(make_enabled_outlet(adopted_secret=ADOPTED).integration))
    assert "It could be guessed." in page
    assert ("Rotate it as soon as" in page) == (role != Role.VIEWER)


def test_the_cause_of_a_refusal_says_who_may_correct_it(person: Client, role: Role) -> None:
    integration = make_enabled_outlet().integration
    attempt = be_refused(integration, Outcome.WRONG_SECRET)
    unenabled = make_outlet("Airport")
    unknown = be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=unenabled.provider_outlet_id)
    urls = [reverse("admin:integrations_authattempt_change", args=(each.pk,)) for each in (attempt, unknown)]
    for url in (*urls, page_url(integration), act_url(integration, "check")):
        assert (NOT_ALLOWED in words_of(person, url)) == (role == Role.VIEWER), url


def test_a_test_request_is_offered_to_people_who_may_send_it(person: Client, role: Role, time_machine: Any) -> None:
    now = timezone.now()
    time_machine.move_to(now - timedelta(hours=3), tick=False)
    integration = make_enabled_outlet().integration
    be_refused(integration, Outcome.ACCEPTED)
    time_machine.move_to(now, tick=False)
    be_seen(integration, heartbeat_at=now)
    make_finished_request(integration, message_type=harmless_number(), state=RequestState.FAILED)
    for url in (page_url(integration), act_url(integration, "check")):
        assert ("Send a test request" in words_of(person, url)) == (role != Role.VIEWER), url


def test_the_start_page_offers_an_outlet_to_people_who_may_enable_it(person: Client, role: Role) -> None:
    Organisation.objects.create(name="Bella")
    assert ("Enable an outlet" in words_of(person, reverse("admin:index"))) == (role != Role.VIEWER)
