import secrets

from django.db import migrations, models


def a_mail_for_each_address(apps, schema_editor):
    Mail = apps.get_model("directory", "Mail")
    newest = Mail.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    # Not those that are added here: SQLite reads on into them.
    for mail in Mail.objects.filter(pk__lte=newest).order_by("pk").iterator(chunk_size=500):
        first, *others = mail.recipients or [""]
        Mail.objects.filter(pk=mail.pk).update(recipient=first)
        name, _, domain = mail.message_id.rpartition("@")
        for address in others:
            mail.pk = None
            mail.recipient = address
            mail.recipients = [address]
            mail.message_id = f"{name}-{secrets.token_hex(8)}@{domain}"
            mail.save(force_insert=True)


def one_mail_for_all(apps, schema_editor):
    Mail = apps.get_model("directory", "Mail")
    kept = {}
    for mail in Mail.objects.order_by("pk").iterator(chunk_size=500):
        key = (mail.run_id, mail.kind)
        if key in kept:
            kept[key].recipients.append(mail.recipient)
            mail.delete()
        else:
            kept[key] = mail
            mail.recipients = [mail.recipient]
    for mail in kept.values():
        Mail.objects.filter(pk=mail.pk).update(recipients=mail.recipients)


class Migration(migrations.Migration):
    dependencies = [("directory", "0016_repeated_changes")]

    operations = [
        migrations.RemoveConstraint("mail", "a_run_writes_each_mail_once"),
        migrations.AddField(
            "mail",
            "recipient",
            models.CharField(max_length=320, verbose_name="recipient", default=""),
            preserve_default=False,
        ),
        migrations.RunPython(a_mail_for_each_address, one_mail_for_all),
    ]
