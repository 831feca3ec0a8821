"""The migrations match the models, and set SQLite to WAL mode, so readers need not wait for a writer."""

import sqlite3
from datetime import timedelta
from importlib import import_module
from io import StringIO
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from integrations.models import ApiKey, Connection, Integration, Organisation, Outlet, ServerProcess
from integrations.models.api_key import DEFAULT_SCOPES, READING_SCOPES
from integrations.models.attempt import Outcome
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.people.groups import ADMINISTRATOR, OPERATOR, VIEWER
from tests.services.retention.aged_rows import connect
from tests.support.factories import ANNA, NOON, Enabled, make_enabled_outlet
from tests.support.staff.pages import be_refused


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


@pytest.mark.django_db
def test_a_migrated_embedded_database_is_in_wal_mode() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the mode is SQLite's")
    with sqlite3.connect(connection.settings_dict["NAME"]) as another:
        assert another.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    another.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_migrations_can_be_reversed_and_applied_again() -> None:
    call_command("migrate", "integrations", "zero", verbosity=0)
    try:
        assert "integrations_outlet" not in connection.introspection.table_names()
    finally:
        call_command("migrate", verbosity=0)
    assert "integrations_outlet" in connection.introspection.table_names()


@pytest.mark.django_db
def test_each_existing_api_key_keeps_its_abilities() -> None:
    migration = import_module("integrations.migrations.0042_api_key_scopes")
    then = MigrationLoader(None, replace_migrations=False).project_state(("integrations", "0042_api_key_scopes"))
    for is_read_only in (True, False):
        key = then.apps.get_model("integrations", "ApiKey")(name=f"read only: {is_read_only}")
        key.is_read_only = is_read_only
        key.save()
    migration.choose_scopes(then.apps, None)
    assert list(ApiKey.objects.values_list("name", "scopes", "networks")) == [
        ("read only: False", list(DEFAULT_SCOPES), []),
        ("read only: True", list(READING_SCOPES), []),
    ]


@pytest.mark.django_db
def test_a_server_of_the_previous_version_treats_a_new_api_key_as_read_only() -> None:
    create_api_key("Kiosk", actor=ANNA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_read_only FROM integrations_apikey WHERE name = 'Kiosk'")
        assert bool(cursor.fetchone()[0])


@pytest.mark.django_db
def test_the_portals_groups_exist_after_every_migration() -> None:
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == {ADMINISTRATOR, OPERATOR, VIEWER}


@pytest.mark.django_db
def test_listing_the_pending_migrations_changes_nothing() -> None:
    Group.objects.all().delete()
    call_command("migrate", plan=True, stdout=StringIO())
    assert not Group.objects.exists()


@pytest.mark.django_db
def test_older_names_are_normalised_unless_another_row_has_that_name() -> None:
    names = ["Cafe\u0301", "Bella", "Bella\u200b", "B\u00a0B", "A\u200bB"]
    parents = [Organisation.objects.create(name=name) for name in names]
    Outlet.objects.create(organisation=parents[0], name="Har\u00a0bour", provider_outlet_id="{\u00e4}\u200b")
    normalise, fill = (
        import_module(f"integrations.migrations.{name}") for name in ("0024_normalise_names", "0023_fill_match_ids")
    )
    Outlet.objects.update(match_id="")
    editor = SimpleNamespace(connection=connection)
    normalise.normalise_names(apps, editor)
    fill.fill_match_ids(apps, editor)
    found = list(Organisation.objects.order_by("pk").values_list("name", flat=True))
    assert found == ["Caf\u00e9", "Bella", "Bella\u200b", "B B", "A\u200bB"]
    outlet = Outlet.objects.get()
    assert (outlet.name, outlet.provider_outlet_id, outlet.match_id) == ("Har bour", "{\u00e4}\u200b", "{\u00e4}")


@pytest.mark.django_db
def test_two_outlets_with_one_pos_remote_id_in_two_spellings_both_stay() -> None:
    pair = make_enabled_outlet(), make_enabled_outlet("Station")
    ids = ["B90066DE-1A2B-4C3D-8E9F-0123456789AB", "b90066de-1a2b-4c3d-8e9f-0123456789ab"]
    for enabled, text in zip(pair, ids, strict=True):
        Integration.objects.filter(pk=enabled.integration.pk).update(pos_remote_id=text, match_id="")
    fill = import_module("integrations.migrations.0037_fill_pairing_identity")
    fill.fill_match_ids(apps, SimpleNamespace(connection=connection))
    assert list(Integration.objects.order_by("pk").values_list("pos_remote_id", "match_id")) == [
        (ids[0], ids[1]),
        (ids[1], ids[1]),
    ]


def test_the_name_of_an_outlet_in_old_attempts_becomes_a_reference(enabled: Enabled) -> None:
    wrong = Outcome.WRONG_POS_REMOTE_ID
    named = f"The POSRemoteID that was sent is that of outlet {enabled.integration.outlet}."
    rows = [
        be_refused(None, wrong, pos_remote_id="since changed", detail=named),
        be_refused(None, wrong, pos_remote_id=enabled.handover.pos_remote_id, detail=named.replace("Bella", "Renamed")),
        be_refused(None, wrong, pos_remote_id="x", detail="The POSRemoteID that was sent belongs to no outlet here."),
        be_refused(None, Outcome.MALFORMED, detail="It is no JSON."),
    ]
    import_module("integrations.migrations.0030_refer_to_owners").refer(apps, None)
    for row in rows:
        row.refresh_from_db()
    pk = enabled.integration.pk
    assert [(row.pos_remote_id_of_id, row.detail) for row in rows] == [
        (pk, ""), (pk, ""), (None, ""), (None, "It is no JSON."),
    ]  # fmt: skip


def test_only_the_newest_of_several_open_connections_of_an_outlet_stays_open(enabled: Enabled) -> None:
    process = ServerProcess.objects.create(host="here", pid=1, started_at=NOON, heartbeat_at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_connection_per_integration")
    rows = [connect(enabled, NOON + timedelta(hours=hours), None, process) for hours in (1, 2, 0)]
    import_module("integrations.migrations.0055_one_live_connection").restore(
        apps, SimpleNamespace(connection=connection)
    )
    assert list(Connection.objects.filter(closed_at=None)) == [rows[1]]
    with pytest.raises(IntegrityError), transaction.atomic():
        connect(enabled, NOON, None, process)


@pytest.mark.django_db(transaction=True)
def test_people_who_may_see_unrecognised_frames_may_see_them_under_their_new_name() -> None:
    type_of = ContentType.objects.get_or_create(app_label="integrations", model="strayframe")[0]
    name = {"name": "Can view stray frame"}
    former = Permission.objects.get_or_create(content_type=type_of, codename="view_strayframe", defaults=name)[0]
    night_shift, anna = Group.objects.create(name="night shift"), User.objects.create(username="anna")
    night_shift.permissions.add(former)
    anna.user_permissions.add(former)
    migration = import_module("integrations.migrations.0051_unrecognised_frames")
    migration.copy_permission(apps, SimpleNamespace(connection=connection))
    assert anna.has_perm("integrations.view_unrecognisedframe")
    assert night_shift.permissions.filter(codename="view_unrecognisedframe").exists()
    assert night_shift.permissions.filter(pk=former.pk).exists(), "a server of the previous version asks for this one"
