from django.db import migrations, models


class Migration(migrations.Migration):
    """Removes the field `is_read_only` from the model, but not from the database.

    During an upgrade, servers of the previous version still read the column. For them, a key that is created meanwhile
    is read-only.
    """

    dependencies = [("integrations", "0042_api_key_scopes")]
    operations = [
        migrations.AlterField("apikey", "is_read_only", models.BooleanField(default=False, db_default=True)),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("apikey", "is_read_only")]),
    ]
