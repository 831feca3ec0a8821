from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0021_connection_origin'),
    ]

    operations = [
        migrations.AddField(
            model_name='outlet',
            name='match_id',
            field=models.CharField(db_default='', default='', editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name='outlet',
            index=models.Index(fields=['match_id'], name='outlet_match_id'),
        ),
    ]
