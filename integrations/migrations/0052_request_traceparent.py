from django.db import migrations, models


class Migration(migrations.Migration):
    """The database fills the column for servers of the previous version, which still store requests."""

    dependencies = [
        ("integrations", "0051_unrecognised_frames"),
    ]
    operations = [
        migrations.AddField(
            "request", "traceparent", models.CharField(blank=True, db_default="", default="", max_length=55)
        ),
    ]
