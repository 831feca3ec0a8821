from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0019_identity_unlinked'),
    ]

    operations = [
        migrations.AlterField(
            model_name='authattempt',
            name='outcome',
            field=models.CharField(choices=[('accepted', 'Accepted'), ('malformed', 'Request had the wrong form'), ('wrong_path', 'Wrong path: neither the auth endpoint nor the websocket'), ('mistyped_secret', 'Secret mistyped (checksum does not fit)'), ('unknown_outlet', 'Unknown ProviderOutletID'), ('wrong_secret', 'Wrong secret'), ('retired_secret', 'Secret was rotated away'), ('unknown_key', 'Secret kept under a server key that is gone'), ('wrong_pos_remote_id', 'POSRemoteID does not match'), ('disabled', 'Integration is disabled'), ('throttled', 'Too many failures: blocked for a while'), ('busy', 'Server busy'), ('database_away', 'Database away'), ('draining', 'Server is stopping'), ('token_missing', 'No access token'), ('token_forged', 'Access token is not ours'), ('token_expired', 'Access token expired'), ('token_void', 'Access token was voided'), ('foreign_origin', 'Came from another web site')], max_length=24),
        ),
    ]
