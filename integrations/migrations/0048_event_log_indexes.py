import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Lets the API read events in the order of their keys, also those of one outlet, organisation or kind."""

    dependencies = [("integrations", "0047_credential_never_used")]
    operations = [
        migrations.AddIndex(
            "notice", models.Index(fields=["organisation", "id"], name="notice_of_organisation")
        ),
        migrations.AddIndex("notice", models.Index(fields=["integration", "id"], name="notice_of_integration")),
        migrations.AddIndex("notice", models.Index(fields=["kind", "id"], name="notice_of_kind")),
        migrations.AlterField(
            "notice",
            "organisation",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="integrations.organisation",
            ),
        ),
        migrations.AlterField(
            "notice",
            "integration",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="integrations.integration",
            ),
        ),
    ]
