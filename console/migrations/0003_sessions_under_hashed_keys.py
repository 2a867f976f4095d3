from django.db import migrations


def end_sessions(apps, schema_editor):
    """Their keys stand in the open, and are looked for under a hash from now on: everybody signs in once more."""
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("console", "0002_sign_in_attempts"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(end_sessions, migrations.RunPython.noop)]
