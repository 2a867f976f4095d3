"""Archives: the stored backups of devices, each live, in cold storage or expired."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device


class ArchiveState(models.TextChoices):
    """The state of a stored backup."""

    LIVE = "live", _("live")
    COLD_STORAGE = "cold storage", _("cold storage")
    EXPIRED = "expired", _("expired")


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
