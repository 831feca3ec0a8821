from django.db import migrations, models
from django.db.models.deletion import PROTECT

from integrations.models.attempt import pos_endpoints


def copy_permission(apps, schema_editor):
    """Give everyone who has the view permission of the former model name the one of the new name, too."""
    alias = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    former = permissions.filter(content_type__app_label="integrations", codename="view_strayframe").first()
    if former is None:
        return  # a new installation
    model, _ = types.get_or_create(app_label="integrations", model="unrecognisedframe")
    new, _ = permissions.get_or_create(
        content_type=model, codename="view_unrecognisedframe", defaults={"name": "Can view unrecognised frame"}
    )
    new.group_set.add(*former.group_set.all())
    new.user_set.add(*former.user_set.all())


class Migration(migrations.Migration):
    """Renames a model and two fields in Python only: the table and the columns keep their names.

    So servers of the previous version continue to work during an upgrade. They also still need their own permission.
    """

    dependencies = [
        ("integrations", "0050_api_key_call_limits"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("StrayFrame", "UnrecognisedFrame"),
                migrations.AlterModelTable("unrecognisedframe", "integrations_strayframe"),
                migrations.AlterField(
                    "unrecognisedframe",
                    "integration",
                    models.ForeignKey("integrations.Integration", PROTECT, related_name="unrecognised_frames"),
                ),
                migrations.RenameField("connection", "stray_frames", "unrecognised_frames"),
                migrations.AlterField(
                    "connection",
                    "unrecognised_frames",
                    models.PositiveIntegerField(db_column="stray_frames", default=0),
                ),
                migrations.RenameField("authattempt", "door", "endpoint"),
                migrations.AlterField(
                    "authattempt", "endpoint", models.CharField(choices=pos_endpoints, db_column="door", max_length=16)
                ),
            ]
        ),
        migrations.RunPython(copy_permission, migrations.RunPython.noop),
    ]
