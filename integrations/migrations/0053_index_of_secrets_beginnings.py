from django.db import migrations, models


class Migration(migrations.Migration):
    """Let the search find an outlet by the beginning of a secret without reading all secrets."""

    dependencies = [("integrations", "0052_request_traceparent")]

    operations = [
        migrations.AddIndex(
            model_name="credential",
            index=models.Index(fields=["shown"], name="credential_shown", opclasses=["varchar_pattern_ops"]),
        ),
    ]
