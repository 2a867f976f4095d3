"""Adds acts on many users at once, and the users of each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0037_last_seen_entries_name_their_run"),
        ("orgs", "0011_audit_names_bulk_acts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkAct",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("move", "Move"),
                            ("add-role", "Add a role"),
                            ("remove-role", "Remove a role"),
                            ("hold", "Put on hold"),
                            ("unblock", "Unblock"),
                            ("reactivate", "Reactivate"),
                            ("block", "Block"),
                            ("deactivate", "Deactivate"),
                        ],
                        max_length=16,
                        verbose_name="act",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("prepared", "not confirmed yet"),
                            ("queued", "queued"),
                            ("working", "working"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                            ("failed", "failed"),
                        ],
                        default="prepared",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("started_by_label", models.CharField(max_length=255, verbose_name="begun by")),
                ("filters", models.TextField(blank=True, verbose_name="filters")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed")),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished")),
                ("total", models.PositiveIntegerField(verbose_name="users")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("left_out", models.PositiveIntegerField(default=0, verbose_name="left out")),
                ("failed", models.PositiveIntegerField(default=0, verbose_name="failed")),
                ("typed_count", models.PositiveIntegerField(blank=True, null=True, verbose_name="typed number")),
                ("limits", models.JSONField(blank=True, default=list, verbose_name="passed limits")),
                ("cancel_requested", models.BooleanField(default=False, verbose_name="cancel requested")),
                ("owner", models.CharField(blank=True, max_length=255, verbose_name="worked on by")),
                ("fence", models.PositiveIntegerField(default=0, editable=False)),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("lease_until", models.DateTimeField(blank=True, null=True, verbose_name="lease until")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                (
                    "matter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orgs.matter",
                        verbose_name="matter",
                    ),
                ),
                (
                    "org",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orgs.org",
                        verbose_name="new org",
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orgs.role",
                        verbose_name="role",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="begun by",
                    ),
                ),
                (
                    "undo_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undos",
                        to="directory.bulkact",
                        verbose_name="undo of",
                    ),
                ),
            ],
            options={
                "verbose_name": "bulk act",
                "verbose_name_plural": "bulk acts",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="BulkActUser",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("blocked instead", "blocked instead"),
                            ("left out", "left out"),
                            ("failed", "failed"),
                        ],
                        default="waiting",
                        max_length=16,
                        verbose_name="result",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("outside", "outside the part of the acting person"),
                            ("own", "the acting person's own account"),
                            ("already", "already so"),
                            ("unfit", "deactivated, so signed out already"),
                            ("org out of use", "in an org that is not in use"),
                            ("changed", "changed since, by somebody else"),
                            ("holds more", "would give more than the acting person holds"),
                            ("last SYSADMIN", "the last active SYSADMIN"),
                            ("rule", "a rule forbids it"),
                        ],
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                ("detail", models.TextField(blank=True, verbose_name="detail")),
                ("org_before", models.BigIntegerField(blank=True, null=True, verbose_name="org before")),
                ("blocked_before", models.BooleanField(default=False, verbose_name="blocked before")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="at")),
                (
                    "bulk_act",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chosen",
                        to="directory.bulkact",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "user of a bulk act",
                "verbose_name_plural": "users of bulk acts",
                "ordering": ["pk"],
            },
        ),
        migrations.AddIndex(
            model_name="bulkact",
            index=models.Index(fields=["-created_at", "-id"], name="bulk_acts_newest_first"),
        ),
        migrations.AddConstraint(
            model_name="bulkactuser",
            constraint=models.UniqueConstraint(fields=("bulk_act", "user"), name="a_user_is_chosen_once"),
        ),
    ]
