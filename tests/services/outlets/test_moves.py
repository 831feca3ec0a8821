"""The audit pages about an outlet's move name only the organisations that the viewer may see."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, Organisation
from integrations.models.audit import Verb
from integrations.services.audit import record
from integrations.services.outlets.outlets import delete_organisation, save_outlet
from tests.support.factories import ANNA, BELLA, make_organisation, make_outlet
from tests.support.staff.pages import text
from tests.support.staff.world import THEIRS, make_limited

LIST = reverse("admin:integrations_auditevent_changelist")


@pytest.fixture
def moved(db: None) -> AuditEvent:
    outlet = make_outlet("Harbour", organisation=THEIRS)
    outlet.organisation = make_organisation(BELLA)
    save_outlet(outlet, actor=ANNA)
    return AuditEvent.objects.latest("pk")


def pages_for(client: Client, person: User, event: AuditEvent) -> list[str]:
    client.force_login(person)
    one = reverse("admin:integrations_auditevent_change", args=(event.pk,))
    return [text(client.get(url)) for url in (LIST, one)]


def test_the_event_holds_no_name(moved: AuditEvent) -> None:
    before, after = (Organisation.objects.get(name=name).pk for name in (THEIRS, BELLA))
    assert moved.verb == Verb.OUTLET_CHANGED
    assert moved.detail == {"organisation": {"before": before, "after": after}}


def test_each_viewer_sees_only_the_names_of_visible_organisations(client: Client, moved: AuditEvent) -> None:
    for page in pages_for(client, User.objects.create_superuser("boss"), moved):
        assert f"organisation: {THEIRS} → {BELLA}" in page
    for page in pages_for(client, make_limited(make_organisation(BELLA)), moved):
        assert f"organisation: another organisation → {BELLA}" in page
        assert THEIRS not in page


def test_an_event_of_an_older_version_is_shown_in_the_same_way(client: Client, moved: AuditEvent) -> None:
    sides: Any = {"before": THEIRS, "after": BELLA}
    older = record(Verb.OUTLET_CHANGED, make_outlet("Station"), actor=ANNA, organisation=sides)
    for page in pages_for(client, User.objects.create_superuser("boss"), older):
        assert f"organisation: {THEIRS} → {BELLA}" in page
    for page in pages_for(client, make_limited(make_organisation(BELLA)), older):
        assert f"organisation: another organisation → {BELLA}" in page
        assert THEIRS not in page


def test_a_deleted_organisation_is_shown_as_deleted(client: Client, moved: AuditEvent) -> None:
    delete_organisation(Organisation.objects.get(name=THEIRS), actor=ANNA)
    for page in pages_for(client, User.objects.create_superuser("boss"), moved):
        assert f"organisation: an organisation that was deleted → {BELLA}" in page
