"""The help of three fields matches their empty choice, which is "All organisations". The database stays the same."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0056_sqlite_wal_of_new_installations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alertrecipient',
            name='organisation',
            field=models.ForeignKey(blank=True, help_text='Choose an organisation to send its alerts only.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_recipients', to='integrations.organisation'),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='organisation',
            field=models.ForeignKey(blank=True, help_text='Choose an organisation to give access to its outlets only.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='integrations.organisation'),
        ),
        migrations.AlterField(
            model_name='webhookendpoint',
            name='organisation',
            field=models.ForeignKey(blank=True, help_text='Choose an organisation to send its events only.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhook_endpoints', to='integrations.organisation'),
        ),
    ]
