from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [("integrations", "0043_api_key_without_read_only")]
    operations = [
        migrations.CreateModel(
            "AnsweredCall",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("idempotency_key", models.CharField(max_length=256)),
                ("call_digest", models.CharField(editable=False, max_length=80)),
                ("sealed_answer", models.TextField(editable=False)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=CASCADE,
                        related_name="answered_calls",
                        to="integrations.apikey",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_key", "idempotency_key"), name="idempotency_key_once_per_api_key"
                    )
                ]
            },
        )
    ]
