"""Makes the table of attempts to sign in.

A database that has had every migration named in ``replaces`` has it as it is made here, and nothing is done to it. Those names
are never given to another migration: the numbers go on with 0004.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("console", "0001_cache_table"),
        ("console", "0002_sign_in_attempts"),
        ("console", "0003_sessions_under_hashed_keys"),
    ]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="SignInAttempt",
            fields=[
                ("slot", models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name="slot")),
                ("until", models.DateTimeField(db_index=True, verbose_name="counts until")),
            ],
            options={
                "verbose_name": "attempt to sign in",
                "verbose_name_plural": "attempts to sign in",
                "ordering": ["slot"],
            },
        ),
    ]
