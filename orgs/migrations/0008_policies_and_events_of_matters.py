"""Adds preservation policies and the events of matters; matters get a reference, and the org that they belong to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

EVENTS = (
    ("opened", "Opened"),
    ("edited", "Edited"),
    ("closed", "Closed"),
    ("reopened", "Reopened"),
    ("custodian added", "Put on hold"),
    ("custodian released", "Released"),
    ("blocked instead of deactivated", "Blocked instead of deactivated"),
    ("deactivation cancelled", "Pending deactivation cancelled"),
    ("pending deactivation carried out", "Pending deactivation carried out"),
)


def _id() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("orgs", "0007_roles_that_need_a_second_factor")]

    operations = [
        migrations.CreateModel(
            name="PreservationPolicy",
            fields=[
                ("id", _id()),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("kept", models.TextField(blank=True, verbose_name="what is kept")),
                (
                    "org",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="preservation_policies",
                        to="orgs.org",
                        verbose_name="org",
                    ),
                ),
            ],
            options={
                "verbose_name": "preservation policy",
                "verbose_name_plural": "preservation policies",
                "ordering": ["name", "pk"],
            },
        ),
        migrations.AddField(
            model_name="matter",
            name="org",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="matters",
                to="orgs.org",
                verbose_name="org",
            ),
        ),
        migrations.AddField(
            model_name="matter",
            name="reference",
            field=models.CharField(blank=True, db_default="", default="", max_length=255, verbose_name="reference"),
        ),
        migrations.AddField(
            model_name="matter",
            name="preservation_policy",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="matters",
                to="orgs.preservationpolicy",
                verbose_name="preservation policy",
            ),
        ),
        migrations.CreateModel(
            name="MatterEvent",
            fields=[
                ("id", _id()),
                ("at", models.DateTimeField(verbose_name="when")),
                ("kind", models.CharField(choices=EVENTS, max_length=40, verbose_name="event")),
                ("actor_label", models.CharField(blank=True, max_length=255, verbose_name="who or what")),
                ("run_id", models.BigIntegerField(null=True, verbose_name="run")),
                ("details", models.JSONField(default=dict, verbose_name="details")),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
                (
                    "matter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="orgs.matter",
                        verbose_name="matter",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="matter_events",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "event of a matter",
                "verbose_name_plural": "events of matters",
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(fields=["matter", "-at", "-id"], name="events_of_a_matter"),
                    models.Index(fields=["-at", "-id"], name="matter_events_newest_first"),
                ],
            },
        ),
    ]
