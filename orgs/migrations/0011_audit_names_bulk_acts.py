"""Adds to audit entries the act on many users by which they were written."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0010_devices_that_are_blocked_and_replaced"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="bulk_act_id",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="bulk act"),
        ),
    ]
