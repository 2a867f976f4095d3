"""Lets an org say who holds the keys of new archives."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0018_exports_for_legal_holds"),
    ]

    operations = [
        migrations.AddField(
            model_name="org",
            name="key_holder",
            field=models.CharField(
                blank=True,
                choices=[("rollcall", "Rollcall"), ("user", "the user")],
                db_default="",
                default="",
                help_text="Empty: as the parent org.",
                max_length=8,
                verbose_name="key of new archives",
            ),
        ),
    ]
