from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0020_wrong_path_outcome'),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='origin',
            field=models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='Origin as sent'),
        ),
    ]
