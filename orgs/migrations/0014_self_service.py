"""Adds the time of the last backup of devices, and registration keys of before."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0013_archives_are_counted_and_moved_in_turns"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="last_backup_at",
            field=models.DateTimeField(
                blank=True, help_text="The last backup that came to its end.", null=True, verbose_name="last backup"
            ),
        ),
        migrations.CreateModel(
            name="RenewedKey",
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
                ("renewed_at", models.DateTimeField(verbose_name="renewed")),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renewed_keys",
                        to="orgs.org",
                        verbose_name="org",
                    ),
                ),
            ],
            options={
                "verbose_name": "registration key of before",
                "verbose_name_plural": "registration keys of before",
                "ordering": ["-renewed_at", "-pk"],
            },
        ),
    ]
