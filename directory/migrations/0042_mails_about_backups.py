"""Lets mails be about no run, and alerts and mails be about devices without a backup."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0041_acts_wait_for_rows_that_others_hold"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("connection", "connection"),
                    ("held back", "held back"),
                    ("approval", "waits for approval"),
                    ("incomplete", "incomplete sync"),
                    ("mail", "mail not sent"),
                    ("no backup", "no backup"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("summary", "summary"),
                    ("incomplete", "incomplete"),
                    ("held back", "held back"),
                    ("approval", "waits for approval"),
                    ("failed", "failed"),
                    ("no backup", "devices without a backup"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="mails",
                to="directory.run",
            ),
        ),
    ]
