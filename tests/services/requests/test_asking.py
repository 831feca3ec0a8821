"""Services for staff: send a request to a POS, read the checklist's evidence, and disconnect a POS."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from integrations.models import AuditEvent, Connection, Integration, MessageType, Presence, Request
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.errors import InvalidValue
from integrations.services.integration.check_evidence import Evidence, read_evidence
from integrations.services.integration.disconnecting import disconnect
from integrations.services.integration.enabling import change_pos_remote_id, disable, reenable
from integrations.services.integration.errors import NothingToDisconnect
from integrations.services.integration.pairings import HIDDEN, explain
from integrations.services.integration.pos_secrets import rotate_secret
from integrations.services.requests.asking import DEVICE_ID, Question, ask_pos, check_outlet
from integrations.services.requests.contents import Content
from integrations.services.requests.errors import (
    AskedOtherwise,
    MessageTypeUnnumbered,
    NotAsked,
    PosBusy,
    PosNotConnected,
)
from integrations.services.requests.sending import load_open
from tests.support.factories import ANNA, Enabled, make_enabled_outlet
from tests.support.staff.backend_pages import ask as make_request
from tests.support.staff.pages import be_refused, be_seen

pytestmark = pytest.mark.django_db


def question(**changes: Any) -> Question:
    """Return a question; `changes` override fields of the question or of its content."""
    content = Content(1, DEVICE_ID, "4711", '{"a": 1.10}')
    content = content._replace(**{name: changes.pop(name) for name in Content._fields if name in changes})
    return Question(**{"request_id": "r-1", "content": content, **changes})


def be_online(enabled: Enabled) -> Connection:
    return be_seen(enabled.integration, heartbeat_at=timezone.now())


def evidence_of(enabled: Enabled, organisations: frozenset[int] | None = None) -> Evidence:
    integration = Integration.objects.select_related("presence__connection__process").get(pk=enabled.integration.pk)
    return read_evidence(integration, timezone.now(), organisations)


# --- Asking ---


def test_a_request_is_stored_as_typed_with_its_audit_event(enabled: Enabled) -> None:
    be_online(enabled)
    pk = ask_pos(enabled.integration, question(), actor=ANNA)
    row = Request.objects.get(pk=pk)
    assert (row.payload, row.state, row.device_id) == ('{"a": 1.10}', RequestState.QUEUED, "portal")
    (to_be_sent,) = load_open(enabled.integration.pk, 10)
    assert (to_be_sent.content.payload, to_be_sent.content.user_identifier) == ('{"a": 1.10}', "4711")
    assert row.api_key is None
    event = AuditEvent.objects.get(verb=Verb.POS_ASKED)
    assert event.detail == {"message_type": "GetOpenOrders (1)", "request_id": "r-1"}
    assert event.integration_id == enabled.integration.pk


def test_a_form_sent_twice_sends_one_request(enabled: Enabled) -> None:
    be_online(enabled)
    assert ask_pos(enabled.integration, question(), actor=ANNA) == ask_pos(enabled.integration, question(), actor=ANNA)
    assert Request.objects.count() == AuditEvent.objects.filter(verb=Verb.POS_ASKED).count() == 1


def test_the_same_form_with_other_values_sends_nothing(enabled: Enabled) -> None:
    be_online(enabled)
    ask_pos(enabled.integration, question(), actor=ANNA)
    with pytest.raises(AskedOtherwise):
        ask_pos(enabled.integration, question(payload="{}"), actor=ANNA)
    assert Request.objects.count() == 1


def test_nothing_is_sent_to_an_offline_pos(enabled: Enabled) -> None:
    with pytest.raises(PosNotConnected):
        ask_pos(enabled.integration, question(), actor=ANNA)
    assert not Request.objects.exists()
    assert not AuditEvent.objects.filter(verb=Verb.POS_ASKED).exists()


def test_nothing_is_sent_to_a_disabled_outlet(enabled: Enabled) -> None:
    be_online(enabled)
    disable(enabled.integration, reason="A pause", actor=ANNA)
    with pytest.raises(NotAsked):
        ask_pos(enabled.integration, question(), actor=ANNA)


@override_settings(REQUESTS_QUEUED_PER_OUTLET=1)
def test_a_full_queue_accepts_no_request(enabled: Enabled) -> None:
    be_online(enabled)
    ask_pos(enabled.integration, question(), actor=ANNA)
    with pytest.raises(PosBusy):
        ask_pos(enabled.integration, question(request_id="r-2"), actor=ANNA)


def test_the_check_sends_get_open_orders_with_its_own_audit_action(enabled: Enabled) -> None:
    be_online(enabled)
    row = Request.objects.get(pk=check_outlet(enabled.integration, request_id="r-1", actor=ANNA))
    assert (row.message_type, row.payload) == (1, '{"ServiceModeEntityID": "", "UserOrdersOnly": false}')
    assert (row.answer_before - row.received_at).total_seconds() == 20
    assert AuditEvent.objects.get(verb=Verb.OUTLET_CHECKED).detail["request_id"] == "r-1"


def test_the_check_sends_nothing_while_the_number_of_its_message_is_unknown(enabled: Enabled) -> None:
    be_online(enabled)
    MessageType.objects.filter(name="GetOpenOrders").update(number=None)
    with pytest.raises(MessageTypeUnnumbered):
        check_outlet(enabled.integration, request_id="r-1", actor=ANNA)


# --- Disconnecting ---


def test_disconnecting_ends_the_connection_and_voids_nothing(enabled: Enabled) -> None:
    connection = be_online(enabled)
    disconnect(enabled.integration, reason=" Till hangs ", actor=ANNA)
    connection.refresh_from_db()
    assert connection.close_reason == CloseReason.DISCONNECTED
    assert not Presence.objects.get(pk=enabled.integration.pk).is_online
    assert enabled.fresh().generation == enabled.integration.generation
    assert AuditEvent.objects.get(verb=Verb.POS_DISCONNECTED).detail == {"reason": "Till hangs"}


def test_an_offline_pos_cannot_be_disconnected(enabled: Enabled) -> None:
    with pytest.raises(NothingToDisconnect):
        disconnect(enabled.integration, actor=ANNA)
    be_seen(enabled.integration, heartbeat_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(NothingToDisconnect):
        disconnect(enabled.integration, actor=ANNA)
    assert not AuditEvent.objects.filter(verb=Verb.POS_DISCONNECTED).exists()


def test_an_invalid_reason_disconnects_no_pos(enabled: Enabled) -> None:
    connection = be_online(enabled)
    with pytest.raises(InvalidValue):
        disconnect(enabled.integration, reason="two\nlines", actor=ANNA)
    connection.refresh_from_db()
    assert connection.closed_at is None


# --- The evidence ---


def test_events_before_the_last_action_are_not_evidence(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID)
    assert evidence_of(enabled).attempt is not None
    assert evidence_of(enabled).action == "the outlet was enabled"
    change_pos_remote_id(enabled.integration, pos_remote_id="right", actor=ANNA)
    assert (evidence_of(enabled).attempt, evidence_of(enabled).action) == (None, "the POSRemoteID was changed")
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    rotate_secret(enabled.integration, actor=ANNA)
    assert (evidence_of(enabled).attempt, evidence_of(enabled).action) == (None, "the secret was rotated")
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    disable(enabled.integration, reason="A pause", actor=ANNA)
    reenable(enabled.integration, actor=ANNA)
    assert (evidence_of(enabled).attempt, evidence_of(enabled).action) == (None, "the integration was enabled again")


def test_an_undecided_attempt_does_not_hide_an_earlier_decision(enabled: Enabled) -> None:
    decided = be_refused(enabled.integration, Outcome.WRONG_SECRET)
    undecided = be_refused(enabled.integration, Outcome.BUSY)
    assert (evidence_of(enabled).attempt, evidence_of(enabled).undecided) == (decided, undecided)


def test_an_answer_stays_as_evidence_while_the_next_request_is_pending(enabled: Enabled) -> None:
    now = timezone.now()
    answered = make_request(enabled, received_at=now)
    make_request(enabled, "r-2", received_at=now, state=RequestState.SENT, ended_at=None)
    make_request(enabled, "r-3", received_at=now, message_type=12)
    assert evidence_of(enabled).request == answered
    assert evidence_of(enabled).harmless == 1


def test_an_answered_order_counts_if_the_test_request_before_it_was_not_answered(enabled: Enabled) -> None:
    now = timezone.now()
    unanswered = make_request(enabled, "r-1", received_at=now, state=RequestState.EXPIRED)
    assert evidence_of(enabled).request == unanswered
    order = make_request(enabled, "r-2", received_at=now, message_type=12)
    assert evidence_of(enabled).request == order
    later = make_request(enabled, "r-3", received_at=now, state=RequestState.EXPIRED)
    assert evidence_of(enabled).request == later


def test_a_blocked_attempt_does_not_hide_the_one_before_it(enabled: Enabled) -> None:
    wrong = be_refused(enabled.integration, Outcome.WRONG_SECRET)
    blocked = [be_refused(enabled.integration, Outcome.THROTTLED) for _ in range(12)][-1]
    assert (evidence_of(enabled).attempt, evidence_of(enabled).before_block) == (blocked, wrong)


def test_attempts_under_another_id_are_shown_only_to_staff_without_limits(enabled: Enabled) -> None:
    values = {"pos_remote_id": "Bella-Station", "pos_remote_id_of": enabled.integration}
    stranger = be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped", **values)
    assert evidence_of(enabled).under_another_id == stranger
    assert evidence_of(enabled, frozenset({enabled.integration.outlet.organisation_id})).under_another_id is None


def test_the_detail_of_a_wrong_pos_remote_id_names_no_outlet_of_others(enabled: Enabled) -> None:
    harbour = make_enabled_outlet("Harbour")
    detail = "The POSRemoteID that was sent is that of outlet Trattoria Bella – Harbour."
    values = {"pos_remote_id": harbour.handover.pos_remote_id, "pos_remote_id_of": harbour.integration}
    attempt = be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, **values)
    own = frozenset({harbour.integration.outlet.organisation_id})
    for seen, shown in ((None, detail), (own, detail), (frozenset({0}), HIDDEN)):
        attempt.refresh_from_db()
        explain([attempt], seen)
        assert attempt.detail == shown
