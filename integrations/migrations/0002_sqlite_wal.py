"""Let readers and the writer of an embedded database work side by side. The mode is kept in the file itself."""

from django.db import migrations


def use_wal(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")


class Migration(migrations.Migration):
    atomic = False  # the mode cannot change inside a transaction
    dependencies = [("integrations", "0001_initial")]
    operations = [migrations.RunPython(use_wal, migrations.RunPython.noop)]
