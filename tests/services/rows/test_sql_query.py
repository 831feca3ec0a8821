"""Queries in plain SQL find the same rows as the ORM, and return values of the same types."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Credential, Presence
from integrations.services.rows.sql_query import SqlQuery
from tests.support.factories import Enabled, make_enabled_outlet


@dataclass
class Found:
    provider_outlet_id: str
    created_at: datetime
    retired_at: datetime | None
    is_current: bool
    has_outlet: bool


SELECT = """
    SELECT outlet.provider_outlet_id, credential.created_at, credential.retired_at, credential.is_current,
        EXISTS (SELECT 1 FROM integrations_outlet) AS has_outlet
    FROM integrations_credential AS credential
    JOIN integrations_integration AS integration ON integration.id = credential.integration_id
    JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
"""
by_outlet = SqlQuery(Found, SELECT + "WHERE outlet.provider_outlet_id {among}")
by_integration_and_outlet = SqlQuery(
    Found,
    SELECT + "WHERE integration.id {among} AND outlet.provider_outlet_id {among}",
)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_query_finds_the_rows_of_a_list_of_any_length(db: None, count: int) -> None:
    outlets = [make_enabled_outlet(f"Outlet {number}").handover.provider_outlet_id for number in range(count)]
    for wanted in (outlets, [*outlets[:-1], "nobody's"]):
        assert sorted(row.provider_outlet_id for row in by_outlet.rows(wanted)) == sorted({*wanted} & {*outlets})


@pytest.mark.parametrize("count", [1, 3])
def test_a_query_by_two_lists_finds_the_rows_that_are_in_both(db: None, count: int) -> None:
    created = [make_enabled_outlet(f"Outlet {number}") for number in range(count)]
    ids, pks = [each.handover.provider_outlet_id for each in created], [each.integration.pk for each in created]
    assert sorted(row.provider_outlet_id for row in by_integration_and_outlet.rows(pks, ids)) == sorted(ids)
    assert by_integration_and_outlet.rows([-1] * count, ids) == []


def test_a_query_takes_more_values_than_a_statement_takes_parameters(
    django_assert_num_queries: Any, enabled: Enabled
) -> None:
    with django_assert_num_queries(1):
        found = by_outlet.rows([*map(str, range(100_000)), enabled.handover.provider_outlet_id])
    assert [row.provider_outlet_id for row in found] == [enabled.handover.provider_outlet_id]


@pytest.mark.parametrize("text", ["it's", '"', "\\", "Caf\u00e9", "a,b", "{a}", "%s", "\U0001f600"])
def test_any_text_is_found_as_it_is(db: None, text: str) -> None:
    make_enabled_outlet("Other")
    outlet = make_enabled_outlet("Harbour").integration.outlet
    outlet.provider_outlet_id = text
    outlet.save()
    assert [row.provider_outlet_id for row in by_outlet.rows(["x", text])] == [text]


def test_a_query_without_values_makes_no_statement(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert by_outlet.rows([]) == []


def test_column_values_have_the_types_of_their_fields(enabled: Enabled) -> None:
    [row] = by_outlet.rows([enabled.handover.provider_outlet_id])
    assert row.created_at == enabled.integration.credentials.get().created_at
    assert timezone.is_aware(row.created_at)
    assert row.retired_at is None
    assert (row.is_current, row.has_outlet) == (True, True)
    assert {type(row.is_current), type(row.has_outlet)} == {bool}


def test_a_uuid_is_read_as_one(enabled: Enabled) -> None:
    @dataclass
    class OfPresence:
        integration_id: int
        process_id: uuid.UUID | None

    process_id = uuid.uuid4()
    sql = f"SELECT integration_id, '{process_id.hex}' AS process_id FROM integrations_presence"  # noqa: S608
    [row] = SqlQuery(OfPresence, f"{sql} WHERE integration_id {{among}}").rows([enabled.integration.pk])
    assert row.process_id in (process_id, process_id.hex)  # PostgreSQL returns the literal as text
    assert Presence.objects.filter(pk=row.integration_id).exists()


def test_columns_in_another_order_than_the_fields_are_refused(enabled: Enabled) -> None:
    @dataclass
    class Swapped:
        key_id: str
        digest: str

    query = SqlQuery(Swapped, "SELECT digest, key_id FROM integrations_credential WHERE id {among}")
    with pytest.raises(TypeError, match=r"digest.*key_id"):
        query.rows([Credential.objects.get().pk])
