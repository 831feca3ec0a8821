from django.db import migrations, models

import integrations.models.clock


def rename_cursor(apps, schema_editor):
    """Rename the cursor of events about unrecognised frames, so that it continues where it is."""
    cursors = apps.get_model("integrations", "NoticeCursor").objects.using(schema_editor.connection.alias)
    cursors.filter(name="strays").update(name="unrecognised_frames")


class Migration(migrations.Migration):
    """Renames a model and six fields in Python only: the table, the columns and their indexes keep their names.

    So servers of the previous version continue to work during an upgrade.
    """

    dependencies = [("integrations", "0058_notify_times_of_alerts")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("ToldPresence", "ReportedPresence"),
                migrations.AlterModelTable("reportedpresence", "integrations_toldpresence"),
                migrations.AlterField(
                    "reportedpresence",
                    "integration",
                    models.OneToOneField(
                        "integrations.Integration",
                        models.CASCADE,
                        primary_key=True,
                        related_name="reported_presence",
                        serialize=False,
                    ),
                ),
                migrations.RenameField("noticecursor", "turned_at", "polled_at"),
                migrations.AlterField("noticecursor", "polled_at", models.DateTimeField(db_column="turned_at")),
                migrations.RenameField("webhookendpoint", "secret_made_at", "secret_created_at"),
                migrations.AlterField(
                    "webhookendpoint", "secret_created_at", models.DateTimeField(db_column="secret_made_at")
                ),
                migrations.RenameField("handoverlink", "made_at", "created_at"),
                migrations.AlterField(
                    "handoverlink",
                    "created_at",
                    models.DateTimeField(
                        "created", db_column="made_at", default=integrations.models.clock.shared_now, editable=False
                    ),
                ),
                migrations.AlterModelOptions(
                    "handoverlink", {"ordering": ("-created_at", "-id"), "verbose_name": "hand-over link"}
                ),
                *(
                    operation
                    for model in ("apikeysecret", "credential", "handoverlink")
                    for operation in (
                        migrations.RenameField(model, "made_by", "created_by"),
                        migrations.AlterField(
                            model, "created_by", models.CharField("created by", db_column="made_by", max_length=200)
                        ),
                    )
                ),
            ]
        ),
        migrations.RunPython(rename_cursor, migrations.RunPython.noop),
    ]
