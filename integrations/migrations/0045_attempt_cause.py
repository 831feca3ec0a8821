from django.db import migrations, models

import integrations.models.attempt


class Migration(migrations.Migration):
    """Stores what is wrong with the values of a blocked POS."""

    dependencies = [("integrations", "0044_answered_calls")]
    operations = [
        migrations.AddField(
            "authattempt",
            "cause",
            models.CharField(
                blank=True, choices=integrations.models.attempt.outcomes, db_default="", default="", max_length=24
            ),
        ),
    ]
