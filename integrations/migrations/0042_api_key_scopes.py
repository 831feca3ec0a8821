from typing import Any

from django.db import migrations, models

READING = ["requests:read", "outlets:read"]
SENDING = ["requests:read", "requests:send", "outlets:read"]


def choose_scopes(apps: Any, _schema_editor: Any) -> None:
    """Give each key the scopes that allow exactly what it could do before."""
    keys = apps.get_model("integrations", "ApiKey").objects
    keys.filter(is_read_only=True).update(scopes=READING)
    keys.filter(is_read_only=False).update(scopes=SENDING)


def choose_read_only(apps: Any, _schema_editor: Any) -> None:
    """Make each key that cannot send requests read-only."""
    for key in apps.get_model("integrations", "ApiKey").objects.all():
        key.is_read_only = "requests:send" not in key.scopes
        key.save(update_fields=["is_read_only"])


class Migration(migrations.Migration):
    dependencies = [("integrations", "0041_plain_words")]
    operations = [
        migrations.AddField("apikey", "scopes", models.JSONField(default=list)),
        migrations.AddField("apikey", "networks", models.JSONField(blank=True, default=list)),
        migrations.RunPython(choose_scopes, choose_read_only),
    ]
