"""Audit events record actor, action, time and address, hold no secret, and cannot be changed."""

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import transaction

from integrations.models import AuditEvent
from integrations.models.audit import AuditRowIsFinal, Verb
from integrations.services.audit import Actor, record
from integrations.services.integration.enabling import change_pos_remote_id, disable, enable_outlet, reenable
from integrations.services.integration.errors import AlreadyDisabled
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from tests.support.factories import ADOPTED, ANNA, NOON, Enabled, make_enabled_outlet, make_outlet

pytestmark = pytest.mark.django_db


def latest() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def test_an_event_names_the_actor_action_time_address_and_subject() -> None:
    user = User.objects.create_user("berta")
    with time_machine.travel(NOON, tick=False):
        enabled = make_enabled_outlet()
        disable(enabled.integration, reason="pause", actor=Actor("berta", user, "192.0.2.20"))
    event = latest()
    assert (event.verb, event.actor_id, event.actor_name, event.address) == (
        Verb.DISABLED, user.pk, "berta", "192.0.2.20",
    )  # fmt: skip
    assert event.at == NOON
    outlet = enabled.integration.outlet
    assert (event.organisation_id, event.outlet_id, event.integration_id) == (
        outlet.organisation_id, outlet.pk, enabled.integration.pk,
    )  # fmt: skip
    assert event.subject == "Trattoria Bella \u2013 Harbour"
    assert event.detail == {"reason": "pause"}


def test_a_person_at_a_shell_has_a_name_but_no_user_and_no_address(enabled: Enabled) -> None:
    disable(enabled.integration, reason="pause", actor=Actor("shell: root"))
    assert (latest().actor_id, latest().actor_name, latest().address) == (None, "shell: root", "")


def test_a_very_long_actor_name_is_cut_and_does_not_stop_the_action(enabled: Enabled) -> None:
    disable(enabled.integration, reason="pause", actor=Actor("x" * 500))
    assert latest().actor_name == "x" * 200


def test_the_longest_names_fit_into_the_subject() -> None:
    enable_outlet(make_outlet("o" * 200, organisation="b" * 200), pos_remote_id="r", actor=ANNA)
    assert len(latest().subject) == 403
    latest().clean_fields(exclude=["actor"])


def test_every_action_records_an_event() -> None:
    enabled = make_enabled_outlet(adopted_secret=ADOPTED)
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    end_overlap(enabled.integration, actor=ANNA)
    change_pos_remote_id(enabled.integration, pos_remote_id="other", actor=ANNA)
    disable(enabled.integration, reason="pause", actor=ANNA)
    reenable(enabled.integration, reason="back", actor=ANNA)
    assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True)) == [
        Verb.ORGANISATION_CREATED,
        Verb.OUTLET_CREATED,
        Verb.ENABLED,
        Verb.SECRET_ADOPTED,
        Verb.SECRET_ROTATED,
        Verb.OVERLAP_ENDED,
        Verb.POS_REMOTE_ID_CHANGED,
        Verb.DISABLED,
        Verb.REENABLED,
    ]


def test_no_event_holds_a_secret(enabled: Enabled) -> None:
    secrets = [enabled.handover.auth_secret]
    secrets.append(rotate_secret(enabled.integration, overlap="1h", actor=ANNA).auth_secret)
    end_overlap(enabled.integration, actor=ANNA)
    secrets.append(make_enabled_outlet("Airport", adopted_secret=ADOPTED).handover.auth_secret)
    rows = repr(list(AuditEvent.objects.values()))
    assert [secret for secret in secrets if secret in rows or secret[11:] in rows] == []


def test_an_event_is_rolled_back_with_its_action(enabled: Enabled) -> None:
    before = AuditEvent.objects.count()
    with transaction.atomic():
        disable(enabled.integration, reason="pause", actor=ANNA)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == before


def test_an_action_is_rolled_back_when_its_event_cannot_be_written(enabled: Enabled) -> None:
    actor = Actor("anna", address="\ud800")  # a text that every database rejects
    with pytest.raises(ValueError, match="surrogates"):
        disable(enabled.integration, reason="pause", actor=actor)
    assert enabled.fresh().is_enabled


def test_a_refused_action_records_no_event(enabled: Enabled) -> None:
    disable(enabled.integration, reason="pause", actor=ANNA)
    before = AuditEvent.objects.count()
    with pytest.raises(AlreadyDisabled):
        disable(enabled.integration, reason="pause", actor=ANNA)
    assert AuditEvent.objects.count() == before


def test_an_event_cannot_be_changed(enabled: Enabled) -> None:
    event = latest()
    event.actor_name = "nobody"
    with pytest.raises(AuditRowIsFinal):
        event.save()
    with pytest.raises(AuditRowIsFinal):
        AuditEvent.objects.update(actor_name="nobody")
    with pytest.raises(AuditRowIsFinal):
        AuditEvent.objects.filter(pk=event.pk).update(actor_name="nobody")
    with pytest.raises(AuditRowIsFinal), transaction.atomic():
        AuditEvent.objects.bulk_update([event], ["actor_name"])
    assert latest().actor_name == "anna"


def test_an_event_cannot_be_deleted(enabled: Enabled) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(AuditRowIsFinal):
        latest().delete()
    with pytest.raises(AuditRowIsFinal):
        AuditEvent.objects.all().delete()
    assert AuditEvent.objects.count() == before


def test_an_event_cannot_be_replaced_by_another_with_its_number(enabled: Enabled) -> None:
    with pytest.raises(AuditRowIsFinal):
        AuditEvent(pk=latest().pk, verb=Verb.DISABLED, actor_name="nobody", subject="nothing").save()
    with pytest.raises(AuditRowIsFinal), transaction.atomic():
        AuditEvent.objects.bulk_create(
            [AuditEvent(pk=latest().pk, at=NOON, verb=Verb.DISABLED, actor_name="nobody", subject="nothing")],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["actor_name"],
        )
    assert latest().actor_name == "anna"


def test_an_event_outlives_its_user(enabled: Enabled) -> None:
    user = User.objects.create_user("berta")
    disable(enabled.integration, reason="pause", actor=Actor("berta", user))
    user.delete()
    assert latest().actor_name == "berta"


def test_an_event_outlives_its_subject() -> None:
    outlet = make_outlet()
    number = outlet.pk
    outlet.delete()
    assert latest().outlet_id == number
    assert str(latest()) == "anna created the outlet: Trattoria Bella \u2013 Harbour"


def test_an_event_about_an_organisation_names_no_outlet() -> None:
    outlet = make_outlet()
    event = record(Verb.ORGANISATION_CHANGED, outlet.organisation, actor=ANNA, name="new")
    assert (event.organisation_id, event.outlet_id, event.integration_id) == (outlet.organisation_id, None, None)
