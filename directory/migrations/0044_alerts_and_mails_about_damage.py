"""Lets alerts and mails be about damage in archives."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0043_alerts_about_deployments"),
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
                    ("deployment", "many new devices"),
                    ("damaged archive", "damaged archive"),
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
                    ("damaged archive", "damaged archives"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
