from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0049_request_correlation_index")]
    operations = [
        migrations.AddField("apikey", "calls_per_second", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("apikey", "calls_burst", models.PositiveIntegerField(blank=True, null=True)),
    ]
