"""Requested restores: what the program on a device is to restore into a new folder there, and how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device

# A computer that does not come within this time restores nothing any more.
WAITS_FOR = timedelta(days=7)
# The length of a message, in characters.
LONGEST_WORDS = 4000


class RestoreState(models.TextChoices):
    """How far a requested restore is."""

    WAITING = "waiting", _("waiting for the computer")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    EXPIRED = "expired", _("expired")


class RestoreJobQuerySet(models.QuerySet["RestoreJob"]):
    """Named questions about requested restores."""

    def waiting(self) -> RestoreJobQuerySet:
        """Those that no computer has done yet."""
        return self.filter(state=RestoreState.WAITING)

    def to_be_done(self, *, at: datetime) -> RestoreJobQuerySet:
        """Those that a computer gets when it asks, the oldest first."""
        return self.waiting().filter(requested_at__gt=at - WAITS_FOR).order_by("requested_at", "pk")

    def overdue(self, *, at: datetime) -> RestoreJobQuerySet:
        """Those whose computers have not come in time."""
        return self.waiting().filter(requested_at__lte=at - WAITS_FOR)


class RestoreJob(models.Model):
    """One restore that an administrator, or the user, requested from the console.

    No paths: everything in the snapshot. Counts are None where nobody counted, as the user holds the password, or as there is
    too much.
    """

    id: int
    # No index here: the index below begins with the device.
    device = models.ForeignKey(
        Device, models.CASCADE, verbose_name=_("device"), related_name="restore_jobs", db_index=False
    )
    snapshot = models.CharField(_("snapshot"), max_length=64)
    paths = models.JSONField(_("paths"), default=list, blank=True)
    file_count = models.PositiveBigIntegerField(_("files"), null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("bytes"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=RestoreState.choices, default=RestoreState.WAITING)
    # The name, for the page; the audit trail has the person.
    requested_by = models.CharField(_("requested by"), max_length=255)
    requested_at = models.DateTimeField(_("requested"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    message = models.TextField(_("message"), blank=True, default="", validators=[MaxLengthValidator(LONGEST_WORDS)])

    objects = models.Manager.from_queryset(RestoreJobQuerySet)()

    class Meta:
        verbose_name = _("requested restore")
        verbose_name_plural = _("requested restores")
        ordering = ["-requested_at", "-pk"]
        indexes = [models.Index(fields=["device", "state", "requested_at"], name="restores_of_a_device")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at=None) | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="a_restore_that_ended_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.state}"
