from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("integrations", "0042_api_key_scopes")]
    operations = [migrations.RemoveField("apikey", "is_read_only")]
