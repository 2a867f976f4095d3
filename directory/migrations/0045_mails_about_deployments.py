"""Lets mails be about many new devices of one person by deployment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0044_alerts_and_mails_about_damage"),
    ]

    operations = [
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
                    ("damaged archive", "damaged archives"),
                    ("deployment", "many new devices"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
