from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from integrations.text.characters import normalised_name


def normalise_names(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Normalise stored names like new ones. A name does not change if another row already has the normalised name."""
    for model, within in (("Organisation", None), ("Outlet", "organisation_id")):
        rows = apps.get_model("integrations", model).objects.using(editor.connection.alias).order_by("pk")
        taken = {(within and getattr(row, within), row.name) for row in rows}
        for row in rows:
            key = (within and getattr(row, within), normalised_name(row.name))
            if key[1] and key not in taken:
                taken.add(key)
                rows.filter(pk=row.pk).update(name=key[1])


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0023_fill_match_ids'),
    ]

    operations = [
        migrations.RunPython(normalise_names, migrations.RunPython.noop, elidable=True),
    ]
