"""Adds requested restores: what the programs on devices are to restore there."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0016_maintenance_of_archives"),
    ]

    operations = [
        migrations.CreateModel(
            name="RestoreJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("snapshot", models.CharField(max_length=64, verbose_name="snapshot")),
                ("paths", models.JSONField(blank=True, default=list, verbose_name="paths")),
                ("file_count", models.PositiveBigIntegerField(blank=True, null=True, verbose_name="files")),
                ("size_bytes", models.PositiveBigIntegerField(blank=True, null=True, verbose_name="bytes")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for the computer"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("requested_by", models.CharField(max_length=255, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "message",
                    models.TextField(
                        blank=True,
                        default="",
                        validators=[django.core.validators.MaxLengthValidator(4000)],
                        verbose_name="message",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="restore_jobs",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "requested restore",
                "verbose_name_plural": "requested restores",
                "ordering": ["-requested_at", "-pk"],
                "indexes": [models.Index(fields=["device", "state", "requested_at"], name="restores_of_a_device")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "waiting")),
                            models.Q(models.Q(("state", "waiting"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_restore_that_ended_says_when",
                    )
                ],
            },
        ),
    ]
