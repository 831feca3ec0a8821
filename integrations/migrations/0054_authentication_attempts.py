from django.db import migrations


class Migration(migrations.Migration):
    """Names authentication attempts in the menu and in titles as the other pages do. The database does not change."""

    dependencies = [("integrations", "0053_index_of_secrets_beginnings")]

    operations = [
        migrations.AlterModelOptions(
            name="authattempt", options={"ordering": ("-at", "-id"), "verbose_name": "authentication attempt"}
        ),
    ]
