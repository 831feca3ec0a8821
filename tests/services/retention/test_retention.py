"""Rows past their retention period are deleted in small batches; rows that are still needed are kept."""

import asyncio
import re
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import generate_latest

from integrations.models import (
    AnsweredCall,
    ApiKey,
    AuditEvent,
    AuthAttempt,
    Connection,
    Presence,
    Request,
    ServerProcess,
    UnrecognisedFrame,
)
from integrations.models.audit import AuditRowIsFinal
from integrations.models.request import RequestState
from integrations.models.retention import RecordKind
from integrations.services import metrics
from integrations.services.retention import redacting, retention, tidying
from integrations.text.moments import iso
from portal.serving import chores
from tests.services.retention.aged_rows import (
    ALL_FOR_EVER,
    MOMENT,
    PAYLOAD,
    ROW,
    VISIT,
    ask,
    attempt,
    audit_event,
    connect,
    prune,
    remaining_pks,
    unrecognised_frame,
)
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.factories import NOON, Enabled, make_process
from tests.support.in_process import InProcess, in_main

pytestmark = pytest.mark.django_db


# --- Requests


def test_payload_and_answer_are_deleted_after_their_days_and_the_row_records_when(enabled: Enabled) -> None:
    old, newer = ask(enabled, NOON - PAYLOAD - MOMENT, error_message="No"), ask(enabled, NOON - PAYLOAD + MOMENT)
    prune(RecordKind.PAYLOADS)
    old.refresh_from_db()
    newer.refresh_from_db()
    assert (old.payload, old.answer, old.sealed_answer, old.content_pruned_at) == ("", None, None, NOON)
    assert (old.state, old.error_message) == (RequestState.ANSWERED, "No")
    assert newer.sealed_answer
    assert newer.content_pruned_at is None


def test_a_request_row_is_deleted_after_its_days(enabled: Enabled) -> None:
    ask(enabled, NOON - ROW - MOMENT)
    newer = ask(enabled, NOON - ROW + MOMENT)
    prune(RecordKind.REQUESTS)
    assert remaining_pks(Request) == [newer.pk]


def test_an_open_request_is_never_touched_however_old(enabled: Enabled) -> None:
    row = ask(enabled, None)
    for kind in RecordKind:
        prune(kind)
    (kept,) = Request.objects.all()
    assert (kept.pk, kept.payload, kept.sealed_request) == (row.pk, row.payload, row.sealed_request)


def test_a_batch_is_limited_to_its_maximum_size(enabled: Enabled) -> None:
    for day in range(7):
        ask(enabled, NOON - ROW - timedelta(days=day + 1))
    assert retention.prune_batch(RecordKind.REQUESTS, NOON)
    assert Request.objects.count() == 4
    # The oldest rows are deleted first.
    assert not Request.objects.filter(ended_at__lt=NOON - ROW - timedelta(days=4)).exists()
    assert retention.prune_batch(RecordKind.REQUESTS, NOON)
    assert not retention.prune_batch(RecordKind.REQUESTS, NOON)
    assert Request.objects.count() == 0


def test_due_rows_are_found_by_an_index(enabled: Enabled) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a plan of PostgreSQL's depends on its statistics")
    queries = {kind.value: retention.RULES[kind].due(NOON) for kind in RecordKind} | {"to redact": redacting.due()}
    for name, rows in queries.items():
        plan = rows.explain()
        assert re.search(r"SEARCH \w+ USING (COVERING )?INDEX", plan), f"{name}: {plan}"
        assert "SCAN" not in plan, f"{name}: {plan}"
        assert "TEMP B-TREE" not in plan, f"{name}: {plan}"


# --- Connections and attempts


def test_ended_connections_are_deleted_with_processes_that_hold_no_others(enabled: Enabled) -> None:
    first, second = make_process(heartbeat_at=NOON - VISIT * 2), make_process(heartbeat_at=NOON - VISIT * 2)
    connect(enabled, NOON - VISIT * 2, NOON - VISIT - MOMENT, first)
    last = connect(enabled, NOON - VISIT - MOMENT, NOON - VISIT + MOMENT, second)
    prune(RecordKind.CONNECTIONS)
    prune(RecordKind.PROCESSES)
    assert remaining_pks(Connection) == [last.pk]
    assert remaining_pks(ServerProcess) == [second.pk]


