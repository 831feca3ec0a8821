"""Rows written without model objects equal rows written with them."""

import uuid
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from integrations.models import (
    AuditEvent,
    AuthAttempt,
    Connection,
    Credential,
    Outlet,
    Presence,
    Request,
    ServerProcess,
)
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.services.rows import plain_rows
from integrations.services.rows.chunks import CHUNK
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.staff.backend_pages import ask

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ATTEMPT = (
    *("at", "endpoint", "outcome", "integration_id"),
    *("provider_outlet_id", "pos_remote_id", "address", "user_agent"),
)
NAMES = (*ATTEMPT, "detail")
PRESENCE = ("integration_id", "is_online", "since", "last_seen_at", "connection_id")


def attempt_of(enabled: Enabled, outcome: Outcome | None = Outcome.ACCEPTED) -> tuple[Any, ...]:
    return (NOON, PosEndpoint.AUTH, outcome, enabled.integration.pk, "id", "remote", "192.0.2.1", "Till/1", "Ünïcode")


def connection_of(enabled: Enabled) -> Connection:
    process = ServerProcess.objects.create(host="here", pid=1, started_at=NOON, heartbeat_at=NOON)
    return Connection.objects.create(
        integration=enabled.integration,
        credential=enabled.integration.credentials.get(),
        generation=1,
        process=process,
        opened_at=NOON,
    )


def test_a_plain_row_equals_one_saved_by_the_model(enabled: Enabled) -> None:
    plain_rows.insert_rows(AuthAttempt, NAMES, [attempt_of(enabled)])
    row = AuthAttempt.objects.get()
    assert tuple(getattr(row, name) for name in NAMES) == attempt_of(enabled)


def test_inserted_objects_equal_those_saved_by_the_model(enabled: Enabled) -> None:
    def rows() -> list[AuditEvent]:
        detail = {"Ünïcode": [1, None], "is": True}
        refers = {"integration_id": enabled.integration.pk, "subject": "Station", "detail": detail}
        return [AuditEvent(at=NOON, verb=Verb.ENABLED, actor_name=name, **refers) for name in ("Anna", "Otto")]

    plain_rows.insert_objects(rows())
    for row in rows():
        row.save()
    names = [field.attname for field in AuditEvent._meta.concrete_fields if not field.primary_key]
    stored = list(AuditEvent.objects.filter(subject="Station").order_by("id").values_list(*names))
    assert len(stored) == 4
    assert stored[:2] == stored[2:]


def test_new_objects_get_the_primary_keys_of_their_rows(outlet: Outlet) -> None:
    new = [Outlet(organisation=outlet.organisation, name=f"Outlet {number}") for number in range(CHUNK + 1)]
    plain_rows.insert_with_keys(new, unique="provider_outlet_id")
    assert {each.pk: each.name for each in new} == dict(Outlet.objects.exclude(pk=outlet.pk).values_list("pk", "name"))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2))])
@pytest.mark.parametrize("microsecond", [0, 1])
def test_a_timestamp_is_written_as_the_model_writes_it(enabled: Enabled, zone: tzinfo, microsecond: int) -> None:
    at = NOON.replace(microsecond=microsecond).astimezone(zone)
    plain_rows.insert_rows(AuthAttempt, NAMES, [(at, *attempt_of(enabled)[1:])])
    AuthAttempt.objects.create(**dict(zip(NAMES, attempt_of(enabled), strict=True)) | {"at": at})
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(at AS TEXT) FROM integrations_authattempt")
        ours, djangos = cursor.fetchall()
    assert ours == djangos


def test_the_fast_conversion_of_timestamps_equals_the_one_that_other_databases_use() -> None:
    moments = [NOON, NOON.replace(microsecond=1), NOON.astimezone(timezone(timedelta(hours=2))), None]
    assert plain_rows._moments(moments) == plain_rows._moments_in_utc(moments)


def test_a_row_that_the_database_rejects_raises_its_error(enabled: Enabled) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        plain_rows.insert_rows(AuthAttempt, NAMES, [attempt_of(enabled), attempt_of(enabled, outcome=None)])
    assert not AuthAttempt.objects.exists()


@pytest.mark.parametrize("count", [1, 2, 131])
def test_new_rows_are_inserted_in_order_and_repeats_are_skipped(enabled: Enabled, count: int) -> None:
    first = ask(enabled, "r-0")
    names = [field.attname for field in Request._meta.concrete_fields if not field.primary_key]
    template = {name: getattr(first, name) for name in names}
    wanted = [template | {"uuid": uuid.uuid4(), "request_id": f"r-{number}"} for number in range(count + 1)]
    rows = [tuple(each.values()) for each in (*wanted, wanted[-1] | {"uuid": uuid.uuid4()})]
    plain_rows.insert_new_rows(Request, names, rows)
    stored = Request.objects.exclude(pk=first.pk).order_by("pk")
    assert [{name: getattr(row, name) for name in names} for row in stored] == wanted[1:]


def test_without_rows_no_statement_is_executed(db: None) -> None:
    plain_rows.insert_rows(AuthAttempt, NAMES, [])
    plain_rows.insert_new_rows(AuthAttempt, NAMES, [])
    plain_rows.update_rows(Connection, {})


def test_an_existing_row_is_updated_only_in_the_named_columns(enabled: Enabled) -> None:
    connection = connection_of(enabled)
    row = (enabled.integration.pk, True, NOON, NOON + timedelta(seconds=1), connection.pk)
    plain_rows.insert_rows(Presence, PRESENCE, [row], key="integration_id", update=["is_online", "connection_id"])
    presence = Presence.objects.get(integration=enabled.integration)
    assert (presence.is_online, presence.connection_id) == (True, connection.pk)
    assert presence.last_seen_at is None


def test_an_update_changes_the_named_rows_and_ignores_missing_ones(enabled: Enabled) -> None:
    connection = connection_of(enabled)
    changed = {"closed_at": NOON, "close_reason": CloseReason.BY_POS}
    plain_rows.update_rows(Connection, dict.fromkeys((connection.pk, uuid.uuid4()), changed))
    connection.refresh_from_db()
    assert (connection.closed_at, connection.close_reason) == (NOON, CloseReason.BY_POS)
    assert Connection.objects.count() == 1


def test_a_timestamp_is_set_only_on_the_named_rows(enabled: Enabled) -> None:
    other = make_enabled_outlet("Mill")
    credential = enabled.integration.credentials.get()
    plain_rows.stamp_rows(Credential, "last_used_at", NOON, [credential.pk])
    credential.refresh_from_db()
    assert credential.last_used_at == NOON
    assert other.integration.credentials.get().last_used_at is None
