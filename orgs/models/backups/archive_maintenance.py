"""Maintenance of archives: when snapshots of each were forgotten and when it was checked, and how that ended."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.archives import Archive, user_on_hold
from orgs.models.backups.repositories import RepositoryLocation
from orgs.models.orgs import KeyHolder


class MaintenanceResult(models.TextChoices):
    """How the maintenance of an archive ended."""

    DONE = "done", _("done")
    # A device, or another restic, has locked the archive: its turn comes again.
    BUSY = "busy", _("archive in use")
    DAMAGED = "damaged", _("damaged")
    FAILED = "failed", _("failed")


class ArchiveMaintenance(models.Model):
    """The last maintenance of one archive.

    ``forgotten_at`` and ``checked_at`` are when each last came to its end: the forgetting of snapshots, and the check.
    ``damaged_since`` is when a check first found damage; a check that finds none clears it.
    """

    id: int
    archive = models.OneToOneField(Archive, models.CASCADE, verbose_name=_("archive"), related_name="maintenance")
    tried_at = models.DateTimeField(_("tried"))
    result = models.CharField(_("result"), max_length=8, choices=MaintenanceResult.choices)
    message = models.TextField(_("message"), blank=True, default="")
    forgotten_at = models.DateTimeField(_("snapshots forgotten"), null=True, blank=True)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    damaged_since = models.DateTimeField(_("damaged since"), null=True, blank=True)

    class Meta:
        verbose_name = _("maintenance of an archive")
        verbose_name_plural = _("maintenance of archives")
        ordering = ["archive"]

    def __str__(self) -> str:
        return f"{self.archive_id}: {self.result}"


def maintained() -> Q:
    """Return the condition for archives that are maintained: live, not on their way, with the password in Rollcall."""
    return Q(
        state="live",
        repository__location=RepositoryLocation.LIVE,
        repository__key_holder=KeyHolder.ROLLCALL,
        move=None,
    )


def may_be_shortened() -> Q:
    """Return the condition for archives of which snapshots may be forgotten.

    Under a legal hold none may; archives of blocked users and blocked devices stay as they are, too.
    """
    owner = Q(device__active=True, device__blocked=False, device__user__active=True, device__user__blocked=False)
    return maintained() & owner & Q(~user_on_hold())
