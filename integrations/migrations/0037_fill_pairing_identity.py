from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from integrations.text.characters import identity

BATCH = 500


def fill_match_ids(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Store the normalised form of each POSRemoteID, even if two have the same one. The ID itself does not change."""
    integrations = apps.get_model("integrations", "Integration").objects.using(editor.connection.alias)
    changed = []
    for integration in integrations.only("pk", "pos_remote_id"):
        integration.match_id = identity(integration.pos_remote_id)
        changed.append(integration)
    integrations.bulk_update(changed, ["match_id"], batch_size=BATCH)


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0036_pairing_identity'),
    ]

    operations = [
        migrations.RunPython(fill_match_ids, migrations.RunPython.noop, elidable=True),
    ]
