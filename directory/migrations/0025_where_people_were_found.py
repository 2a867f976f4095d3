from django.db import migrations, models


def name_what_is_gone(apps, schema_editor):
    """Of servers that were deleted before, nobody knows the name."""
    apps.get_model("directory", "Match").objects.filter(server=None).update(deleted_server="a deleted LDAP server")


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0024_limit_of_lost_ids"),
    ]

    operations = [
        migrations.AddField(
            model_name="match",
            name="deleted_server",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=255,
                verbose_name="deleted LDAP server",
            ),
        ),
        migrations.RunPython(name_what_is_gone, migrations.RunPython.noop, elidable=True),
    ]
