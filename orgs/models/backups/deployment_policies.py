"""Deployment policies: what lets an installer register computers silently, and what each of them has brought."""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device
from orgs.models.orgs import Org
from orgs.models.users import User
from orgs.permissions import Permission


class DeploymentPolicyQuerySet(models.QuerySet["DeploymentPolicy"]):
    """Named questions about deployment policies."""

    def visible_to(self, viewer: User) -> DeploymentPolicyQuerySet:
        """The policies whose org this administrator may see devices of."""
        if viewer.may_everywhere(Permission.ALL_COMPUTER_READ):
            return self
        if viewer.may(Permission.COMPUTER_READ):
            return self.filter(org__path__startswith=viewer.org.path)
        return self.none()

    def managed_by(self, viewer: User) -> DeploymentPolicyQuerySet:
        """The policies that this administrator may change: those of orgs whose users and devices they may change."""
        found = self
        for permission in (Permission.USER, Permission.COMPUTER):
            if not viewer.may(permission):
                return self.none()
            if not viewer.may_everywhere(permission):
                found = found.filter(org__path__startswith=viewer.org.path)
        return found

    def with_device_counts(self) -> DeploymentPolicyQuerySet:
        """Annotate ``device_count``, the number of devices that each policy has brought."""
        return self.annotate(device_count=Count("deployed_devices"))


class DeploymentPolicy(models.Model):
    """What an installer shows instead of a user's password; only the token's SHA-256 is stored, in hexadecimal digits.

    An empty list of ``networks`` allows every address. A policy reaches its org and those below it; where ``every_org`` is true,
    whoever made its present token administers all orgs, and so it reaches all of them.
    """

    id: int
    name = models.CharField(_("name"), max_length=255, unique=True)
    org = models.ForeignKey(Org, models.PROTECT, verbose_name=_("registration org"), related_name="deployment_policies")
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, validators=[RegexValidator(r"^[0-9a-f]{64}$")])
    token_at = models.DateTimeField(_("token made"))
    every_org = models.BooleanField(_("reaches every org"), default=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    expires_at = models.DateTimeField(_("expires"))
    networks = models.JSONField(_("networks"), default=list, blank=True)
    device_limit = models.PositiveIntegerField(_("most devices"), validators=[MinValueValidator(1)])
    created_at = models.DateTimeField(_("created"))
    # The name, for the page; the audit trail has the person.
    author = models.CharField(_("created by"), max_length=255)

    objects = models.Manager.from_queryset(DeploymentPolicyQuerySet)()

    class Meta:
        verbose_name = _("deployment policy")
        verbose_name_plural = _("deployment policies")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def reaches(self, org: Org) -> bool:
        """Return whether devices of users of this org may come by the policy; the policy's org has to be loaded."""
        return self.every_org or org.path.startswith(self.org.path)


class DeployedDevice(models.Model):
    """A device that came by a policy: when, and from which address; it outlives the policy, with the policy's name."""

    id: int
    policy = models.ForeignKey(
        DeploymentPolicy,
        models.SET_NULL,
        verbose_name=_("deployment policy"),
        related_name="deployed_devices",
        null=True,
        db_index=False,
    )
    policy_name = models.CharField(_("name of the policy"), max_length=255)
    device = models.OneToOneField(Device, models.CASCADE, verbose_name=_("device"), related_name="deployment")
    at = models.DateTimeField(_("at"))
    address = models.CharField(_("address"), max_length=64)
    new_user = models.BooleanField(_("user was new"), default=False)

    class Meta:
        verbose_name = _("deployed device")
        verbose_name_plural = _("deployed devices")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["policy", "-at"], name="devices_of_a_policy")]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.policy_name}"


class DeploymentRefusal(models.Model):
    """An attempt with a policy's token that was refused; only the latest ones of each policy are kept."""

    id: int
    policy = models.ForeignKey(
        DeploymentPolicy,
        models.CASCADE,
        verbose_name=_("deployment policy"),
        related_name="refusals",
        db_index=False,
    )
    at = models.DateTimeField(_("at"))
    address = models.CharField(_("address"), max_length=64)
    username = models.CharField(_("username"), max_length=255, blank=True)
    device_name = models.CharField(_("device"), max_length=255, blank=True)
    code = models.CharField(_("code"), max_length=32)
    sentence = models.TextField(_("reason"))

    class Meta:
        verbose_name = _("refused deployment")
        verbose_name_plural = _("refused deployments")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["policy", "-at"], name="refusals_of_a_policy")]

    def __str__(self) -> str:
        return f"{self.policy_id}: {self.code}"
