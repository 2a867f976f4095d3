"""Archives: the stored backups of devices, each live, in cold storage or expired."""

from __future__ import annotations

from datetime import datetime

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device
from orgs.models.users import User
from orgs.permissions import Permission


class ArchiveState(models.TextChoices):
    """The state of a stored backup."""

    LIVE = "live", _("live")
    COLD_STORAGE = "cold storage", _("cold storage")
    EXPIRED = "expired", _("expired")


class ArchiveQuerySet(models.QuerySet["Archive"]):
    """Named questions about archives."""

    def visible_to(self, viewer: User) -> ArchiveQuerySet:
        """The archives of the devices that this administrator may see."""
        return self._within(viewer, Permission.COMPUTER_READ)

    def managed_by(self, viewer: User) -> ArchiveQuerySet:
        """The archives of the devices that this administrator may change."""
        return self._within(viewer, Permission.COMPUTER)

    def with_hold(self) -> ArchiveQuerySet:
        """Annotate ``on_hold``: the user of the device is on legal hold."""
        return self.annotate(on_hold=user_on_hold())

    def on_legal_hold(self) -> ArchiveQuerySet:
        """Archives of users on legal hold: they neither expire nor are purged."""
        return self.filter(user_on_hold())

    def not_on_legal_hold(self) -> ArchiveQuerySet:
        """Archives of users who are on no legal hold."""
        return self.exclude(user_on_hold())

    def lost(self, *, at: datetime) -> ArchiveQuerySet:
        """Archives that do not come back: expired, or past their date and not on legal hold."""
        overdue = Q(state=ArchiveState.COLD_STORAGE, expires_at__lte=at)
        return self.filter(Q(state=ArchiveState.EXPIRED) | overdue & ~user_on_hold())

    def _within(self, viewer: User, permission: Permission) -> ArchiveQuerySet:
        if viewer.may_everywhere(permission):
            return self
        if viewer.may(permission):
            return self.filter(device__user__org__path__startswith=viewer.org.path)
        return self.none()


def user_on_hold() -> Exists:
    """Return the condition for archives whose user is custodian of an open matter."""
    # The model by name: the module of legal holds comes later.
    custodians = apps.get_model("orgs", "Custodian").objects
    return Exists(custodians.filter(user=OuterRef("device__user"), released_at=None, matter__closed_at=None))


class Archive(models.Model):
    """A device's stored backup; in cold storage until ``expires_at``, then expired until ``purge_at``."""

    id: int
    device = models.ForeignKey(Device, models.CASCADE, verbose_name=_("device"), related_name="archives")
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=ArchiveState.choices, default=ArchiveState.LIVE)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    cold_since = models.DateTimeField(_("in cold storage since"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    purge_at = models.DateTimeField(_("purged after"), null=True, blank=True)

    objects = models.Manager.from_queryset(ArchiveQuerySet)()

    class Meta:
        verbose_name = _("archive")
        verbose_name_plural = _("archives")
        ordering = ["device", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="live", cold_since=None, expires_at=None, purge_at=None)
                | Q(state="cold storage", cold_since__isnull=False, expires_at__isnull=False, purge_at=None)
                | Q(state="expired", purge_at__isnull=False),
                name="an_archive_has_the_dates_of_its_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}/{self.pk}"
