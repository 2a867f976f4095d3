"""Adds exports for legal holds."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0017_restores_that_computers_are_asked_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="HoldExport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("device_name", models.CharField(max_length=255, verbose_name="device")),
                ("guid", models.CharField(max_length=18, verbose_name="GUID")),
                ("every_snapshot", models.BooleanField(default=False, verbose_name="every snapshot")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("working", "under way"),
                            ("done", "ready"),
                            ("failed", "failed"),
                            ("removed", "removed"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("requested_by", models.CharField(max_length=255, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="removed at")),
                ("message", models.TextField(blank=True, default="", verbose_name="message")),
                ("file_count", models.PositiveBigIntegerField(default=0, verbose_name="files")),
                ("files", models.JSONField(blank=True, default=list, verbose_name="parts")),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "matter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exports",
                        to="orgs.matter",
                        verbose_name="matter",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "export for a legal hold",
                "verbose_name_plural": "exports for legal holds",
                "ordering": ["-requested_at", "-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(("ended_at__isnull", False), ("expires_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="an_export_that_is_ready_expires",
                    )
                ],
            },
        ),
    ]
