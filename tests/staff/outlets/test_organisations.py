"""The page that deletes an organisation says what the deletion includes and what prevents it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Alert, AlertRecipient, FleetSample, Organisation
from integrations.services.api_keys.api_keys import create_api_key
from tests.support.factories import ANNA, make_organisation
from tests.support.notice_factories import make_endpoint
from tests.support.staff.pages import client_of, text


@pytest.fixture
def closed(db: None) -> Organisation:
    """An organisation without outlets that still has an alert, samples of its state, and an alert recipient."""
    organisation, now = make_organisation("Closed"), timezone.now()
    Alert.objects.create(kind="offline", organisation=organisation, since=now, notify_at=now, notified_at=now)
    for hours in range(30):
        FleetSample.objects.create(at=now - timedelta(hours=hours), organisation=organisation, enabled=1, online=1)
    AlertRecipient.objects.create(email="chef@example.com", organisation=organisation)
    return organisation


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def delete_url(organisation: Organisation) -> str:
    return reverse("admin:integrations_organisation_delete", args=(organisation.pk,))


def test_an_organisation_with_former_alerts_is_deleted(closed: Organisation, boss: Client) -> None:
    answer = boss.post(delete_url(closed), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in text(answer)
    assert not Organisation.objects.filter(pk=closed.pk).exists()


def test_the_page_names_the_recipients_that_are_deleted_and_lists_no_records(
    closed: Organisation, boss: Client
) -> None:
    page = text(boss.get(delete_url(closed)))
    assert "chef@example.com" in page
    assert "Organisations: 1 Alert recipients: 1" in page
    assert "Fleet sample" not in page
    assert "Alert: " not in page


def test_the_page_names_the_keys_and_endpoints_that_prevent_the_deletion(closed: Organisation, boss: Client) -> None:
    create_api_key("Web shop", organisation=closed, actor=ANNA)
    make_endpoint(name="CRM", organisation=closed)
    page = text(boss.get(delete_url(closed)))
    assert "API key: Web shop" in page
    assert "Webhook endpoint: CRM" in page
    boss.post(delete_url(closed), {"post": "yes"})
    assert Organisation.objects.filter(pk=closed.pk).exists()


def test_a_person_who_may_not_delete_recipients_does_not_delete_them_with_an_organisation(
    closed: Organisation,
) -> None:
    limited = client_of("view_organisation", "delete_organisation")
    limited.post(delete_url(closed), {"post": "yes"})
    assert Organisation.objects.filter(pk=closed.pk).exists()
