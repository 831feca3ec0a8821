from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from integrations.text.characters import identity

BATCH = 500


def fill_match_ids(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Store the normalised form of each ProviderOutletID, which is used in comparisons. The ID itself does not change."""
    outlets = apps.get_model("integrations", "Outlet").objects.using(editor.connection.alias)
    changed = []
    for outlet in outlets.only("pk", "provider_outlet_id"):
        outlet.match_id = identity(outlet.provider_outlet_id)
        changed.append(outlet)
    outlets.bulk_update(changed, ["match_id"], batch_size=BATCH)


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0022_outlet_match_id'),
    ]

    operations = [
        migrations.RunPython(fill_match_ids, migrations.RunPython.noop, elidable=True),
    ]
