from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0033_second_till'),
    ]

    operations = [
        migrations.AddField(
            model_name='request',
            name='sent_by',
            field=models.UUIDField(editable=False, null=True),
        ),
    ]
