from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0033_attributes_without_a_stamp"),
    ]

    operations = [
        migrations.RenameField(
            model_name="ldapserver",
            old_name="unstamped_attributes",
            new_name="unmarked_attributes",
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="unmarked_attributes",
            field=models.JSONField(
                blank=True, default=list, verbose_name="attributes that change without marking the entry as changed"
            ),
        ),
    ]
