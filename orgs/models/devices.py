"""Devices: the computers that back up; each belongs to one user."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.apps import apps
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from orgs.models.users import SetBy, User
from orgs.permissions import Permission


def new_guid() -> str:
    """Return a new 18-digit device GUID that does not begin with 0."""
    return str(10**17 + secrets.randbelow(9 * 10**17))


class DeviceQuerySet(models.QuerySet["Device"]):
    """Named questions about devices."""

    def visible_to(self, viewer: User) -> DeviceQuerySet:
        """The devices that this administrator may see."""
        if viewer.may_everywhere(Permission.ALL_COMPUTER_READ):
            return self
        if viewer.may(Permission.COMPUTER_READ):
            return self.filter(user__org__path__startswith=viewer.org.path)
        return self.none()

    def managed_by(self, viewer: User) -> DeviceQuerySet:
        """The devices that this administrator may change."""
        if viewer.may_everywhere(Permission.COMPUTER):
            return self
        return (
            self.filter(user__org__path__startswith=viewer.org.path) if viewer.may(Permission.COMPUTER) else self.none()
        )

    def without_backup_since(self, moment: datetime) -> DeviceQuerySet:
        """The devices that may back up, have signed in once, and have made no backup since."""
        # The model by name: archives import this module. A device has a repository from its first sign-in on.
        repositories = apps.get_model("orgs", "Repository").objects.filter(archive__device=OuterRef("pk"))
        is_late = Q(last_backup_at__lt=moment) | Q(last_backup_at=None, created_at__lt=moment)
        return self.filter(
            is_late, Exists(repositories), active=True, blocked=False, user__active=True, user__blocked=False
        )

    def with_stored_bytes(self) -> DeviceQuerySet:
        """Annotate ``stored_bytes``, the size of each device's archives."""
        # The model by name: the module of archives imports this one. A subquery, not a join: it sums for the rows of
        # one page only.
        archives = apps.get_model("orgs", "Archive").objects.filter(device=OuterRef("pk")).order_by().values("device")
        total = archives.annotate(total=Sum("size_bytes")).values("total")
        return self.annotate(stored_bytes=Coalesce(Subquery(total), 0))


class Device(models.Model):
    """A computer of one user that backs up; its GUID never changes."""

    id: int
    guid = models.CharField(
        _("GUID"), max_length=18, unique=True, default=new_guid, validators=[RegexValidator(r"^\d{18}$")]
    )
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="devices")
    name = models.CharField(_("name"), max_length=255)
    os = models.CharField(_("operating system"), max_length=64, blank=True)
    app_version = models.CharField(_("app version"), max_length=32, blank=True)
    last_connected = models.DateTimeField(_("last connected"), null=True, blank=True)
    last_backup_at = models.DateTimeField(
        _("last backup"), null=True, blank=True, help_text=_("The last backup that came to its end.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    active = models.BooleanField(_("active"), default=True)
    deactivated_by = models.CharField(_("deactivated by"), max_length=8, choices=SetBy.choices, blank=True)
    deactivated_at = models.DateTimeField(_("deactivated at"), null=True, blank=True)
    deactivated_with_user = models.BooleanField(_("deactivated with its user"), default=False)
    blocked = models.BooleanField(_("blocked"), default=False)
    blocked_by = models.CharField(
        _("blocked by"), max_length=8, choices=SetBy.choices, blank=True, default="", db_default=""
    )
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True)
    authorized = models.BooleanField(
        _("authorized"), default=True, help_text=_("A deauthorized device backs up again after its user signs in.")
    )

    # No index: all of these devices belong to one user, and those of a user are few.
    in_place_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        verbose_name=_("took the place of"),
        null=True,
        blank=True,
        related_name="computers",
        db_index=False,
        help_text=_("This computer backs up as that device now; what it had as itself is out of use."),
    )

    objects = models.Manager.from_queryset(DeviceQuerySet)()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(active=True, deactivated_by="", deactivated_with_user=False)
                | Q(active=False) & ~Q(deactivated_by=""),
                name="a_deactivated_device_says_who_did_it",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def replaced_devices(self) -> list[Device]:
        """Return the devices in whose place this computer is, one after another: it backs up as the last of them."""
        found: list[Device] = []
        replaced = self.in_place_of
        while replaced is not None and replaced not in found:
            found.append(replaced)
            replaced = replaced.in_place_of
        return found
