"""Help texts of LDAP servers stand in the registry of their fields only. Neither rows nor columns change."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0035_names_of_stored_things"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ldapserver",
            name="absence_hours",
            field=models.PositiveIntegerField(
                default=0,
                validators=[django.core.validators.MaxValueValidator(8760)],
                verbose_name="absent for how many hours",
            ),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="absence_runs",
            field=models.PositiveSmallIntegerField(
                default=1,
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                verbose_name="absent in how many syncs in a row",
            ),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="canary",
            field=models.CharField(blank=True, max_length=255, verbose_name="canary entry"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="cannot_page",
            field=models.BooleanField(default=False, verbose_name="this server can't page"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="client_certificate",
            field=models.TextField(blank=True, verbose_name="client certificate"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="dereference_aliases",
            field=models.BooleanField(default=False, verbose_name="dereference aliases"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="full_reading_every",
            field=models.PositiveSmallIntegerField(
                default=1,
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                verbose_name="full reading every how many syncs",
            ),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="groups_base",
            field=models.CharField(blank=True, default="", max_length=1024, verbose_name="base of groups"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="groups_depth",
            field=models.PositiveSmallIntegerField(
                default=10,
                validators=[django.core.validators.MaxValueValidator(100)],
                verbose_name="how many levels of groups in groups",
            ),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="groups_filter",
            field=models.TextField(blank=True, default="", verbose_name="filter of groups"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="left_out_contexts",
            field=models.JSONField(blank=True, default=list, verbose_name="referrals left out"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="needed_attributes_only",
            field=models.BooleanField(default=False, verbose_name="ask only for needed attributes"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="requires_approval",
            field=models.BooleanField(default=False, verbose_name="plans need the approval of a second administrator"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="resolve_groups",
            field=models.BooleanField(default=False, verbose_name="resolve groups"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="sasl_external",
            field=models.BooleanField(
                default=False, verbose_name="sign in with the client certificate (SASL EXTERNAL)"
            ),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="search_base",
            field=models.CharField(blank=True, max_length=1024, verbose_name="search base"),
        ),
        migrations.AlterField(
            model_name="ldapserver",
            name="sync_interval_hours",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(8760)],
                verbose_name="sync interval in hours",
            ),
        ),
    ]
