import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0028_close_reasons")]

    operations = [
        migrations.AddField(
            model_name="authattempt",
            name="pos_remote_id_of",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.integration",
            ),
        ),
    ]
