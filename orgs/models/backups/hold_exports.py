"""Exports for legal holds: the files of one custodian's device, packed with the SHA-256 of each, until they expire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device
from orgs.models.legal_holds import Matter
from orgs.models.users import User
from orgs.permissions import Permission


class ExportState(models.TextChoices):
    """How far an export is."""

    WAITING = "waiting", _("waiting")
    WORKING = "working", _("under way")
    DONE = "done", _("ready")
    FAILED = "failed", _("failed")
    REMOVED = "removed", _("removed")


class HoldExportQuerySet(models.QuerySet["HoldExport"]):
    """Named questions about exports."""

    def visible_to(self, viewer: User) -> HoldExportQuerySet:
        """The exports of users all of whose files this administrator may restore."""
        if viewer.may_everywhere(Permission.RESTORE):
            return self
        if viewer.may(Permission.RESTORE):
            return self.filter(user__org__path__startswith=viewer.org.path)
        return self.none()

    def unfinished(self) -> HoldExportQuerySet:
        """Those that a worker has to carry out, the oldest first."""
        return self.filter(state__in=[ExportState.WAITING, ExportState.WORKING]).order_by("requested_at", "pk")

    def expired(self, *, at: datetime) -> HoldExportQuerySet:
        """Those whose files are to be removed."""
        return self.filter(state=ExportState.DONE, expires_at__lte=at)


class HoldExport(models.Model):
    """One export; ``files`` are its parts with ``name``, ``size`` and ``sha256``, in the folder that has the row's id.

    ``every_snapshot`` packs all snapshots, otherwise the newest one. The names are those at the time of the request.
    """

    id: int
    matter = models.ForeignKey(Matter, models.CASCADE, verbose_name=_("matter"), related_name="exports")
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("user"), related_name="+")
    device = models.ForeignKey(Device, models.SET_NULL, verbose_name=_("device"), related_name="+", null=True)
    device_name = models.CharField(_("device"), max_length=255)
    guid = models.CharField("GUID", max_length=18)
    every_snapshot = models.BooleanField(_("every snapshot"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=ExportState.choices, default=ExportState.WAITING)
    # The name, for the page; the audit trail has the person.
    requested_by = models.CharField(_("requested by"), max_length=255)
    requested_at = models.DateTimeField(_("requested"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    expires_at = models.DateTimeField(_("removed at"), null=True, blank=True)
    message = models.TextField(_("message"), blank=True, default="")
    file_count = models.PositiveBigIntegerField(_("files"), default=0)
    files: models.JSONField[list[dict[str, Any]], list[dict[str, Any]]] = models.JSONField(
        _("parts"), default=list, blank=True
    )

    objects = models.Manager.from_queryset(HoldExportQuerySet)()

    class Meta:
        verbose_name = _("export for a legal hold")
        verbose_name_plural = _("exports for legal holds")
        ordering = ["-requested_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | Q(ended_at__isnull=False, expires_at__isnull=False),
                name="an_export_that_is_ready_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guid}: {self.state}"

    @property
    def size_bytes(self) -> int:
        """The bytes of all parts."""
        return sum(int(part["size"]) for part in self.files)
