from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0035_endpoint_pause'),
    ]

    operations = [
        migrations.AddField(
            model_name='integration',
            name='match_id',
            field=models.CharField(db_default='', default='', editable=False, max_length=128),
        ),
        migrations.AddIndex(
            model_name='integration',
            index=models.Index(fields=['match_id'], name='integration_match_id'),
        ),
    ]
