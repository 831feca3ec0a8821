"""The staff pages of webhook endpoints, deliveries, alerts and alert recipients."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook

from integrations.models import (
    Alert,
    AlertMember,
    AlertRecipient,
    AuditEvent,
    Delivery,
    Organisation,
    Outlet,
    StaffLimit,
    WebhookEndpoint,
)
from integrations.models.audit import Verb
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.security.sealing import unseal
from integrations.services.notices import signing, webhooks
from tests.support.factories import ANNA, BELLA, Enabled, make_organisation
from tests.support.notice_factories import make_endpoint
from tests.support.signing_in import refresh

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
FORM = {"name": "CRM", "url": "https://hooks.example.com/onp", "kinds": ["outlet.offline", "request.finished"]}

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("berta", password="not asked for"))
    return client


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return make_endpoint()[0]


def limited(client: Client, organisation: Organisation, *permissions: str) -> Client:
    user = User.objects.create_user("carl", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    StaffLimit.objects.create(user=user).organisations.add(organisation)
    client.force_login(user)
    return client


def page(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:integrations_webhookendpoint_change", args=(endpoint.pk,))


def action_url(endpoint: WebhookEndpoint, name: str) -> str:
    return reverse(f"admin:integrations_webhookendpoint_{name}", args=(endpoint.pk,))


def secret_in(response: Any) -> str:
    found = SECRET.search(response.content.decode())
    assert found, response.content.decode()
    return found[0]


def verbs() -> list[str]:
    return list(AuditEvent.objects.filter(verb__startswith="webhook").order_by("pk").values_list("verb", flat=True))


def test_the_secret_of_a_new_endpoint_is_shown_once_and_stored_encrypted(staff: Client) -> None:
    response = staff.post(reverse("admin:integrations_webhookendpoint_add"), FORM)
    secret = secret_in(response)
    assert "no-store" in response["Cache-Control"]
    endpoint = WebhookEndpoint.objects.get()
    assert secret not in endpoint.sealed_secret
    assert unseal(endpoint.sealed_secret, purpose=signing.PURPOSE) == secret
    assert Webhook(secret)
    assert secret not in staff.get(page(endpoint)).content.decode()
    assert secret not in str(list(AuditEvent.objects.values()))
    assert verbs() == [Verb.WEBHOOK_CREATED]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://hooks.example.com/", "must begin with https://"),
        ("https://user:pass@hooks.example.com/", "Remove the user name and password"),
        ("https://127.0.0.1/", "is not a public address"),
        ("https://[::ffff:10.0.0.1]/", "is not a public address"),
        ("https://169.254.169.254/latest", "is not a public address"),
        ("ftp://hooks.example.com/", "must begin with https://"),
        ("https:///nowhere", "must begin with https://"),
        ("https://hooks.example.com:99999/", "This is not a URL"),
        ("https://[::1", "This is not a URL"),
        ("https://hooks.example.com/#part", "Remove the part from # on."),
        ("https://hooks.example.com/a b", "without spaces"),
    ],
)
def test_a_forbidden_webhook_url_is_a_form_error(staff: Client, url: str, complaint: str) -> None:
    response = staff.post(reverse("admin:integrations_webhookendpoint_add"), FORM | {"url": url})
    assert complaint in response.content.decode()
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("changes", [{"kinds": []}, {"kinds": ["webhook.test"]}, {"name": ""}, {"name": "a\x07b"}])
def test_other_invalid_fields_are_form_errors(staff: Client, changes: dict[str, Any]) -> None:
    response = staff.post(reverse("admin:integrations_webhookendpoint_add"), FORM | changes)
    assert "errorlist" in response.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_name_must_be_unique(staff: Client, endpoint: WebhookEndpoint) -> None:
    response = staff.post(reverse("admin:integrations_webhookendpoint_add"), FORM)
    assert "webhook endpoint with this name already exists" in response.content.decode()


def test_a_rotation_shows_the_new_secret_once_and_a_repeated_form_rotates_once(
    staff: Client, endpoint: WebhookEndpoint
) -> None:
    form = {"overlap": "1h", "seen": endpoint.secret_created_at.isoformat()}
    new = secret_in(staff.post(action_url(endpoint, "rotate"), form))
    again = staff.post(action_url(endpoint, "rotate"), form)
    assert again.status_code == 409
    endpoint.refresh_from_db()
    assert unseal(endpoint.sealed_secret, purpose=signing.PURPOSE) == new
    assert endpoint.has_overlap(timezone.now())
    assert "End overlap now" in staff.get(page(endpoint)).content.decode()
    staff.post(action_url(endpoint, "end_overlap"))
    endpoint.refresh_from_db()
    assert (endpoint.sealed_older_secret, endpoint.has_overlap(timezone.now())) == ("", False)
    assert verbs()[1:] == [Verb.WEBHOOK_ROTATED, Verb.WEBHOOK_OVERLAP_ENDED]


def test_an_endpoint_is_disabled_with_a_reason_and_enabled_again(staff: Client, endpoint: WebhookEndpoint) -> None:
    staff.post(action_url(endpoint, "disable"), {"reason": "maintenance"})
    assert "maintenance" in staff.get(page(endpoint)).content.decode()
    assert staff.post(action_url(endpoint, "disable"), {"reason": "again"}).status_code == 409
    assert "is disabled. Enable it first" in staff.get(action_url(endpoint, "test")).content.decode()
    staff.post(action_url(endpoint, "enable"))
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (True, "")


def test_the_url_and_the_events_can_be_changed(staff: Client, endpoint: WebhookEndpoint) -> None:
    response = staff.post(
        action_url(endpoint, "change_url"), {"url": "https://new.example.com/?key=hidden", "kinds": ["outlet.online"]}
    )
    assert response.status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.kinds) == ("https://new.example.com/?key=hidden", ["outlet.online"])
    assert "hidden" not in str(AuditEvent.objects.latest("pk").detail)


def test_a_test_event_is_sent_and_its_delivery_is_shown_and_resent(staff: Client, endpoint: WebhookEndpoint) -> None:
    staff.post(action_url(endpoint, "test"))
    delivery = Delivery.objects.get()
    assert (delivery.notice.kind, delivery.notice.data["sent_by"]) == (NoticeKind.TEST, "berta")
    url = reverse("admin:integrations_delivery_change", args=(delivery.pk,))
    assert "It will be sent within seconds." in refresh(staff, url).content.decode()
    assert "Test event" in refresh(staff, page(endpoint)).content.decode(), "the next page must be live"
    Delivery.objects.update(
        state=DeliveryState.FAILED, tries=10, status=500, error="Answered 500.", excerpt="<b>no</b>"
    )
    shown = staff.get(url).content.decode()
    assert "Answered 500." in shown
    assert "data-over" in shown
    assert "&lt;b&gt;no" in shown
    assert delivery.notice.webhook_id in shown
    assert "Test event" in staff.get(reverse("admin:integrations_delivery_changelist")).content.decode()
    staff.post(reverse("admin:integrations_delivery_replay", args=(delivery.pk,)))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == (DeliveryState.PENDING, 0)
    assert "data-over" not in refresh(staff, url).content.decode()
    assert verbs()[1:] == [Verb.WEBHOOK_TESTED, Verb.WEBHOOK_REPLAYED]


@pytest.mark.parametrize(("minutes", "is_shown"), [(10, True), (-10, False)])
def test_the_page_says_until_when_the_receiver_asked_for_a_pause(
    staff: Client, endpoint: WebhookEndpoint, minutes: int, is_shown: bool
) -> None:
    WebhookEndpoint.objects.update(paused_until=timezone.now() + timedelta(minutes=minutes))
    shown = staff.get(page(endpoint)).content.decode()
    assert ("The receiver asked for a pause" in shown) is is_shown
    assert ("Events are sent as they happen." in shown) is not is_shown


def test_webhook_pages_need_the_permission(client: Client, endpoint: WebhookEndpoint) -> None:
    user = User.objects.create_user("viewer", is_staff=True)
    client.force_login(user)
    delivery = webhooks.send_test(endpoint, actor=ANNA)
    paths = [
        page(endpoint),
        reverse("admin:integrations_webhookendpoint_add"),
        reverse("admin:integrations_webhookendpoint_changelist"),
        reverse("admin:integrations_delivery_changelist"),
        reverse("admin:integrations_delivery_change", args=(delivery.pk,)),
        reverse("admin:integrations_delivery_replay", args=(delivery.pk,)),
        *(action_url(endpoint, name) for name in ("rotate", "end_overlap", "disable", "enable", "test", "change_url")),
    ]
    assert {client.get(path).status_code for path in paths} == {403}


def test_a_limited_person_sees_and_creates_endpoints_of_their_own_organisations_only(
    client: Client, endpoint: WebhookEndpoint
) -> None:
    bella, anna = make_organisation(BELLA), make_organisation("Café Anna")
    make_endpoint(name="own", organisation=bella)
    foreign, _ = make_endpoint(name="foreign", organisation=anna)
    delivery = webhooks.send_test(foreign, actor=ANNA)
    carl = limited(client, bella, "view_webhookendpoint", "add_webhookendpoint", "change_webhookendpoint",
                   "view_delivery", "view_organisation")  # fmt: skip
    listed = carl.get(reverse("admin:integrations_webhookendpoint_changelist")).content.decode()
    assert (">own<" in listed, ">foreign<" in listed, ">CRM<" in listed) == (True, False, False)
    assert carl.get(page(foreign)).status_code == 302
    make_endpoint(name="own too", organisation=bella)
    deliveries = carl.get(reverse("admin:integrations_delivery_changelist")).content.decode()
    assert ("own too" in deliveries, "foreign" in deliveries) == (True, False)
    page_of_foreign = carl.get(reverse("admin:integrations_delivery_changelist"), {"endpoint__id__exact": foreign.pk})
    assert page_of_foreign.context["cl"].result_count == 0
    assert carl.get(action_url(foreign, "rotate")).status_code == 404
    assert carl.get(action_url(endpoint, "rotate")).status_code == 404
    assert carl.get(reverse("admin:integrations_delivery_change", args=(delivery.pk,))).status_code == 302
    assert carl.get(reverse("admin:integrations_delivery_replay", args=(delivery.pk,))).status_code == 404
    add = reverse("admin:integrations_webhookendpoint_add")
    for organisation, why in (
        ("", "Choose one of the organisations that you may see"),
        (anna.pk, "a valid choice"),
    ):
        refused = carl.post(add, FORM | {"name": "new", "organisation": organisation})
        assert why in refused.content.decode()
    assert secret_in(carl.post(add, FORM | {"name": "new", "organisation": bella.pk}))


def make_alert(organisation: Organisation | None, label: str) -> Alert:
    now = timezone.now()
    alert = Alert.objects.create(kind="offline", organisation=organisation, since=now, notify_at=now, notified_at=now)
    AlertMember.objects.create(alert=alert, key=f"offline:{label}", label=label, since=now)
    return alert


def test_alerts_are_listed_and_the_page_says_that_no_email_is_sent(staff: Client) -> None:
    alert = make_alert(make_organisation(), "Trattoria Bella – Harbour")
    listed = staff.get(reverse("admin:integrations_alert_changelist")).content.decode()
    assert "Outlets offline" in listed
    assert "EMAIL_URL is not set" in listed
    shown = staff.get(reverse("admin:integrations_alert_change", args=(alert.pk,))).content.decode()
    assert "Trattoria Bella – Harbour" in shown
    with override_settings(EMAIL_URL="smtp://mail.example.com"):
        assert "EMAIL_URL" not in staff.get(reverse("admin:integrations_alert_changelist")).content.decode()


def test_a_limited_person_sees_alerts_of_their_own_organisations_only(client: Client) -> None:
    bella, anna = make_organisation(BELLA), make_organisation("Café Anna")
    own, foreign, general = (make_alert(each, str(each)) for each in (bella, anna, None))
    carl = limited(client, bella, "view_alert")
    listed = carl.get(reverse("admin:integrations_alert_changelist"))
    assert list(listed.context["cl"].result_list) == [own]
    for each in (foreign, general):
        assert carl.get(reverse("admin:integrations_alert_change", args=(each.pk,))).status_code == 302


def test_recipients_are_added_changed_and_removed_with_audit_events(staff: Client) -> None:
    add = reverse("admin:integrations_alertrecipient_add")
    staff.post(add, {"email": "ops@example.com", "organisation": ""})
    recipient = AlertRecipient.objects.get()
    again = staff.post(add, {"email": "ops@example.com", "organisation": ""}, follow=True).content.decode()
    assert "already" in again
    change = reverse("admin:integrations_alertrecipient_change", args=(recipient.pk,))
    staff.post(change, {"email": "ops@example.com", "organisation": make_organisation().pk})
    staff.post(reverse("admin:integrations_alertrecipient_delete", args=(recipient.pk,)), {"post": "yes"})
    assert not AlertRecipient.objects.exists()
    recorded = AuditEvent.objects.filter(verb__startswith="recipient").order_by("pk").values_list("verb", flat=True)
    assert list(recorded) == [Verb.RECIPIENT_ADDED, Verb.RECIPIENT_CHANGED, Verb.RECIPIENT_REMOVED]


def test_a_limited_person_adds_recipients_of_their_own_organisations_only(client: Client) -> None:
    bella = make_organisation(BELLA)
    carl = limited(client, bella, "view_alertrecipient", "add_alertrecipient", "view_organisation")
    add = reverse("admin:integrations_alertrecipient_add")
    refused = carl.post(add, {"email": "ops@example.com", "organisation": ""})
    assert "Choose one of the organisations that you may see" in refused.content.decode()
    carl.post(add, {"email": "ops@example.com", "organisation": bella.pk})
    assert AlertRecipient.objects.get().organisation == bella


def test_the_outlet_form_accepts_an_alert_limit_and_opening_hours(staff: Client, enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    url = reverse("admin:integrations_outlet_edit", args=(outlet.pk,))
    form = {"organisation": outlet.organisation_id, "name": outlet.name}
    bad = staff.post(url, form | {"alert_after_minutes": 0, "opening_hours": "always", "time_zone": "Vienna"})
    for complaint in ("greater than or equal to 1", "Enter opening hours like", "name of a time zone"):
        assert complaint in bad.content.decode()
    hours = {"alert_after_minutes": 30, "opening_hours": "mon-fri 09:00-23:00", "time_zone": "Europe/Vienna"}
    assert staff.post(url, form | hours).status_code == 302
    assert Outlet.objects.get(pk=outlet.pk).alert_after_minutes == 30
    changed = AuditEvent.objects.latest("pk")
    assert changed.verb == Verb.OUTLET_CHANGED
    assert changed.detail["alert_after_minutes"] == {"before": "", "after": "30"}


def test_lists_and_pages_take_few_queries(staff: Client, enabled: Enabled, django_assert_max_num_queries: Any) -> None:
    endpoint, _ = make_endpoint()
    deliveries = [webhooks.send_test(endpoint, actor=ANNA) for _ in range(30)]
    alert = make_alert(enabled.integration.outlet.organisation, "x")
    for path in (
        reverse("admin:integrations_webhookendpoint_changelist"),
        page(endpoint),
        reverse("admin:integrations_delivery_changelist"),
        reverse("admin:integrations_delivery_change", args=(deliveries[0].pk,)),
        reverse("admin:integrations_alert_changelist"),
        reverse("admin:integrations_alert_change", args=(alert.pk,)),
        reverse("admin:integrations_alertrecipient_changelist"),
    ):
        with django_assert_max_num_queries(10):
            assert staff.get(path).status_code == 200, path
