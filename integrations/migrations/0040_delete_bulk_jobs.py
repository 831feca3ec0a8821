from typing import Any

from django.db import migrations


def delete_rights(apps: Any, _schema_editor: Any) -> None:
    """Remove the permissions for bulk jobs from all groups and people, and delete these permissions."""
    rights = apps.get_model("auth", "Permission").objects
    rights.filter(content_type__app_label="integrations", content_type__model="bulkjob").delete()


class Migration(migrations.Migration):
    dependencies = [("integrations", "0039_choices_from_functions"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(delete_rights, migrations.RunPython.noop),
        migrations.DeleteModel(name="BulkJob"),
    ]
