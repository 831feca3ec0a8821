from django.db import migrations, models



class Migration(migrations.Migration):
    """Renames two fields in Python only: the columns and their indexes stay.

    So servers of the previous version continue to work during an upgrade.
    """

    dependencies = [("integrations", "0057_help_of_organisations")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("alert", "one_gathering_alert"),
                migrations.RemoveConstraint("alert", "one_gathering_alert_of_none"),
                migrations.RenameField("alert", "tell_at", "notify_at"),
                migrations.AlterField("alert", "notify_at", models.DateTimeField(db_column="tell_at")),
                migrations.RenameField("alert", "told_at", "notified_at"),
                migrations.AlterField("alert", "notified_at", models.DateTimeField(null=True, db_column="told_at")),
                migrations.AddConstraint(
                    "alert",
                    models.UniqueConstraint(
                        fields=["kind", "organisation"],
                        condition=models.Q(notified_at=None),
                        name="one_gathering_alert",
                    ),
                ),
                migrations.AddConstraint(
                    "alert",
                    models.UniqueConstraint(
                        fields=["kind"],
                        condition=models.Q(notified_at=None, organisation=None),
                        name="one_gathering_alert_of_none",
                    ),
                ),
            ]
        )
    ]
