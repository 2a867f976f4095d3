"""Adds the maintenance of archives: its results, and how many snapshots archives of an org keep."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0015_deployment_policies"),
    ]

    operations = [
        migrations.AddField(
            model_name="org",
            name="snapshot_retention",
            field=models.JSONField(
                blank=True, help_text="Empty: as the parent org.", null=True, verbose_name="snapshots that are kept"
            ),
        ),
        migrations.CreateModel(
            name="ArchiveMaintenance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tried_at", models.DateTimeField(verbose_name="tried")),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("done", "done"),
                            ("busy", "archive in use"),
                            ("damaged", "damaged"),
                            ("failed", "failed"),
                        ],
                        max_length=8,
                        verbose_name="result",
                    ),
                ),
                ("message", models.TextField(blank=True, default="", verbose_name="message")),
                ("forgotten_at", models.DateTimeField(blank=True, null=True, verbose_name="snapshots forgotten")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked")),
                ("damaged_since", models.DateTimeField(blank=True, null=True, verbose_name="damaged since")),
                (
                    "archive",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="maintenance",
                        to="orgs.archive",
                        verbose_name="archive",
                    ),
                ),
            ],
            options={
                "verbose_name": "maintenance of an archive",
                "verbose_name_plural": "maintenance of archives",
                "ordering": ["archive"],
            },
        ),
    ]
