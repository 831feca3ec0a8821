from django.db import migrations, models


class Migration(migrations.Migration):
    """Let PostgreSQL find the beginning of a correlation ID by the index, in any collation."""

    dependencies = [("integrations", "0059_plain_names")]

    operations = [
        migrations.RemoveIndex(model_name="request", name="request_correlation"),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                fields=["correlation_id"], name="request_correlation", opclasses=["varchar_pattern_ops"]
            ),
        ),
    ]
