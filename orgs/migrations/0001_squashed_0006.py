"""Makes the tables of orgs, users, roles, devices, archives, legal holds and the audit.

All in one file, however long, since they belong together. A database that has had every migration named in ``replaces`` has
them as they are made here, and nothing is done to it. Those names are never given to another migration: the numbers go on
with 0007.
"""

import django.core.validators
import django.db.models.deletion
import orgs.models.devices
import orgs.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("orgs", "0001_initial"),
        ("orgs", "0002_nothing_lost"),
        ("orgs", "0003_quick_pages"),
        ("orgs", "0004_fewer_indexes"),
        ("orgs", "0005_no_index_twice"),
        ("orgs", "0006_a_sysadmin_keeps_a_way_in"),
    ]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Matter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("policy", models.CharField(blank=True, max_length=255, verbose_name="preservation policy")),
                ("opened_at", models.DateTimeField(verbose_name="opened")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
            ],
            options={
                "verbose_name": "matter",
                "verbose_name_plural": "matters",
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Role",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("name_key", models.CharField(editable=False, max_length=255, unique=True)),
                ("permissions", models.JSONField(default=list, verbose_name="permissions")),
                ("locked", models.BooleanField(default=False, verbose_name="standard role")),
            ],
            options={
                "verbose_name": "role",
                "verbose_name_plural": "roles",
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Org",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(max_length=255, unique=True)),
                ("depth", models.PositiveIntegerField()),
                ("numchild", models.PositiveIntegerField(default=0)),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("name_key", models.CharField(editable=False, max_length=255)),
                (
                    "registration_key",
                    models.CharField(
                        default=orgs.text.registration_key, max_length=19, unique=True, verbose_name="registration key"
                    ),
                ),
                ("active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "directory_service",
                    models.CharField(
                        blank=True,
                        choices=[("local", "local"), ("ldap", "LDAP")],
                        help_text="Empty: as the parent org.",
                        max_length=8,
                        verbose_name="directory service",
                    ),
                ),
                ("own_default_roles", models.BooleanField(default=False, verbose_name="has default roles of its own")),
                (
                    "archive_retention_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the parent org.",
                        null=True,
                        verbose_name="archive retention in days",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
                (
                    "default_roles",
                    models.ManyToManyField(blank=True, related_name="+", to="orgs.role", verbose_name="default roles"),
                ),
            ],
            options={
                "verbose_name": "org",
                "verbose_name_plural": "orgs",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("active", True)), fields=("name_key",), name="one_active_org_per_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("username", models.CharField(max_length=255, verbose_name="username")),
                ("username_key", models.CharField(editable=False, max_length=255, unique=True)),
                ("email", models.CharField(blank=True, max_length=320, verbose_name="email")),
                ("first_name", models.CharField(blank=True, max_length=255, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=255, verbose_name="last name")),
                ("active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "deactivated_by",
                    models.CharField(
                        blank=True,
                        choices=[("", "nobody"), ("person", "a person"), ("sync", "a sync")],
                        max_length=8,
                        verbose_name="deactivated by",
                    ),
                ),
                ("deactivated_at", models.DateTimeField(blank=True, null=True, verbose_name="deactivated at")),
                ("blocked", models.BooleanField(default=False, verbose_name="blocked")),
                (
                    "blocked_by",
                    models.CharField(
                        blank=True,
                        choices=[("", "nobody"), ("person", "a person"), ("sync", "a sync")],
                        max_length=8,
                        verbose_name="blocked by",
                    ),
                ),
                ("blocked_at", models.DateTimeField(blank=True, null=True, verbose_name="blocked at")),
                ("pending", models.BooleanField(default=False, verbose_name="deactivation pending")),
                (
                    "pending_by",
                    models.CharField(
                        blank=True,
                        choices=[("", "nobody"), ("person", "a person"), ("sync", "a sync")],
                        max_length=8,
                        verbose_name="pending by",
                    ),
                ),
                ("pending_at", models.DateTimeField(blank=True, null=True, verbose_name="pending since")),
                (
                    "managed_locally",
                    models.BooleanField(
                        default=False, help_text="A sync never changes this user.", verbose_name="managed locally"
                    ),
                ),
                ("session_epoch", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "created_by",
                    models.CharField(
                        choices=[
                            ("hand", "by hand"),
                            ("csv", "by CSV"),
                            ("self-service", "by self-service"),
                            ("deployment", "by deployment"),
                        ],
                        default="hand",
                        max_length=16,
                        verbose_name="created",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="users",
                        to="orgs.org",
                        verbose_name="org",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "ordering": ["username_key", "pk"],
                "indexes": [
                    models.Index(fields=["email", "id"], name="users_by_email"),
                    models.Index(fields=["last_name", "first_name", "id"], name="users_by_name"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("active", True), ("deactivated_by", "")),
                            models.Q(("active", False), models.Q(("deactivated_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_deactivated_user_says_who_did_it",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("blocked", False), ("blocked_by", "")),
                            models.Q(("blocked", True), models.Q(("blocked_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_blocked_user_says_who_did_it",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("pending", False), ("pending_by", "")),
                            models.Q(("active", True), ("pending", True), models.Q(("pending_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_pending_deactivation_says_who_wants_it",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "guid",
                    models.CharField(
                        default=orgs.models.devices.new_guid,
                        max_length=18,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^\\d{18}$")],
                        verbose_name="GUID",
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("os", models.CharField(blank=True, max_length=64, verbose_name="operating system")),
                ("app_version", models.CharField(blank=True, max_length=32, verbose_name="app version")),
                ("last_connected", models.DateTimeField(blank=True, null=True, verbose_name="last connected")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "deactivated_by",
                    models.CharField(
                        blank=True,
                        choices=[("", "nobody"), ("person", "a person"), ("sync", "a sync")],
                        max_length=8,
                        verbose_name="deactivated by",
                    ),
                ),
                ("deactivated_at", models.DateTimeField(blank=True, null=True, verbose_name="deactivated at")),
                ("deactivated_with_user", models.BooleanField(default=False, verbose_name="deactivated with its user")),
                ("blocked", models.BooleanField(default=False, verbose_name="blocked")),
                (
                    "authorized",
                    models.BooleanField(
                        default=True,
                        help_text="A deauthorized device backs up again after its user signs in.",
                        verbose_name="authorized",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="devices",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "device",
                "verbose_name_plural": "devices",
                "ordering": ["name", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("active", True), ("deactivated_by", ""), ("deactivated_with_user", False)),
                            models.Q(("active", False), models.Q(("deactivated_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_deactivated_device_says_who_did_it",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Archive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size_bytes", models.PositiveBigIntegerField(default=0, verbose_name="size in bytes")),
                (
                    "state",
                    models.CharField(
                        choices=[("live", "live"), ("cold storage", "cold storage"), ("expired", "expired")],
                        default="live",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("cold_since", models.DateTimeField(blank=True, null=True, verbose_name="in cold storage since")),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires")),
                ("purge_at", models.DateTimeField(blank=True, null=True, verbose_name="purged after")),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="archives",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "archive",
                "verbose_name_plural": "archives",
                "ordering": ["device", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cold_since", None), ("expires_at", None), ("purge_at", None), ("state", "live")),
                            models.Q(
                                ("cold_since__isnull", False),
                                ("expires_at__isnull", False),
                                ("purge_at", None),
                                ("state", "cold storage"),
                            ),
                            models.Q(("purge_at__isnull", False), ("state", "expired")),
                            _connector="OR",
                        ),
                        name="an_archive_has_the_dates_of_its_state",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Custodian",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("added_at", models.DateTimeField(verbose_name="added")),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="custodianships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                (
                    "matter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="custodians",
                        to="orgs.matter",
                        verbose_name="matter",
                    ),
                ),
            ],
            options={
                "verbose_name": "custodian",
                "verbose_name_plural": "custodians",
                "ordering": ["matter", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)),
                        fields=("matter", "user"),
                        name="a_matter_holds_a_user_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("granted_at", models.DateTimeField(auto_now_add=True, verbose_name="granted")),
                ("granted_by", models.CharField(blank=True, max_length=255, verbose_name="granted by")),
                (
                    "role",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="orgs.role"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="grants",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "role grant",
                "verbose_name_plural": "role grants",
                "constraints": [models.UniqueConstraint(fields=("user", "role"), name="a_role_is_granted_once")],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("actor_label", models.CharField(max_length=255, verbose_name="who or what")),
                ("run_id", models.BigIntegerField(blank=True, db_index=True, null=True, verbose_name="run")),
                ("action", models.CharField(max_length=64, verbose_name="action")),
                ("object_type", models.CharField(max_length=32, verbose_name="kind")),
                ("object_id", models.BigIntegerField(verbose_name="id")),
                ("object_label", models.CharField(max_length=255, verbose_name="what")),
                ("before", models.JSONField(default=dict, verbose_name="before")),
                ("after", models.JSONField(default=dict, verbose_name="after")),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object"),
                    models.Index(fields=["-at", "-id"], name="audit_newest_first"),
                    models.Index(fields=["action", "id"], name="audit_by_action"),
                    models.Index(fields=["actor_label", "id"], name="audit_by_actor"),
                    models.Index(fields=["object_label", "id"], name="audit_by_object_label"),
                ],
            },
        ),
        migrations.AddField(
            model_name="user",
            name="roles",
            field=models.ManyToManyField(
                related_name="users", through="orgs.RoleGrant", to="orgs.role", verbose_name="roles"
            ),
        ),
    ]
