"""Adds to devices who blocked them and when, and as which device a computer backs up since it took its place."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orgs", "0009_matters_have_policies_and_events")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="blocked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="blocked at"),
        ),
        migrations.AddField(
            model_name="device",
            name="blocked_by",
            field=models.CharField(
                blank=True,
                choices=[("", "nobody"), ("person", "a person"), ("sync", "a sync")],
                db_default="",
                default="",
                max_length=8,
                verbose_name="blocked by",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="in_place_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="This computer backs up as that device now; what it had as itself is out of use.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="computers",
                to="orgs.device",
                verbose_name="took the place of",
            ),
        ),
    ]
