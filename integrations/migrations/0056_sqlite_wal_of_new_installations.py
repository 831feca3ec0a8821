"""Let readers and the writer of an embedded database work side by side. The database file keeps this mode.

Migration 0002 does the same for installations that are older than `0001_squashed_0054`.
"""

from django.db import migrations


def use_wal(_apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")


class Migration(migrations.Migration):
    atomic = False  # the mode cannot change inside a transaction
    dependencies = [("integrations", "0055_one_live_connection")]
    operations = [migrations.RunPython(use_wal, migrations.RunPython.noop)]
