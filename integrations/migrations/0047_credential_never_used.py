from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds an index with which the start page finds the secrets that were never used."""

    dependencies = [("integrations", "0046_attempt_of_pos_remote_id")]
    operations = [
        migrations.AddIndex(
            "credential",
            models.Index(
                condition=models.Q(("is_current", True), ("last_used_at", None)),
                fields=["-created_at"],
                name="credential_never_used",
            ),
        ),
    ]
