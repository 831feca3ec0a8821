from typing import Any

from django.db import migrations


def delete_rights(apps: Any, _schema_editor: Any) -> None:
    """Take the rights on bulk jobs out of the groups and people who have them, and delete them."""
    rights = apps.get_model("auth", "Permission").objects
    rights.filter(content_type__app_label="integrations", content_type__model="bulkjob").delete()


class Migration(migrations.Migration):
    dependencies = [("integrations", "0039_choices_from_functions"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(delete_rights, migrations.RunPython.noop),
        migrations.DeleteModel(name="BulkJob"),
    ]
