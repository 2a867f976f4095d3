"""Makes the table of sessions that also has user, address and browser; sessions in Django's table end.

Whoever is signed in during the upgrade signs in again, as the new code does not read the old table.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def end_old_sessions(apps, schema_editor):
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0001_squashed_0003"),
        ("sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsoleSession",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("address", models.CharField(blank=True, max_length=64, verbose_name="address")),
                ("browser", models.CharField(blank=True, max_length=300, verbose_name="browser")),
                ("began_at", models.DateTimeField(blank=True, null=True, verbose_name="since")),
                ("last_request_at", models.DateTimeField(blank=True, null=True, verbose_name="last request")),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "ordering": ["-last_request_at", "pk"],
            },
        ),
        migrations.RunPython(end_old_sessions, migrations.RunPython.noop, elidable=True),
    ]
