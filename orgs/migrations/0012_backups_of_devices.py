"""Adds tokens of devices, repositories of archives and their moves, and reports of backups."""

import django.core.validators
import django.db.models.deletion
import orgs.models.encrypted_text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0011_audit_names_bulk_acts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ArchiveMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "to",
                    models.CharField(
                        choices=[("live", "live"), ("cold", "cold storage"), ("gone", "deleted")],
                        max_length=4,
                        verbose_name="to",
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("error", models.TextField(blank=True, default="", verbose_name="last error")),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="tries")),
                (
                    "archive",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="move",
                        to="orgs.archive",
                        verbose_name="archive",
                    ),
                ),
            ],
            options={
                "verbose_name": "move of an archive",
                "verbose_name_plural": "moves of archives",
                "ordering": ["started_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="DeviceToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "sha256",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^[0-9a-f]{64}$")],
                        verbose_name="SHA-256",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="last used")),
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="token",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "token of a device",
                "verbose_name_plural": "tokens of devices",
                "ordering": ["device"],
            },
        ),
        migrations.CreateModel(
            name="BackupReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("exit_code", models.PositiveSmallIntegerField(verbose_name="exit code")),
                (
                    "message",
                    models.TextField(
                        blank=True,
                        default="",
                        validators=[django.core.validators.MaxLengthValidator(4000)],
                        verbose_name="message",
                    ),
                ),
                ("files", models.PositiveBigIntegerField(default=0, verbose_name="files")),
                ("read_bytes", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                ("new_bytes", models.PositiveBigIntegerField(default=0, verbose_name="new bytes")),
                ("seconds", models.PositiveIntegerField(default=0, verbose_name="seconds")),
                ("snapshot", models.CharField(blank=True, default="", max_length=64, verbose_name="snapshot")),
                (
                    "device",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backup_reports",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "report of a backup",
                "verbose_name_plural": "reports of backups",
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["device", "-at"], name="reports_of_a_device")],
            },
        ),
        migrations.CreateModel(
            name="Repository",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "password",
                    orgs.models.encrypted_text.EncryptedTextField(
                        blank=True, default="", verbose_name="repository password"
                    ),
                ),
                (
                    "key_holder",
                    models.CharField(
                        choices=[("rollcall", "Rollcall"), ("user", "the user")],
                        default="rollcall",
                        max_length=8,
                        verbose_name="key holder",
                    ),
                ),
                (
                    "location",
                    models.CharField(
                        choices=[("live", "live"), ("moving", "moving"), ("cold", "cold storage")],
                        default="live",
                        max_length=8,
                        verbose_name="location",
                    ),
                ),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="size counted at")),
                (
                    "archive",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repository",
                        to="orgs.archive",
                        verbose_name="archive",
                    ),
                ),
            ],
            options={
                "verbose_name": "repository",
                "verbose_name_plural": "repositories",
                "ordering": ["archive"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("key_holder", "user"), ("password", "")),
                            models.Q(("key_holder", "rollcall"), models.Q(("password", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_repository_password_is_with_its_key_holder",
                    )
                ],
            },
        ),
    ]
