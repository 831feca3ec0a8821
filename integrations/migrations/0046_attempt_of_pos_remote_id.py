from django.db import migrations, models


class Migration(migrations.Migration):
    """Lets staff find the attempts that sent an outlet's POSRemoteID under another ProviderOutletID."""

    dependencies = [("integrations", "0045_attempt_cause")]
    operations = [
        migrations.AddIndex(
            "authattempt",
            models.Index(
                condition=models.Q(("pos_remote_id_of__isnull", False)),
                fields=["pos_remote_id_of", "-at"],
                name="attempt_of_pos_remote_id",
            ),
        ),
    ]
