"""Restores a unique index that migration 0018 dropped on PostgreSQL together with the index of a foreign key."""

from django.db import migrations

CLOSE_OLDER = """
UPDATE integrations_connection SET closed_at = CURRENT_TIMESTAMP, close_reason = 'server_lost'
WHERE closed_at IS NULL AND EXISTS (
    SELECT 1 FROM integrations_connection AS newer
    WHERE newer.integration_id = integrations_connection.integration_id AND newer.closed_at IS NULL
    AND (newer.opened_at, newer.id) > (integrations_connection.opened_at, integrations_connection.id)
)
"""
CREATE = """
CREATE UNIQUE INDEX IF NOT EXISTS one_live_connection_per_integration
ON integrations_connection (integration_id) WHERE closed_at IS NULL
"""


def restore(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(CLOSE_OLDER)
        cursor.execute(CREATE)


class Migration(migrations.Migration):
    dependencies = [("integrations", "0054_authentication_attempts")]
    operations = [migrations.RunPython(restore, migrations.RunPython.noop)]
