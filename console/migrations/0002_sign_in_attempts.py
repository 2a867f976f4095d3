"""Attempts to sign in get a table of their own, instead of the cache that kept them pickled."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("console", "0001_cache_table")]
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
        migrations.RunSQL("DROP TABLE IF EXISTS console_cache", migrations.RunSQL.noop),
    ]
