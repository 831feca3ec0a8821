"""Replaces the outlet's name in the details of a wrong POSRemoteID by a reference, and erases the name."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STEP = 500
BEFORE, AFTER = "The POSRemoteID that was sent is that of outlet ", "."


def refer(apps: StateApps, _schema: BaseDatabaseSchemaEditor) -> None:
    """Refer to the owners in several short transactions, because the table may be large and each one locks it."""
    attempts = apps.get_model("integrations", "AuthAttempt").objects
    rows = attempts.filter(outcome="wrong_pos_remote_id").exclude(detail="")
    names = _Names(apps)
    after = 0
    while some := list(rows.filter(pk__gt=after).order_by("pk")[:STEP]):
        for row in some:
            row.pos_remote_id_of_id, row.detail = names.find(row), ""
        attempts.bulk_update(some, ["pos_remote_id_of", "detail"])
        after = some[-1].pk


class _Names:
    """Finds an integration by the name in a detail, else by the POSRemoteID that was sent."""

    def __init__(self, apps: StateApps) -> None:
        rows = apps.get_model("integrations", "Integration").objects.order_by()
        columns = ("outlet__organisation__name", "outlet__name", "pos_remote_id", "pk")
        self._by_name: dict[str, int] = {}
        self._by_id: dict[str, int] = {}
        for organisation, outlet, pos_remote_id, pk in rows.values_list(*columns).iterator():
            self._by_name[f"{BEFORE}{organisation} – {outlet}{AFTER}"[:300]] = pk  # noqa: RUF001  (as it is stored)
            self._by_id[pos_remote_id] = pk

    def find(self, row: Any) -> int | None:
        if not row.detail.startswith(BEFORE):
            return None
        return self._by_name.get(row.detail) or self._by_id.get(row.pos_remote_id)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integrations", "0029_pos_remote_id_of")]

    operations = [migrations.RunPython(refer, migrations.RunPython.noop)]
