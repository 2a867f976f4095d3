"""Adds to roles whether their holders need a second factor."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orgs", "0001_squashed_0006")]

    operations = [
        migrations.AddField(
            model_name="role",
            name="needs_second_factor",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Whoever has this role sets up a second factor before anything else.",
                verbose_name="needs a second factor",
            ),
        ),
    ]
