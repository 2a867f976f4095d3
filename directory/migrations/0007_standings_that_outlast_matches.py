from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("directory", "0006_quick_pages")]

    operations = [
        # Those that are there match nobody's match, so that everybody is decided about once more.
        migrations.AddField("standing", "dn", models.TextField(default=""), preserve_default=False),
        migrations.AddField(
            "standing", "unique_id", models.CharField(default="", max_length=255), preserve_default=False
        ),
    ]