def test_the_last_connection_of_an_integration_and_open_ones_are_never_deleted(enabled: Enabled) -> None:
    process = make_process(heartbeat_at=NOON)
    last = connect(enabled, NOON - VISIT * 3, NOON - VISIT * 2, process)
    prune(RecordKind.CONNECTIONS)
    assert remaining_pks(Connection) == [last.pk]
    still_open = connect(enabled, NOON - VISIT * 2, None, process)
    prune(RecordKind.CONNECTIONS)
    assert remaining_pks(Connection) == [still_open.pk]


def test_the_connection_that_presence_names_is_kept_even_if_newer_ones_exist(enabled: Enabled) -> None:
    process = make_process(heartbeat_at=NOON)
    named = connect(enabled, NOON - VISIT * 3, NOON - VISIT * 3, process)
    newest = connect(enabled, NOON - VISIT * 2, NOON - VISIT * 2, process)
    Presence.objects.filter(pk=enabled.integration.pk).update(connection=named)
    prune(RecordKind.CONNECTIONS)
    assert set(remaining_pks(Connection)) == {named.pk, newest.pk}
    assert Presence.objects.get(pk=enabled.integration.pk).connection_id == named.pk


def test_attempts_are_deleted_with_connections_and_unrecognised_frames_with_payloads(enabled: Enabled) -> None:
    attempt(NOON - VISIT - MOMENT)
    unrecognised_frame(enabled, NOON - PAYLOAD - MOMENT)
    kept = attempt(NOON - VISIT + MOMENT), unrecognised_frame(enabled, NOON - PAYLOAD + MOMENT)
    for kind in RecordKind:
        prune(kind)
    assert (remaining_pks(AuthAttempt), remaining_pks(UnrecognisedFrame)) == ([kept[0].pk], [kept[1].pk])


# --- Audit events


@ALL_FOR_EVER
def test_an_expired_session_is_deleted_whatever_the_retention_settings() -> None:
    for name, expires in (("old", NOON - MOMENT), ("present", NOON + MOMENT)):
        Session.objects.create(session_key=name, session_data="", expire_date=expires)
    assert retention.due(NOON)[RecordKind.SESSIONS] == 1
    retention.prune_batch(RecordKind.SESSIONS, NOON)
    assert [session.session_key for session in Session.objects.all()] == ["present"]


@ALL_FOR_EVER
def test_the_answer_to_an_idempotent_call_is_deleted_when_it_expires() -> None:
    key = ApiKey.objects.create(name="kiosk")
    for name, expires in (("old", NOON - MOMENT), ("present", NOON + MOMENT)):
        AnsweredCall.objects.create(api_key=key, idempotency_key=name, expires_at=expires)
    retention.prune_batch(RecordKind.ANSWERED_CALLS, NOON)
    assert [each.idempotency_key for each in AnsweredCall.objects.all()] == ["present"]


def test_audit_events_are_kept_for_ever_unless_settings_limit_them(enabled: Enabled) -> None:
    old = audit_event(NOON - timedelta(days=4000))
    prune(RecordKind.AUDIT)
    assert AuditEvent.objects.filter(pk=old.pk).exists()
    with override_settings(KEEP_AUDIT_DAYS=3999):
        prune(RecordKind.AUDIT)
    assert not AuditEvent.objects.filter(pk=old.pk).exists()
    assert AuditEvent.objects.exists()  # the factories have recorded newer events


def test_nothing_but_retention_deletes_an_audit_event(enabled: Enabled) -> None:
    with pytest.raises(AuditRowIsFinal):
        AuditEvent.objects.all().delete()
    with pytest.raises(AuditRowIsFinal):
        AuditEvent.objects.latest("pk").delete()
    assert AuditEvent.objects.forget(before=NOON - ROW, limit=3) == 0


