"""Enabling, disabling and rotating cause events, for staff, API keys and shell commands alike."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Notice, Organisation
from integrations.models.api_key import Scope
from integrations.models.notices.notice import NoticeKind
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.audit import Actor
from integrations.services.integration import enabling, pos_secrets
from integrations.services.notices import event_detection
from tests.support.factories import ANNA, NOON, Enabled, make_enabled_outlet, make_organisation
from tests.support.notice_factories import make_endpoint

pytestmark = pytest.mark.django_db
KINDS = [NoticeKind.OUTLET_ENABLED, NoticeKind.OUTLET_DISABLED, NoticeKind.SECRET_ROTATED]
BACK_OFFICE = Actor.api_key("Back office", address="192.0.2.7")


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def events_without_outlet() -> list[tuple[str, dict[str, Any]]]:
    """Return all events, without the members that name the outlet."""
    event_detection.poll()
    rows = Notice.objects.order_by("pk")
    return [(row.kind, {name: row.data[name] for name in row.data if name not in OF_OUTLET}) for row in rows]


OF_OUTLET = ("organisation", "outlet")


def subscribe(organisation: Organisation | None = None, kinds: list[NoticeKind] = KINDS) -> None:
    make_endpoint(name=f"CRM {len(kinds)} {organisation}", kinds=kinds, organisation=organisation)
    event_detection.poll()


def test_each_change_of_an_outlet_is_reported_with_who_made_it(django_user_model: type[User]) -> None:
    subscribe()
    integration = make_enabled_outlet().integration
    berta = django_user_model.objects.create_user("berta")
    enabling.disable(integration, reason="closed", actor=Actor("berta", berta))
    enabling.reenable(integration, actor=Actor.shell("anna"))
    enabling.disable(integration, reason="closed again", actor=BACK_OFFICE)
    remote_id = {"pos_remote_id": "Bella-Harbour"}
    assert events_without_outlet() == [
        ("outlet.enabled", remote_id | {"is_first_time": True, "by": "portal"}),
        ("outlet.disabled", {"reason": "closed", "by": "staff"}),
        ("outlet.enabled", remote_id | {"is_first_time": False, "by": "shell"}),
        ("outlet.disabled", {"reason": "closed again", "by": "api_key"}),
    ]


def test_a_rotation_is_reported_with_the_end_of_the_overlap_and_never_a_secret(enabled: Enabled, clock: Any) -> None:
    subscribe()
    secrets = [enabled.handover.auth_secret]
    secrets.append(pos_secrets.rotate_secret(enabled.integration, actor=BACK_OFFICE).auth_secret)
    event_detection.poll()
    clock.shift(timedelta(minutes=1))
    secrets.append(pos_secrets.rotate_secret(enabled.integration, overlap="24h", actor=BACK_OFFICE).auth_secret)
    event_detection.poll()
    clock.shift(timedelta(minutes=1))
    secrets.append(pos_secrets.replace_unused_secret(enabled.integration, actor=BACK_OFFICE).auth_secret)
    event_detection.poll()
    rows = Notice.objects.order_by("pk")
    assert [row.kind for row in rows] == [NoticeKind.SECRET_ROTATED] * 3
    day_later = "2026-03-02T12:01:00Z"
    assert [row.data["overlap_ends_at"] for row in rows] == [None, day_later, day_later]
    text = json.dumps([row.data for row in rows])
    assert not [secret for secret in secrets if secret[:10] in text]


def test_shell_commands_cause_the_same_events(enabled: Enabled) -> None:
    subscribe()
    call_command("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "closed")
    assert events_without_outlet() == [("outlet.disabled", {"reason": "closed", "by": "shell"})]


def test_changes_of_many_outlets_are_reported_in_their_order(enabled: Enabled, clock: Any) -> None:
    subscribe()
    integrations = [make_enabled_outlet(f"Outlet {number:03}").integration for number in range(30)]
    enabling.disable_many(integrations, reason="closed", actor=ANNA)
    event_detection.poll()
    rows = Notice.objects.filter(kind=NoticeKind.OUTLET_DISABLED).order_by("pk")
    names = [row.data["outlet"]["name"] for row in rows]
    assert names == [f"Outlet {number:03}" for number in range(30)]


def test_each_subscriber_gets_the_kinds_and_the_organisation_that_it_chose(enabled: Enabled) -> None:
    subscribe(make_organisation("Café Anna"), [NoticeKind.OUTLET_DISABLED])
    subscribe(enabled.integration.outlet.organisation, [NoticeKind.SECRET_ROTATED])
    enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    pos_secrets.rotate_secret(enabled.integration, actor=ANNA)
    assert [kind for kind, _ in events_without_outlet()] == ["secret.rotated"]


def test_changes_that_no_subscriber_wants_do_not_delay_later_ones(enabled: Enabled, monkeypatch: Any) -> None:
    monkeypatch.setattr(event_detection, "BATCH", 2)
    monkeypatch.setattr(event_detection, "BATCHES_PER_POLL", 1)
    subscribe(kinds=[NoticeKind.OUTLET_DISABLED])
    for number in range(5):
        make_enabled_outlet(f"Outlet {number}")
    enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    assert [kind for kind, _ in events_without_outlet()] == ["outlet.disabled"]


def test_a_change_between_the_creation_of_a_subscriber_and_the_next_poll_is_reported(enabled: Enabled) -> None:
    create_api_key("Onboarding", scopes=[Scope.EVENTS_READ], actor=ANNA)
    enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    assert [kind for kind, _ in events_without_outlet()] == ["outlet.disabled"]


def test_a_change_before_the_subscriber_existed_is_not_reported(enabled: Enabled, clock: Any) -> None:
    enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    clock.shift(timedelta(seconds=1))
    subscribe()
    assert events_without_outlet() == []


def test_a_change_of_an_outlet_costs_no_query_for_its_event(enabled: Enabled) -> None:
    with CaptureQueriesContext(connection) as without:
        enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    enabling.reenable(enabled.integration, actor=ANNA)
    subscribe()
    with CaptureQueriesContext(connection) as subscribed:
        enabling.disable(enabled.integration, reason="closed", actor=ANNA)
    assert len(subscribed) == len(without)
