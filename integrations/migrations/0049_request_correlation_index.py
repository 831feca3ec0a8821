from django.db import migrations, models


class Migration(migrations.Migration):
    """Lets the API find requests by the X-Request-ID of the call that sent them."""

    dependencies = [("integrations", "0048_event_log_indexes")]
    operations = [
        migrations.AddIndex("request", models.Index(fields=["correlation_id"], name="request_correlation")),
    ]
