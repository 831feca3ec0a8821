from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0030_refer_to_owners")]

    operations = [
        migrations.AddField(
            model_name="bulkjob", name="checked_for", field=models.JSONField(editable=False, null=True)
        ),
    ]
