from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the rows' own change: PostgreSQL alters no table that has rows written in the same transaction.
    dependencies = [("directory", "0017_a_mail_for_each_address")]

    operations = [
        migrations.RemoveField("mail", "recipients"),
        migrations.AddConstraint(
            "mail", models.UniqueConstraint(fields=("run", "kind", "recipient"), name="a_run_writes_each_mail_once")
        ),
    ]
