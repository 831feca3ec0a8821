"""Let every list find its rows in an index, in the order in which it shows them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FIELDS = ("integration", "api_key")


def drop_own_indexes(apps, schema_editor):
    request = apps.get_model("integrations", "Request")
    for name in FIELDS:
        column = request._meta.get_field(name).column
        found = schema_editor._constraint_names(request, [column], index=True, unique=False)
        for index in found:
            schema_editor.execute(schema_editor._delete_index_sql(request, index))


def create_own_indexes(apps, schema_editor):
    request = apps.get_model("integrations", "Request")
    for name in FIELDS:
        schema_editor.execute(schema_editor._create_index_sql(request, fields=[request._meta.get_field(name)]))


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0015_ask'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='request',
            name='request_queue',
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['organisation', '-at'], name='audit_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['outlet', '-at'], name='audit_of_outlet'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['integration', '-at'], name='audit_of_integration'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['verb', '-at'], name='audit_verb'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['actor_name', '-at'], name='audit_actor', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['subject', '-at'], name='audit_subject', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['address', '-at'], name='audit_address', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='authattempt',
            index=models.Index(fields=['address', '-at'], name='attempt_address', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='authattempt',
            index=models.Index(condition=models.Q(('integration', None)), fields=['provider_outlet_id', '-at'], name='attempt_of_nobody', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='connection',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['-opened_at'], name='connection_open'),
        ),
        migrations.AddIndex(
            model_name='connection',
            index=models.Index(fields=['close_reason', '-opened_at'], name='connection_ending'),
        ),
        migrations.AddIndex(
            model_name='connection',
            index=models.Index(fields=['address', '-opened_at'], name='connection_address', opclasses=['varchar_pattern_ops', '']),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(fields=['state', 'integration', '-id'], name='request_queue'),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(fields=['api_key', '-id'], name='request_of_api_key'),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(fields=['message_type', '-id'], name='request_message_type'),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(fields=['received_at'], name='request_received'),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(condition=models.Q(('state', 'refused')), fields=['result_code', '-id'], name='request_refusal'),
        ),
        migrations.AddIndex(
            model_name='request',
            index=models.Index(fields=['request_id'], name='request_request_id', opclasses=['varchar_pattern_ops']),
        ),
        # Only the indexes of these fields change. Django would copy the whole table of an embedded database for that.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_own_indexes, create_own_indexes)],
            state_operations=[
                migrations.AlterField(
                    model_name='request',
                    name='api_key',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='integrations.apikey'),
                ),
                migrations.AlterField(
                    model_name='request',
                    name='integration',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='integrations.integration'),
                ),
            ],
        ),
    ]
