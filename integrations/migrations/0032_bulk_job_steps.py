from django.db import migrations, models

STATES = [
    ("checked", "checked, not confirmed"),
    ("waiting", "waiting"),
    ("running", "running"),
    ("done", "done"),
    ("partly", "partly done"),
    ("failed", "nothing was done"),
    ("dropped", "dropped"),
]


class Migration(migrations.Migration):
    dependencies = [("integrations", "0031_bulk_job_checked_for")]

    operations = [
        migrations.AddField(model_name="bulkjob", name="written", field=models.PositiveIntegerField(default=0)),
        migrations.AlterField(
            model_name="bulkjob",
            name="state",
            field=models.CharField(choices=STATES, default="checked", max_length=16),
        ),
    ]
