"""Adds deployment policies, the devices that came by them, and attempts that were refused."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orgs", "0014_self_service"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeploymentPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, unique=True, verbose_name="name")),
                (
                    "sha256",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^[0-9a-f]{64}$")],
                        verbose_name="SHA-256",
                    ),
                ),
                ("token_at", models.DateTimeField(verbose_name="token made")),
                ("every_org", models.BooleanField(default=False, verbose_name="reaches every org")),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("networks", models.JSONField(blank=True, default=list, verbose_name="networks")),
                (
                    "device_limit",
                    models.PositiveIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)], verbose_name="most devices"
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("author", models.CharField(max_length=255, verbose_name="created by")),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployment_policies",
                        to="orgs.org",
                        verbose_name="registration org",
                    ),
                ),
            ],
            options={
                "verbose_name": "deployment policy",
                "verbose_name_plural": "deployment policies",
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="DeployedDevice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("policy_name", models.CharField(max_length=255, verbose_name="name of the policy")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("address", models.CharField(max_length=64, verbose_name="address")),
                ("new_user", models.BooleanField(default=False, verbose_name="user was new")),
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deployment",
                        to="orgs.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deployed_devices",
                        to="orgs.deploymentpolicy",
                        verbose_name="deployment policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "deployed device",
                "verbose_name_plural": "deployed devices",
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["policy", "-at"], name="devices_of_a_policy")],
            },
        ),
        migrations.CreateModel(
            name="DeploymentRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("address", models.CharField(max_length=64, verbose_name="address")),
                ("username", models.CharField(blank=True, max_length=255, verbose_name="username")),
                ("device_name", models.CharField(blank=True, max_length=255, verbose_name="device")),
                ("code", models.CharField(max_length=32, verbose_name="code")),
                ("sentence", models.TextField(verbose_name="reason")),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refusals",
                        to="orgs.deploymentpolicy",
                        verbose_name="deployment policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "refused deployment",
                "verbose_name_plural": "refused deployments",
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["policy", "-at"], name="refusals_of_a_policy")],
            },
        ),
    ]
