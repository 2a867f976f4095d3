"""Makes the tables of LDAP servers, runs, their changes and mails, and of what is kept from run to run.

All in one file, however long, since they belong together. A database that has had every migration named in ``replaces`` has
them as they are made here, and nothing is done to it. Those names are never given to another migration: the numbers go on
with 0035.
"""

import directory.models.fields
import directory.models.jsontext
import directory.models.servers
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("directory", "0001_initial"),
        ("directory", "0002_nothing_lost"),
        ("directory", "0003_kept_verdicts"),
        ("directory", "0004_matched_grounds"),
        ("directory", "0005_script_pages"),
        ("directory", "0006_quick_pages"),
        ("directory", "0007_standings_that_outlast_matches"),
        ("directory", "0008_incremental_readings"),
        ("directory", "0009_fewer_indexes"),
        ("directory", "0010_needed_attributes"),
        ("directory", "0011_unchecked_working_rows"),
        ("directory", "0012_kept_as_text"),
        ("directory", "0013_unchecked_changes"),
        ("directory", "0014_what_a_plan_relies_on"),
        ("directory", "0015_alerts_know_their_server"),
        ("directory", "0016_repeated_changes"),
        ("directory", "0017_a_mail_for_each_address"),
        ("directory", "0018_mails_without_lists"),
        ("directory", "0019_noted_ids"),
        ("directory", "0020_readings_note_who_asked"),
        ("directory", "0021_more_limits"),
        ("directory", "0022_incomplete_runs"),
        ("directory", "0023_runs_are_cleared"),
        ("directory", "0024_limit_of_lost_ids"),
        ("directory", "0025_where_people_were_found"),
        ("directory", "0026_last_seen_entries"),
        ("directory", "0027_which_plans_are_older"),
        ("directory", "0028_servers_that_cannot_page"),
        ("directory", "0029_groups"),
        ("directory", "0030_client_certificates"),
        ("directory", "0031_groups_that_entries_name"),
        ("directory", "0032_referrals_left_out_and_aliases"),
        ("directory", "0033_attributes_without_a_stamp"),
        ("directory", "0034_attributes_that_mark_no_change"),
    ]

    initial = True

    dependencies = [
        ("orgs", "0001_squashed_0006"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LdapServer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("name_key", models.CharField(editable=False, max_length=255, unique=True)),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("position", models.PositiveIntegerField(default=0, verbose_name="position")),
                ("urls", models.JSONField(default=list, verbose_name="URLs")),
                ("start_tls", models.BooleanField(default=False, verbose_name="StartTLS")),
                ("verify_certificates", models.BooleanField(default=True, verbose_name="check certificates")),
                ("ca_certificate", models.TextField(blank=True, verbose_name="CA certificate")),
                ("bind_dn", models.CharField(blank=True, max_length=1024, verbose_name="bind DN")),
                (
                    "bind_password",
                    directory.models.fields.EncryptedTextField(blank=True, default="", verbose_name="bind password"),
                ),
                (
                    "connect_timeout",
                    models.PositiveIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(300),
                        ],
                        verbose_name="connect time-out",
                    ),
                ),
                (
                    "operation_timeout",
                    models.PositiveIntegerField(
                        default=60,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                        verbose_name="operation time-out",
                    ),
                ),
                ("follow_referrals", models.BooleanField(default=False, verbose_name="follow referrals")),
                (
                    "search_base",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the whole directory, for a Global Catalog of Active Directory (port 3268 or 3269).",
                        max_length=1024,
                        verbose_name="search base",
                    ),
                ),
                (
                    "search_scope",
                    models.CharField(
                        choices=[
                            ("subtree", "the whole subtree"),
                            ("onelevel", "one level"),
                            ("base", "the base entry only"),
                        ],
                        default="subtree",
                        max_length=8,
                        verbose_name="search scope",
                    ),
                ),
                ("search_filter", models.TextField(default="(objectClass=person)", verbose_name="search filter")),
                (
                    "page_size",
                    models.PositiveIntegerField(
                        default=1000,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                        verbose_name="page size",
                    ),
                ),
                ("username_attribute", models.CharField(default="uid", max_length=255, verbose_name="username")),
                ("email_attribute", models.CharField(blank=True, default="mail", max_length=255, verbose_name="email")),
                (
                    "first_name_attribute",
                    models.CharField(blank=True, default="givenName", max_length=255, verbose_name="first name"),
                ),
                (
                    "last_name_attribute",
                    models.CharField(blank=True, default="sn", max_length=255, verbose_name="last name"),
                ),
                (
                    "unique_id_attribute",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="immutable id"),
                ),
                (
                    "always_list_attributes",
                    models.JSONField(
                        default=directory.models.servers.default_always_lists, verbose_name="always lists"
                    ),
                ),
                (
                    "active_script",
                    models.TextField(
                        blank=True, default="function(entry) {return true;}", verbose_name="active script"
                    ),
                ),
                ("org_name_script", models.TextField(blank=True, default="", verbose_name="org name script")),
                ("role_name_script", models.TextField(blank=True, default="", verbose_name="role name script")),
                (
                    "limit_deactivations_percent",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="deactivations, percent",
                    ),
                ),
                (
                    "limit_deactivations_count",
                    models.PositiveIntegerField(
                        default=500,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000000),
                        ],
                        verbose_name="deactivations, count",
                    ),
                ),
                (
                    "limit_org_deactivations_percent",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="deactivations in one org, percent",
                    ),
                ),
                (
                    "limit_entries_percent",
                    models.PositiveSmallIntegerField(
                        default=80,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="entries, percent of the last complete reading",
                    ),
                ),
                (
                    "limit_script_errors_percent",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="script errors, percent",
                    ),
                ),
                (
                    "limit_moves_percent",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="moves, percent",
                    ),
                ),
                (
                    "limit_role_changes_percent",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="role changes, percent",
                    ),
                ),
                (
                    "limit_admin_grants",
                    models.PositiveIntegerField(
                        default=5,
                        validators=[django.core.validators.MaxValueValidator(1000)],
                        verbose_name="grants of a role that holds admin",
                    ),
                ),
                (
                    "canary",
                    models.CharField(
                        blank=True,
                        help_text="A username that every reading must find.",
                        max_length=255,
                        verbose_name="canary entry",
                    ),
                ),
                (
                    "sync_interval_hours",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: the server-wide interval. 0: never.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(8760)],
                        verbose_name="sync interval in hours",
                    ),
                ),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "grantable_roles",
                    models.ManyToManyField(
                        related_name="+", to="orgs.role", verbose_name="roles that this server may grant"
                    ),
                ),
                (
                    "absence_hours",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="0: no waiting.",
                        validators=[django.core.validators.MaxValueValidator(8760)],
                        verbose_name="absent for how many hours",
                    ),
                ),
                (
                    "absence_runs",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="1: whoever one complete reading does not find is deactivated by the same sync.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="absent in how many syncs in a row",
                    ),
                ),
                (
                    "requires_approval",
                    models.BooleanField(
                        default=False,
                        help_text="A sync with anything to change then waits until someone other than who started it applies its plan.",
                        verbose_name="plans need the approval of a second administrator",
                    ),
                ),
                (
                    "full_reading_every",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="1: each sync reads everything. Otherwise scheduled syncs in between ask the server for what has changed, and take nobody for absent.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="full reading every how many syncs",
                    ),
                ),
                (
                    "needed_attributes_only",
                    models.BooleanField(
                        default=False,
                        help_text="Those of the mapping, and those whose names stand in the scripts: less to send and to keep where entries are big. To look at any other one is then a script error, which changes nothing for that user.",
                        verbose_name="ask only for needed attributes",
                    ),
                ),
                (
                    "limit_profile_changes_percent",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="name or email changes, percent",
                    ),
                ),
                (
                    "limit_reactivations_percent",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="reactivations, percent",
                    ),
                ),
                (
                    "limit_renames_percent",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="renames, percent",
                    ),
                ),
                (
                    "limit_role_losses_percent",
                    models.PositiveSmallIntegerField(
                        default=50,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="losses of one role, percent of its holders",
                    ),
                ),
                (
                    "limit_vanished_attributes_percent",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="attributes that no entry has any more, percent of the entries that had them",
                    ),
                ),
                (
                    "limit_lost_ids_percent",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="immutable ids that are missing or others, percent",
                    ),
                ),
                (
                    "cannot_page",
                    models.BooleanField(
                        default=False,
                        help_text="For proxies such as OpenLDAP's back-meta, and where pages are not allowed: everything is asked for at once, and counted a second time. The server's size limit has to allow that.",
                        verbose_name="this server can't page",
                    ),
                ),
                (
                    "groups_base",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty: everywhere in the directory where people may be.",
                        max_length=1024,
                        verbose_name="base of groups",
                    ),
                ),
                (
                    "groups_depth",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="0: only groups that name the person themselves.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="how many levels of groups in groups",
                    ),
                ),
                (
                    "groups_filter",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Empty: whatever has a member, uniqueMember or memberUid, and the usual classes of groups.",
                        verbose_name="filter of groups",
                    ),
                ),
                (
                    "resolve_groups",
                    models.BooleanField(
                        default=False,
                        help_text="Scripts get entry.groups: the DNs of all groups that the person is in, directly, through other groups, as primary group, or by name only (memberUid).",
                        verbose_name="resolve groups",
                    ),
                ),
                (
                    "client_certificate",
                    models.TextField(
                        blank=True,
                        help_text="PEM text, with intermediate certificates below it, for servers that ask who connects. Empty: none.",
                        verbose_name="client certificate",
                    ),
                ),
                (
                    "client_key",
                    directory.models.fields.EncryptedTextField(blank=True, default="", verbose_name="client key"),
                ),
                (
                    "sasl_external",
                    models.BooleanField(
                        default=False,
                        help_text="Instead of a bind DN and a password: the server knows by the certificate who connects.",
                        verbose_name="sign in with the client certificate (SASL EXTERNAL)",
                    ),
                ),
                (
                    "dereference_aliases",
                    models.BooleanField(
                        default=False,
                        help_text="Entries of class alias then stand for those that they point to, also outside of the search base. Each sync reads everything.",
                        verbose_name="dereference aliases",
                    ),
                ),
                (
                    "left_out_contexts",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="DNs, one a line: of a child domain, say. Referrals to them and to what is below are not followed, and do not keep anybody from being taken for absent.",
                        verbose_name="referrals left out",
                    ),
                ),
                ("sync_search_failed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("sync_search_failure", models.TextField(blank=True, default="", editable=False)),
                (
                    "unmarked_attributes",
                    models.JSONField(
                        blank=True,
                        default=list,
                        verbose_name="attributes that change without marking the entry as changed",
                    ),
                ),
            ],
            options={
                "verbose_name": "LDAP server",
                "verbose_name_plural": "LDAP servers",
                "ordering": ["position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("connection", "connection"),
                            ("held back", "held back"),
                            ("approval", "waits for approval"),
                            ("incomplete", "incomplete sync"),
                            ("mail", "mail not sent"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("message", models.TextField(verbose_name="message")),
                ("run_id", models.BigIntegerField(blank=True, null=True, verbose_name="run")),
                ("created_at", models.DateTimeField(verbose_name="raised")),
                ("dismissed_at", models.DateTimeField(blank=True, null=True, verbose_name="dismissed")),
                (
                    "dismissed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="directory.ldapserver",
                        verbose_name="LDAP server",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Match",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="match",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("dn", models.TextField(verbose_name="DN")),
                ("unique_id", models.CharField(blank=True, max_length=255, verbose_name="immutable id")),
                ("matched_at", models.DateTimeField(verbose_name="matched")),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="matches",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "deleted_server",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=255,
                        verbose_name="deleted LDAP server",
                    ),
                ),
            ],
            options={
                "verbose_name": "match",
                "verbose_name_plural": "matches",
                "indexes": [models.Index(fields=["unique_id"], name="matches_by_id")],
            },
        ),
        migrations.CreateModel(
            name="OrgServer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField(default=0)),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="server_links", to="orgs.org"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="org_links", to="directory.ldapserver"
                    ),
                ),
            ],
            options={
                "verbose_name": "org's LDAP server",
                "verbose_name_plural": "orgs' LDAP servers",
                "ordering": ["org", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("org", "server"), name="an_org_lists_a_server_once")],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("simulated", models.BooleanField(verbose_name="simulated")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("reading", "reading"),
                            ("planned", "planned"),
                            ("held back", "held back"),
                            ("applying", "applying"),
                            ("applied", "applied"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("discarded", "discarded"),
                        ],
                        default="queued",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[("hand", "by hand"), ("schedule", "by schedule"), ("command", "by command line")],
                        max_length=16,
                        verbose_name="started",
                    ),
                ),
                ("started_by_label", models.CharField(max_length=255, verbose_name="started by")),
                ("approved_by_label", models.CharField(blank=True, max_length=255, verbose_name="plan applied by")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="started at")),
                ("planned_at", models.DateTimeField(blank=True, null=True, verbose_name="planned at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                ("phase", models.CharField(blank=True, max_length=32, verbose_name="phase")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("total", models.PositiveIntegerField(blank=True, null=True, verbose_name="of")),
                ("cancel_requested", models.BooleanField(default=False, verbose_name="cancel requested")),
                ("owner", models.CharField(blank=True, max_length=255, verbose_name="worked on by")),
                ("fence", models.PositiveIntegerField(default=0, editable=False)),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("lease_until", models.DateTimeField(blank=True, null=True, verbose_name="heard of until")),
                ("chosen_servers", models.JSONField(blank=True, default=list, verbose_name="chosen LDAP servers")),
                ("counts", models.JSONField(default=dict, verbose_name="counts")),
                ("org_counts", models.JSONField(default=list, verbose_name="counts per org")),
                ("held_back", models.JSONField(default=list, verbose_name="reasons to hold back")),
                ("warnings", models.JSONField(default=list, verbose_name="warnings")),
                ("unknown_orgs", models.JSONField(default=dict, verbose_name="unknown orgs")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "plan_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="applications",
                        to="directory.run",
                        verbose_name="plan of",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("approval", models.JSONField(default=list, verbose_name="why a second administrator has to approve")),
                ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="plan applied at")),
                (
                    "undo_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undos",
                        to="directory.run",
                        verbose_name="undo of",
                    ),
                ),
                ("incremental", models.BooleanField(default=False, verbose_name="may read only what has changed")),
                ("surroundings", models.JSONField(blank=True, default=dict, editable=False)),
                ("incomplete", models.JSONField(blank=True, default=list, verbose_name="could not be checked")),
            ],
            options={
                "verbose_name": "run",
                "verbose_name_plural": "runs",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Mail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("summary", "summary"),
                            ("incomplete", "incomplete"),
                            ("held back", "held back"),
                            ("approval", "waits for approval"),
                            ("failed", "failed"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("subject", models.CharField(max_length=255, verbose_name="subject")),
                ("body", models.TextField(verbose_name="body")),
                ("message_id", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField(verbose_name="written")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                ("tried_at", models.DateTimeField(blank=True, null=True, verbose_name="last tried")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="mails", to="directory.run"
                    ),
                ),
                ("given_up_at", models.DateTimeField(blank=True, null=True, verbose_name="given up")),
                ("recipient", models.CharField(max_length=320, verbose_name="recipient")),
            ],
            options={
                "verbose_name": "mail",
                "verbose_name_plural": "mails",
                "ordering": ["-created_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "kind", "recipient"), name="a_run_writes_each_mail_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="RunChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("username", models.CharField(max_length=255, verbose_name="username")),
                ("server_name", models.CharField(blank=True, max_length=255, verbose_name="LDAP server")),
                ("outcome", models.CharField(max_length=24, verbose_name="outcome")),
                ("actions", models.JSONField(default=list, verbose_name="actions")),
                ("cause", models.CharField(blank=True, max_length=8, verbose_name="cause")),
                ("facts", models.JSONField(default=dict, verbose_name="facts that the plan relies on")),
                ("before", models.JSONField(default=dict, verbose_name="before")),
                ("after", models.JSONField(default=dict, verbose_name="after")),
                ("steps", directory.models.jsontext.JsonTextField(default=list, verbose_name="steps")),
                ("warnings", models.JSONField(default=list, verbose_name="warnings")),
                ("unknown_org", models.CharField(blank=True, max_length=255, verbose_name="unknown org")),
                ("applied_at", models.DateTimeField(blank=True, null=True, verbose_name="applied")),
                (
                    "org",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orgs.org",
                        verbose_name="org",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stored_changes",
                        to="directory.run",
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "put_back",
                    models.JSONField(
                        blank=True, default=dict, verbose_name="what an undo puts back beside the account"
                    ),
                ),
                (
                    "traces",
                    models.JSONField(
                        blank=True, default=dict, verbose_name="what applying it changed beside the account"
                    ),
                ),
                ("entry", models.BigIntegerField(blank=True, null=True, verbose_name="decided by stored entry")),
                ("digest", models.BigIntegerField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "change",
                "verbose_name_plural": "changes",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["run", "id"], name="changes_in_order"),
                    models.Index(fields=["run", "outcome", "id"], name="changes_by_outcome"),
                    models.Index(
                        condition=models.Q(("digest__isnull", False)), fields=["digest"], name="changes_by_digest"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("user", "run"), name="a_user_has_one_change_per_run")],
            },
        ),
        migrations.CreateModel(
            name="RunServer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("server_name", models.CharField(max_length=255, verbose_name="LDAP server")),
                ("configuration_digest", models.CharField(max_length=64)),
                ("grants_digest", models.CharField(blank=True, max_length=64)),
                ("chosen", models.BooleanField(default=True, verbose_name="chosen, not only a neighbour")),
                ("live", models.BooleanField(default=True)),
                ("url", models.CharField(blank=True, max_length=1024, verbose_name="URL")),
                ("pages", models.PositiveIntegerField(default=0, verbose_name="pages")),
                ("entries", models.PositiveIntegerField(default=0, verbose_name="entries")),
                ("matched", models.PositiveIntegerField(default=0, verbose_name="entries that are users")),
                ("referrals", models.JSONField(default=list, verbose_name="referrals not followed")),
                ("canary_seen", models.BooleanField(default=False)),
                ("complete", models.BooleanField(default=False, verbose_name="read to its end")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("counts", models.JSONField(default=dict, verbose_name="counts")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="readings", to="directory.run"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="readings",
                        to="directory.ldapserver",
                    ),
                ),
                ("proof", models.JSONField(default=dict, verbose_name="what proves that this is all")),
                ("ground", models.CharField(blank=True, max_length=64)),
                ("extent", models.TextField(blank=True, verbose_name="what was read")),
                ("position", models.JSONField(blank=True, default=dict)),
                ("since", models.JSONField(blank=True, default=dict, verbose_name="only changes since")),
                ("attributes", models.JSONField(default=None, null=True, verbose_name="attributes asked for")),
                ("asked_digest", models.CharField(blank=True, max_length=64)),
                (
                    "attribute_counts",
                    models.JSONField(blank=True, default=dict, verbose_name="entries with each attribute"),
                ),
                (
                    "limit_counts",
                    models.JSONField(blank=True, default=dict, verbose_name="what was counted for the limits"),
                ),
                ("computed", models.JSONField(blank=True, default=list)),
            ],
            options={
                "verbose_name": "reading",
                "verbose_name_plural": "readings",
                "ordering": ["run", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("live", True)), fields=("server",), name="one_unfinished_run_per_server"
                    ),
                    models.UniqueConstraint(fields=("run", "server"), name="a_run_reads_a_server_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScriptVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("script", models.CharField(max_length=16, verbose_name="script")),
                ("source", models.TextField(blank=True, verbose_name="source")),
                ("author", models.CharField(max_length=255, verbose_name="author")),
                ("created_at", models.DateTimeField(verbose_name="saved")),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="script_versions",
                        to="directory.ldapserver",
                    ),
                ),
            ],
            options={
                "verbose_name": "script version",
                "verbose_name_plural": "script versions",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="StoredEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dn", models.TextField(verbose_name="DN")),
                ("dn_key", models.CharField(max_length=64)),
                ("unique_id", models.CharField(blank=True, max_length=255, verbose_name="immutable id")),
                ("identity", models.JSONField(default=dict, verbose_name="identity")),
                ("attributes", directory.models.jsontext.JsonTextField(default=dict, verbose_name="attributes")),
                ("digest", models.CharField(max_length=64)),
                ("run_id", models.BigIntegerField(verbose_name="written by run")),
                ("contested", models.BooleanField(default=False, verbose_name="claimed by several users")),
                ("matched_by", models.CharField(blank=True, max_length=16, verbose_name="matched by")),
                ("verdict", models.JSONField(null=True, verbose_name="verdict")),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("settled", models.BooleanField(default=False, verbose_name="verdict holds while the entry stays")),
                ("traits", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("named", models.CharField(blank=True, default="", max_length=80)),
            ],
            options={
                "verbose_name": "stored entry",
                "verbose_name_plural": "stored entries",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["server", "run_id"], name="entries_by_run"),
                    models.Index(
                        condition=models.Q(("traits__gt", 0)), fields=["server", "traits"], name="entries_by_trait"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "dn_key"), name="a_dn_is_stored_once_per_server")
                ],
            },
        ),
        migrations.CreateModel(
            name="SyncSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "interval_hours",
                    models.PositiveIntegerField(
                        default=12,
                        help_text="0: never by itself.",
                        validators=[django.core.validators.MaxValueValidator(8760)],
                        verbose_name="sync interval in hours",
                    ),
                ),
                ("interval_since", models.DateTimeField(blank=True, null=True, verbose_name="interval counted from")),
                (
                    "reactivate_set_by_person",
                    models.BooleanField(
                        default=False, verbose_name="reactivate users whom a person deactivated or blocked"
                    ),
                ),
                (
                    "reactivate_devices",
                    models.BooleanField(default=True, verbose_name="reactivate devices with their user"),
                ),
                (
                    "notification_addresses",
                    models.JSONField(blank=True, default=list, verbose_name="notification addresses"),
                ),
                (
                    "notify_administrators",
                    models.BooleanField(default=True, verbose_name="also mail all users with an administrative role"),
                ),
            ],
            options={
                "verbose_name": "sync settings",
                "verbose_name_plural": "sync settings",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="sync_settings_are_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="Absence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(verbose_name="absent since")),
                ("runs", models.PositiveIntegerField(default=1, verbose_name="syncs in a row")),
                ("last_run", models.PositiveBigIntegerField(verbose_name="last counted run")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="absence", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "absence",
                "verbose_name_plural": "absences",
                "ordering": ["user"],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "part",
                    models.CharField(
                        choices=[("worker", "worker"), ("clock", "clock")], max_length=8, verbose_name="part"
                    ),
                ),
                ("host", models.CharField(max_length=255, verbose_name="host")),
                ("pid", models.PositiveIntegerField(verbose_name="process id")),
                ("queues", models.JSONField(default=list, verbose_name="queues")),
                ("heard_at", models.DateTimeField(verbose_name="heard of")),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
                "ordering": ["-heard_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("part", "host", "pid"), name="a_process_has_one_heartbeat")
                ],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("uploaded_at", models.DateTimeField(verbose_name="uploaded")),
                ("wanted", models.PositiveIntegerField(verbose_name="users to create")),
                ("refused", models.PositiveIntegerField(verbose_name="rows not to create")),
                ("decisions", directory.models.fields.EncryptedTextField()),
                (
                    "org",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orgs.org"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="upload", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "upload",
                "verbose_name_plural": "uploads",
            },
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("house", models.CharField(max_length=64)),
                ("username", models.CharField(max_length=255)),
                ("email", models.CharField(max_length=320)),
                ("first_name", models.CharField(max_length=255)),
                ("last_name", models.CharField(max_length=255)),
                ("org_id", models.BigIntegerField()),
                ("active", models.BooleanField()),
                ("blocked", models.BooleanField()),
                ("deactivated_by", models.CharField(max_length=8)),
                ("blocked_by", models.CharField(max_length=8)),
                ("session_epoch", models.PositiveIntegerField()),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="directory.ldapserver",
                    ),
                ),
                ("dn", models.TextField()),
                ("unique_id", models.CharField(max_length=255)),
            ],
            options={
                "verbose_name": "standing",
                "verbose_name_plural": "standings",
            },
        ),
        migrations.CreateModel(
            name="PlannedMatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dn", models.TextField(verbose_name="DN")),
                ("unique_id", models.CharField(blank=True, max_length=255, verbose_name="immutable id")),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="planned_matches",
                        to="directory.run",
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("by_id", models.BooleanField(default=False, verbose_name="found by a known id")),
                ("further_ids", models.TextField(blank=True, default="", verbose_name="further immutable ids")),
            ],
            options={
                "verbose_name": "planned match",
                "verbose_name_plural": "planned matches",
                "ordering": ["pk"],
                "constraints": [models.UniqueConstraint(fields=("run", "user"), name="a_run_plans_one_match_per_user")],
            },
        ),
        migrations.CreateModel(
            name="ScriptPage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made", models.CharField(max_length=200)),
                ("entries", models.TextField()),
                ("verdicts", models.TextField(blank=True)),
                ("cpu_seconds", models.FloatField(default=0.0)),
                ("claimed_by", models.CharField(blank=True, max_length=64)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("refused", models.BooleanField(default=False)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="script_pages", to="directory.run"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="directory.ldapserver"
                    ),
                ),
            ],
            options={
                "verbose_name": "script page",
                "verbose_name_plural": "script pages",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="RunRepeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.BigIntegerField(verbose_name="first change")),
                ("last", models.BigIntegerField(verbose_name="last change")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="repeats", to="directory.run"
                    ),
                ),
            ],
            options={
                "verbose_name": "repeated changes",
                "verbose_name_plural": "repeated changes",
                "ordering": ["run", "first"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first__lte", models.F("last"))), name="repeats_begin_before_they_end"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KnownId",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("unique_id", models.CharField(max_length=255, verbose_name="immutable id")),
                ("noted_at", models.DateTimeField(verbose_name="noted")),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_ids",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "known id",
                "verbose_name_plural": "known ids",
                "ordering": ["pk"],
                "indexes": [models.Index(fields=["unique_id"], name="known_ids_by_id")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("server", None)),
                        fields=("user", "unique_id"),
                        name="an_id_of_a_user_is_noted_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("server", None), _negated=True),
                        fields=("user", "unique_id", "server"),
                        name="an_id_of_a_user_and_a_server_is_noted_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LastSeen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dn", models.TextField(verbose_name="DN")),
                ("unique_id", models.CharField(blank=True, max_length=255, verbose_name="immutable id")),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="directory.ldapserver",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "last seen entry",
                "verbose_name_plural": "last seen entries",
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "user"), name="a_server_last_had_a_user_at_one_dn")
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=32)),
                ("dn", models.TextField(verbose_name="DN")),
                ("digest", models.CharField(max_length=64)),
                ("content", models.TextField()),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="groups",
                        to="directory.ldapserver",
                    ),
                ),
            ],
            options={
                "verbose_name": "stored group",
                "verbose_name_plural": "stored groups",
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "key"), name="a_group_is_stored_once_per_server")
                ],
            },
        ),
        migrations.CreateModel(
            name="NamedGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("dn", models.TextField(verbose_name="DN")),
                (
                    "server",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="named_groups",
                        to="directory.ldapserver",
                    ),
                ),
            ],
            options={
                "verbose_name": "group that entries name",
                "verbose_name_plural": "groups that entries name",
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "key"), name="a_group_is_named_once_per_server")
                ],
            },
        ),
        migrations.AddField(
            model_name="ldapserver",
            name="orgs",
            field=models.ManyToManyField(related_name="ldap_servers", through="directory.OrgServer", to="orgs.org"),
        ),
        migrations.AddField(
            model_name="run",
            name="servers",
            field=models.ManyToManyField(related_name="runs", through="directory.RunServer", to="directory.ldapserver"),
        ),
        # After the field above, for which SQLite writes the table anew: so its columns come in the order that older databases have.
        migrations.AddField(
            model_name="run",
            name="cleared_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="changes removed"),
        ),
        migrations.AddField(
            model_name="run",
            name="applied_after",
            field=models.PositiveBigIntegerField(
                editable=False, null=True, verbose_name="newest run as the plan was applied"
            ),
        ),
    ]
