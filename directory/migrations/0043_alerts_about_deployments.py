"""Lets alerts be about many new devices of one person by deployment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0042_mails_about_backups"),
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
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