# --- Records kept for ever


@ALL_FOR_EVER
def test_zero_days_means_for_ever(enabled: Enabled) -> None:
    kept = ask(enabled, NOON - ROW * 40), attempt(NOON - ROW * 40), unrecognised_frame(enabled, NOON - ROW * 40)
    for kind in RecordKind:
        prune(kind)
    assert (remaining_pks(Request), remaining_pks(AuthAttempt), remaining_pks(UnrecognisedFrame)) == (
        [kept[0].pk],
        [kept[1].pk],
        [kept[2].pk],
    )
    assert Request.objects.get().payload


# --- Chores


def test_retention_is_one_of_the_chores() -> None:
    assert any(chore.run is tidying.run for chore in chores.ALL)


def test_what_is_pruned_is_counted_by_kind(enabled: Enabled) -> None:
    before = _counted("attempts")
    for _ in range(4):
        attempt(NOON - VISIT - MOMENT)
    prune(RecordKind.ATTEMPTS)
    assert _counted("attempts") == before + 4


def test_an_idle_run_makes_one_short_query_for_each_kind(enabled: Enabled) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for kind in RecordKind:
            retention.prune_batch(kind, NOON)
    selects = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    # There is one query for each kind except audit events, which are kept for ever.
    assert len(selects) == len(RecordKind) - 1


def _counted(kind: str) -> float:
    text = generate_latest(metrics.REGISTRY).decode()
    (line,) = [line for line in text.splitlines() if line.startswith(f'onp_pruned_rows_total{{kind="{kind}"}}')]
    return float(line.rpartition(" ")[2])


class Chores(InProcess):
    async def test_a_run_redacts_and_prunes_but_leaves_open_requests(self) -> None:
        outlet, long_ago = await make_outlet(), NOON - timedelta(days=2000)
        for _ in range(4):
            await in_main(attempt, long_ago)
        await in_main(ask, outlet, long_ago)
        recent = await in_main(ask, outlet, timezone.now(), payload='{"PIN": "73519"}', is_redacted=False)
        still_open = await in_main(ask, outlet, None)
        await tidying.run()
        assert await in_main(AuthAttempt.objects.count) == 0
        assert await in_main(remaining_pks, Request) == [recent.pk, still_open.pk]
        await in_main(recent.refresh_from_db)
        assert recent.payload == '{"PIN": "[redacted]"}'

    @mock.patch.object(tidying, "WORK", 0.0)
    async def test_a_run_with_little_time_does_one_batch_of_each_kind(self) -> None:
        for _ in range(4):
            await in_main(attempt, NOON - timedelta(days=2000))
        for count in (1, 0):
            await tidying.run()
            assert await in_main(AuthAttempt.objects.count) == count

    async def test_a_request_whose_answer_was_pruned_is_recognised_and_says_so(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, '{"PIN": "1"}', request_id="r"))
            pos.answers(await pos.next_frame(), '{"PIN": "2"}')
            first = await asking
            row = await in_main(Request.objects.get)
            later = row.received_at + timedelta(days=15)
            assert not await in_main(retention.prune_batch, RecordKind.PAYLOADS, later)
            again = await backend.ask(outlet, '{"PIN": "1"}', request_id="r")
            shown = (await backend.get(f"requests/{row.uuid}")).json()
            other = await backend.ask(outlet, '{"PIN": "3"}', request_id="r")
            assert not pos.has_more()
        assert first.json() | {"payload": None, "content_pruned_at": iso(later)} == again.json()
        assert (shown["payload"], shown["answer"], shown["state"]) == (None, None, "answered")
        assert shown["content_pruned_at"]
        assert other.status == 409

    async def test_a_request_id_whose_row_was_pruned_is_free_again(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(ask, outlet, NOON - timedelta(days=2000), request_id="r")
        await tidying.run()
        answer = await backend.ask(outlet, '{"other": 1}', request_id="r", mode="async", expires_in=60)
        assert answer.status == 202
