"""Creates the tables of a new installation at once: applying 54 migrations one after another takes ten times as long.

An older installation applies those that it lacks instead, so both have the same schema. Django chooses by itself.
"""

import django.core.validators
import django.db.models.deletion
import integrations.models.attempt
import integrations.models.audit
import integrations.models.clock
import integrations.models.connection
import integrations.models.fields.opening
import integrations.models.handover_link
import integrations.models.kept_secret
import integrations.models.notices.alert
import integrations.models.notices.notice
import integrations.models.notices.webhook
import integrations.models.outlet
import integrations.models.request
import integrations.security.secret_digests
import uuid
from django.conf import settings
from django.db import migrations, models


MESSAGE_TYPES = (
    ("GetUserFromPIN", 0, "Checks a user's PIN: who it is, and whether that user may take payments."),
    ("GetOpenOrders", 1, "Lists the open orders, of one table or of all."),
    ("UpdateOrder", 12, "Adds lines, adjustments and notes to an open order."),
    ("CreateOrder", None, "Opens an order; with payments in it, a paid one."),
    ("SimulateOrder", None, "Says what an order would cost, and opens none."),
    ("CreatePayment", None, "Adds a payment to an order."),
)


def add_message_types(apps, _schema_editor):
    message_type = apps.get_model("integrations", "MessageType")
    for name, number, description in MESSAGE_TYPES:
        message_type.objects.create(
            name=name, number=number, description=description, payload_model=f"OrderNPay{name}Request"
        )


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('integrations', '0001_initial'),
        ('integrations', '0002_sqlite_wal'),
        ('integrations', '0003_audit_deletion_verbs'),
        ('integrations', '0004_requests_keys_message_types'),
        ('integrations', '0005_known_message_types'),
        ('integrations', '0006_message_type_verbs'),
        ('integrations', '0007_staff_limits_and_leases'),
        ('integrations', '0008_people_verbs'),
        ('integrations', '0009_correlation'),
        ('integrations', '0010_notices'),
        ('integrations', '0011_many'),
        ('integrations', '0012_fleet_samples'),
        ('integrations', '0013_staff_verbs'),
        ('integrations', '0014_records'),
        ('integrations', '0015_ask'),
        ('integrations', '0016_lists'),
        ('integrations', '0017_signin'),
        ('integrations', '0018_storm'),
        ('integrations', '0019_identity_unlinked'),
        ('integrations', '0020_wrong_path_outcome'),
        ('integrations', '0021_connection_origin'),
        ('integrations', '0022_outlet_match_id'),
        ('integrations', '0023_fill_match_ids'),
        ('integrations', '0024_normalise_names'),
        ('integrations', '0025_announced_keys'),
        ('integrations', '0026_unequal_attempts'),
        ('integrations', '0027_request_disconnects'),
        ('integrations', '0028_close_reasons'),
        ('integrations', '0029_pos_remote_id_of'),
        ('integrations', '0030_refer_to_owners'),
        ('integrations', '0031_bulk_job_checked_for'),
        ('integrations', '0032_bulk_job_steps'),
        ('integrations', '0033_second_till'),
        ('integrations', '0034_request_sent_by'),
        ('integrations', '0035_endpoint_pause'),
        ('integrations', '0036_pairing_identity'),
        ('integrations', '0037_fill_pairing_identity'),
        ('integrations', '0038_shared_times'),
        ('integrations', '0039_choices_from_functions'),
        ('integrations', '0040_delete_bulk_jobs'),
        ('integrations', '0041_plain_words'),
        ('integrations', '0042_api_key_scopes'),
        ('integrations', '0043_api_key_without_read_only'),
        ('integrations', '0044_answered_calls'),
        ('integrations', '0045_attempt_cause'),
        ('integrations', '0046_attempt_of_pos_remote_id'),
        ('integrations', '0047_credential_never_used'),
        ('integrations', '0048_event_log_indexes'),
        ('integrations', '0049_request_correlation_index'),
        ('integrations', '0050_api_key_call_limits'),
        ('integrations', '0051_unrecognised_frames'),
        ('integrations', '0052_request_traceparent'),
        ('integrations', '0053_index_of_secrets_beginnings'),
        ('integrations', '0054_authentication_attempts'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('opening_hours', models.CharField(blank=True, help_text='Alerts are sent during these hours only. Leave empty for all hours. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00', max_length=300, validators=[integrations.models.fields.opening.check_hours])),
                ('time_zone', models.CharField(blank=True, help_text="Leave empty for the portal's time zone.", max_length=64, validators=[integrations.models.fields.opening.check_zone])),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=integrations.models.notices.alert.alert_kinds, max_length=16)),
                ('since', models.DateTimeField()),
                ('tell_at', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('organisation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='integrations.organisation')),
            ],
            options={
                'ordering': ('-since', '-id'),
                'indexes': [models.Index(fields=['ended_at', '-since'], name='alert_open')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('told_at', None)), fields=('kind', 'organisation'), name='one_gathering_alert'), models.UniqueConstraint(condition=models.Q(('organisation', None), ('told_at', None)), fields=('kind',), name='one_gathering_alert_of_none')],
            },
        ),
        migrations.CreateModel(
            name='Outlet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')])),
                ('provider_outlet_id', models.CharField(default=integrations.models.outlet.new_provider_outlet_id, help_text="The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.", max_length=64, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')], verbose_name='ProviderOutletID')),
                ('match_id', models.CharField(db_default='', default='', editable=False, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert_after_minutes', models.PositiveIntegerField(blank=True, help_text="Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(43200)], verbose_name='alert after')),
                ('opening_hours', models.CharField(blank=True, help_text="Alerts are sent during these hours only. Leave empty for the organisation's. Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00", max_length=300, validators=[integrations.models.fields.opening.check_hours])),
                ('time_zone', models.CharField(blank=True, help_text="Leave empty for the organisation's time zone.", max_length=64, validators=[integrations.models.fields.opening.check_zone])),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outlets', to='integrations.organisation')),
            ],
            options={
                'ordering': ('organisation__name', 'name'),
                'indexes': [models.Index(fields=['match_id'], name='outlet_match_id')],
                'constraints': [models.UniqueConstraint(fields=('organisation', 'name'), name='outlet_name_once_per_organisation'), models.CheckConstraint(condition=models.Q(('provider_outlet_id', ''), _negated=True), name='outlet_has_provider_outlet_id')],
            },
        ),
        migrations.CreateModel(
            name='Integration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pos_remote_id', models.CharField(help_text="PowerEPOS's ID for this outlet, exactly as you received it: up to 128 characters.", max_length=128, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')], verbose_name='POSRemoteID')),
                ('match_id', models.CharField(db_default='', default='', editable=False, max_length=128)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('disabled_reason', models.CharField(blank=True, max_length=200)),
                ('generation', models.PositiveIntegerField(default=1, editable=False)),
                ('changed_at', models.DateTimeField(db_index=True, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('outlet', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='integration', to='integrations.outlet')),
            ],
            options={
                'permissions': [('ask_pos', 'Can ask the POS of an outlet')],
                'indexes': [models.Index(fields=['match_id'], name='integration_match_id')],
                'constraints': [models.CheckConstraint(condition=models.Q(('pos_remote_id', ''), _negated=True), name='integration_has_pos_remote_id'), models.CheckConstraint(condition=models.Q(('is_enabled', True), models.Q(('disabled_reason', ''), _negated=True), _connector='OR'), name='disabled_integration_has_reason')],
            },
        ),
        migrations.CreateModel(
            name='AlertMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('label', models.CharField(max_length=420)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('since', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='integrations.alert')),
                ('integration', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='integrations.integration')),
            ],
            options={
                'ordering': ('label', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('key',), name='in_one_open_alert_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='AlertRecipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('organisation', models.ForeignKey(blank=True, help_text='Send only alerts of this organisation. Leave empty for all organisations.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_recipients', to='integrations.organisation')),
            ],
            options={
                'ordering': ('email',),
                'constraints': [models.UniqueConstraint(fields=('email', 'organisation'), name='recipient_once_per_organisation', violation_error_message='This address already gets these alerts.'), models.UniqueConstraint(condition=models.Q(('organisation', None)), fields=('email',), name='recipient_of_all_once', violation_error_message='This address already gets these alerts.')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')])),
                ('scopes', models.JSONField(default=list)),
                ('networks', models.JSONField(blank=True, default=list)),
                ('calls_per_second', models.PositiveIntegerField(blank=True, null=True)),
                ('calls_burst', models.PositiveIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('organisation', models.ForeignKey(blank=True, help_text='The key gives access to outlets of this organisation only. Leave empty for all organisations.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='integrations.organisation')),
                ('is_read_only', models.BooleanField(db_default=True, default=False)),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='AnsweredCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('idempotency_key', models.CharField(max_length=256)),
                ('call_digest', models.CharField(editable=False, max_length=80)),
                ('sealed_answer', models.TextField(editable=False)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='answered_calls', to='integrations.apikey')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('api_key', 'idempotency_key'), name='idempotency_key_once_per_api_key')],
            },
        ),
        migrations.CreateModel(
            name='ApiKeySecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('algorithm', models.CharField(choices=integrations.models.kept_secret.algorithms, max_length=16)),
                ('digest', models.CharField(editable=False, max_length=200, unique=True)),
                ('key_id', models.CharField(editable=False, max_length=8)),
                ('shown', models.CharField(max_length=32, verbose_name='begins with')),
                ('is_current', models.BooleanField(default=True, verbose_name='current')),
                ('made_by', models.CharField(max_length=200, verbose_name='created by')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('retired_at', models.DateTimeField(null=True)),
                ('retired_reason', models.CharField(blank=True, max_length=200)),
                ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='secrets', to='integrations.apikey')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
                'abstract': False,
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_current', True)), fields=('api_key',), name='one_current_secret_per_api_key'), models.CheckConstraint(condition=models.Q(('is_current', False), ('retired_at', None), _connector='OR'), name='current_api_key_secret_is_not_retired')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, default=integrations.models.clock.shared_now, editable=False)),
                ('verb', models.CharField(choices=integrations.models.audit.verbs, max_length=32)),
                ('actor_name', models.CharField(max_length=200)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('subject', models.CharField(max_length=420)),
                ('detail', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('integration', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='audit_events', to='integrations.integration')),
                ('organisation', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='audit_events', to='integrations.organisation')),
                ('outlet', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='audit_events', to='integrations.outlet')),
            ],
            options={
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['organisation', '-at'], name='audit_of_organisation'), models.Index(fields=['outlet', '-at'], name='audit_of_outlet'), models.Index(fields=['integration', '-at'], name='audit_of_integration'), models.Index(fields=['verb', '-at'], name='audit_verb'), models.Index(fields=['actor_name', '-at'], name='audit_actor', opclasses=['varchar_pattern_ops', '']), models.Index(fields=['subject', '-at'], name='audit_subject', opclasses=['varchar_pattern_ops', '']), models.Index(fields=['address', '-at'], name='audit_address', opclasses=['varchar_pattern_ops', ''])],
            },
        ),
        migrations.CreateModel(
            name='AuthAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True)),
                ('endpoint', models.CharField(choices=integrations.models.attempt.pos_endpoints, db_column='door', max_length=16)),
                ('outcome', models.CharField(choices=integrations.models.attempt.outcomes, max_length=24)),
                ('cause', models.CharField(blank=True, choices=integrations.models.attempt.outcomes, db_default='', default='', max_length=24)),
                ('provider_outlet_id', models.CharField(blank=True, max_length=64, verbose_name='ProviderOutletID as sent')),
                ('pos_remote_id', models.CharField(blank=True, max_length=128, verbose_name='POSRemoteID as sent')),
                ('address', models.CharField(blank=True, max_length=45)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('integration', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='integrations.integration')),
                ('pos_remote_id_of', models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='integrations.integration')),
            ],
            options={
                'verbose_name': 'authentication attempt',
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['integration', '-at'], name='attempt_of_integration'), models.Index(fields=['outcome', '-at'], name='attempt_outcome'), models.Index(fields=['address', '-at'], name='attempt_address', opclasses=['varchar_pattern_ops', '']), models.Index(condition=models.Q(('integration', None)), fields=['provider_outlet_id', '-at'], name='attempt_of_nobody', opclasses=['varchar_pattern_ops', '']), models.Index(condition=models.Q(('pos_remote_id_of__isnull', False)), fields=['pos_remote_id_of', '-at'], name='attempt_of_pos_remote_id')],
            },
        ),
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('algorithm', models.CharField(choices=integrations.models.kept_secret.algorithms, max_length=16)),
                ('digest', models.CharField(editable=False, max_length=200, unique=True)),
                ('key_id', models.CharField(editable=False, max_length=8)),
                ('shown', models.CharField(max_length=32, verbose_name='begins with')),
                ('is_current', models.BooleanField(default=True, verbose_name='current')),
                ('made_by', models.CharField(max_length=200, verbose_name='created by')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('retired_at', models.DateTimeField(null=True)),
                ('retired_reason', models.CharField(blank=True, max_length=200)),
                ('fingerprint', models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ('bits', models.PositiveSmallIntegerField(verbose_name='strength in bits, at most')),
                ('integration', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credentials', to='integrations.integration')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
                'abstract': False,
                'indexes': [models.Index(condition=models.Q(('is_current', True), ('last_used_at', None)), fields=['-created_at'], name='credential_never_used'), models.Index(fields=['shown'], name='credential_shown', opclasses=['varchar_pattern_ops'])],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_current', True)), fields=('integration',), name='one_current_credential_per_integration'), models.CheckConstraint(condition=models.Q(('is_current', False), ('retired_at', None), _connector='OR'), name='current_credential_is_not_retired'), models.CheckConstraint(condition=models.Q(('fingerprint', None), ('algorithm', integrations.security.secret_digests.Algorithm['ARGON2ID']), _connector='OR'), name='fingerprint_is_of_adopted_secret')],
            },
        ),
        migrations.CreateModel(
            name='ServerProcess',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('host', models.CharField(max_length=255)),
                ('pid', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField()),
                ('heartbeat_at', models.DateTimeField(db_index=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('credential_keys', models.TextField(blank=True, db_default='', default='', editable=False)),
                ('signing_keys', models.TextField(blank=True, db_default='', default='', editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('generation', models.PositiveIntegerField()),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('close_code', models.PositiveSmallIntegerField(null=True)),
                ('close_reason', models.CharField(blank=True, choices=integrations.models.connection.close_reasons, max_length=24)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('origin', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='Origin as sent')),
                ('frames_in', models.PositiveIntegerField(default=0)),
                ('frames_out', models.PositiveIntegerField(default=0)),
                ('unrecognised_frames', models.PositiveIntegerField(db_column='stray_frames', default=0)),
                ('credential', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='integrations.credential')),
                ('integration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='connections', to='integrations.integration')),
                ('process', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='connections', to='integrations.serverprocess')),
            ],
            options={
                'ordering': ('-opened_at',),
                'indexes': [models.Index(fields=['integration', '-opened_at'], name='connection_history'), models.Index(fields=['process', 'closed_at'], name='connection_of_process'), models.Index(fields=['-opened_at'], name='connection_newest'), models.Index(condition=models.Q(('closed_at__isnull', False)), fields=['closed_at'], name='connection_ended'), models.Index(condition=models.Q(('closed_at', None)), fields=['-opened_at'], name='connection_open'), models.Index(fields=['close_reason', '-opened_at'], name='connection_ending'), models.Index(fields=['address', '-opened_at'], name='connection_address', opclasses=['varchar_pattern_ops', ''])],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('integration',), name='one_live_connection_per_integration')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=integrations.models.notices.notice.kinds, max_length=32)),
                ('subject', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('data', models.JSONField(default=dict)),
                ('noticed_at', models.DateTimeField(db_index=True, default=integrations.models.clock.shared_now, editable=False)),
                ('integration', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='integrations.integration')),
                ('organisation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='integrations.organisation')),
            ],
            options={
                'indexes': [models.Index(fields=['organisation', 'id'], name='notice_of_organisation'), models.Index(fields=['integration', 'id'], name='notice_of_integration'), models.Index(fields=['kind', 'id'], name='notice_of_kind')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'subject', 'at'), name='notice_once')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')])),
                ('url', models.CharField(max_length=500, verbose_name='URL')),
                ('kinds', models.JSONField(default=list, verbose_name='events')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('disabled_reason', models.CharField(blank=True, max_length=200)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('paused_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('sealed_secret', models.TextField(editable=False)),
                ('sealed_older_secret', models.TextField(blank=True, editable=False)),
                ('older_secret_until', models.DateTimeField(blank=True, null=True)),
                ('secret_made_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('organisation', models.ForeignKey(blank=True, help_text='Send only events of this organisation. Leave empty for all organisations.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhook_endpoints', to='integrations.organisation')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=integrations.models.notices.webhook.delivery_states, default='pending', max_length=16)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField()),
                ('tried_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('duration_ms', models.PositiveIntegerField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('excerpt', models.TextField(blank=True)),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='integrations.notice')),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='integrations.webhookendpoint')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'next_at'], name='delivery_due'), models.Index(fields=['endpoint', '-id'], name='delivery_of_endpoint'), models.Index(fields=['state', '-id'], name='delivery_state')],
                'constraints': [models.UniqueConstraint(fields=('endpoint', 'notice'), name='delivery_once_per_endpoint')],
            },
        ),
        migrations.CreateModel(
            name='FleetSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('enabled', models.PositiveIntegerField()),
                ('online', models.PositiveIntegerField()),
                ('answered', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('expired', models.PositiveIntegerField(default=0)),
                ('cancelled', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='integrations.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('at', 'organisation'), name='one_sample_of_an_organisation')],
            },
        ),
        migrations.CreateModel(
            name='HandoverLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=integrations.models.handover_link.link_states, default='live', max_length=16)),
                ('token_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('salt', models.CharField(editable=False, max_length=32)),
                ('sealed', models.TextField(blank=True, editable=False)),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='passphrases tried')),
                ('made_by', models.CharField(max_length=200, verbose_name='created by')),
                ('made_at', models.DateTimeField(default=integrations.models.clock.shared_now, editable=False, verbose_name='created')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended')),
                ('ended_reason', models.CharField(blank=True, max_length=200, verbose_name='why it ended')),
                ('address', models.CharField(blank=True, max_length=45, verbose_name='from')),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('credential', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handover_links', to='integrations.credential')),
                ('integration', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handover_links', to='integrations.integration')),
            ],
            options={
                'verbose_name': 'hand-over link',
                'ordering': ('-made_at', '-id'),
                'indexes': [models.Index(fields=['state', 'expires_at'], name='handover_link_expiry')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('credential',), name='one_live_handover_link_per_credential'), models.CheckConstraint(condition=models.Q(('state', 'live'), ('sealed', ''), _connector='OR'), name='ended_handover_link_is_erased')],
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('holder', models.UUIDField(default=uuid.uuid4)),
                ('until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recipient', models.EmailField(max_length=254)),
                ('subject', models.CharField(max_length=300)),
                ('body', models.TextField()),
                ('state', models.CharField(choices=integrations.models.notices.alert.mail_states, default='pending', max_length=16)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('next_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='integrations.alert')),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['next_at'], name='mail_due')],
            },
        ),
        migrations.CreateModel(
            name='MessageType',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(blank=True, help_text='The MessageType number in the POS protocol. Leave empty if it is not known yet.', null=True, unique=True, validators=[django.core.validators.MaxValueValidator(2147483647)])),
                ('name', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('\\A(?!\\s)[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]+(?<!\\s)\\Z', 'Remove control characters, and spaces at the beginning and end.')])),
                ('description', models.TextField(blank=True)),
                ('payload_model', models.CharField(blank=True, help_text='The documented model of its payload, for validation on request.', max_length=100)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='NoticeCursor',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('begun_at', models.DateTimeField()),
                ('at', models.DateTimeField()),
                ('mark', models.DateTimeField()),
                ('turned_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='presence', serialize=False, to='integrations.integration')),
                ('is_online', models.BooleanField(default=False)),
                ('since', models.DateTimeField(null=True)),
                ('last_seen_at', models.DateTimeField(null=True)),
                ('connection', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='integrations.connection')),
            ],
            options={
                'verbose_name_plural': 'presence',
                'indexes': [models.Index(fields=['is_online', 'since'], name='presence_state')],
            },
        ),
        migrations.CreateModel(
            name='Request',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('request_id', models.CharField(max_length=256, verbose_name='RequestID')),
                ('message_type', models.PositiveIntegerField()),
                ('device_id', models.CharField(max_length=64)),
                ('user_identifier', models.CharField(max_length=36, null=True)),
                ('payload', models.TextField()),
                ('content_digest', models.CharField(max_length=64)),
                ('unequal_attempts', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                ('is_durable', models.BooleanField(default=True)),
                ('correlation_id', models.CharField(blank=True, db_default='', default='', max_length=64)),
                ('traceparent', models.CharField(blank=True, db_default='', default='', max_length=55)),
                ('sealed_request', models.TextField(editable=False, null=True)),
                ('is_redacted', models.BooleanField(db_default=False, default=False, editable=False)),
                ('state', models.CharField(choices=integrations.models.request.states, default='queued', max_length=16)),
                ('failure', models.CharField(blank=True, max_length=200)),
                ('received_at', models.DateTimeField()),
                ('send_before', models.DateTimeField()),
                ('answer_before', models.DateTimeField()),
                ('stored_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('last_sent_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('times_sent', models.PositiveSmallIntegerField(default=0)),
                ('disconnects', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('retry_at', models.DateTimeField(null=True)),
                ('sent_by', models.UUIDField(editable=False, null=True)),
                ('result_code', models.IntegerField(null=True)),
                ('error_message', models.TextField(null=True)),
                ('answer', models.TextField(null=True)),
                ('sealed_answer', models.TextField(editable=False, null=True)),
                ('content_pruned_at', models.DateTimeField(editable=False, null=True)),
                ('api_key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='integrations.apikey')),
                ('integration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='integrations.integration')),
            ],
            options={
                'ordering': ('-id',),
                'permissions': [('view_payload', 'Can see what requests and their answers contain')],
                'indexes': [models.Index(condition=models.Q(('state__in', ('queued', 'sent'))), fields=['integration', 'id'], name='request_open'), models.Index(fields=['state', 'integration', '-id'], name='request_queue'), models.Index(fields=['state', '-id'], name='request_state'), models.Index(fields=['integration', '-id'], name='request_of_integration'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='request_ended'), models.Index(condition=models.Q(('content_pruned_at', None), ('ended_at__isnull', False)), fields=['ended_at'], name='request_with_content'), models.Index(condition=models.Q(('is_redacted', False)), fields=['ended_at'], name='request_not_redacted'), models.Index(fields=['api_key', '-id'], name='request_of_api_key'), models.Index(fields=['message_type', '-id'], name='request_message_type'), models.Index(fields=['received_at'], name='request_received'), models.Index(condition=models.Q(('state', 'refused')), fields=['result_code', '-id'], name='request_refusal'), models.Index(fields=['request_id'], name='request_request_id', opclasses=['varchar_pattern_ops']), models.Index(fields=['correlation_id'], name='request_correlation')],
                'constraints': [models.UniqueConstraint(fields=('integration', 'request_id'), name='request_id_once_per_integration'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state__in', ('queued', 'sent'))), models.Q(models.Q(('state__in', ('queued', 'sent')), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='ended_request_has_its_time')],
            },
        ),
        migrations.CreateModel(
            name='SharedEntry',
            fields=[
                ('key', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('value', models.JSONField()),
                ('expires_at', models.DateTimeField(db_index=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='StaffLimit',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='staff_limit', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('organisations', models.ManyToManyField(blank=True, related_name='+', to='integrations.organisation')),
            ],
        ),
        migrations.CreateModel(
            name='ToldPresence',
            fields=[
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='told_presence', serialize=False, to='integrations.integration')),
                ('is_online', models.BooleanField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='UnrecognisedFrame',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('connection_id', models.UUIDField()),
                ('kind', models.CharField(choices=integrations.models.attempt.unrecognised_frame_kinds, max_length=16)),
                ('size', models.PositiveIntegerField(verbose_name='size in bytes')),
                ('excerpt', models.TextField(blank=True)),
                ('integration', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unrecognised_frames', to='integrations.integration')),
            ],
            options={
                'verbose_name': 'unrecognised frame',
                'db_table': 'integrations_strayframe',
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['integration', '-at'], name='stray_frame_of_integration'), models.Index(fields=['at'], name='stray_frame_at')],
            },
        ),
        # The column remains for servers of the version before 0043, which read it.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField('apikey', 'is_read_only')]),
        migrations.RunPython(add_message_types, migrations.RunPython.noop),
    ]
