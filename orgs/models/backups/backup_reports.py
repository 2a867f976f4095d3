"""Reports of backups: what a device says about each backup that it has made or tried."""

from __future__ import annotations

from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device

# The length of a message, in characters; an agent cuts a longer one.
LONGEST_MESSAGE = 4000
# Exit codes of backups with a snapshot: all files, and all but some that could not be read.
WHOLE_BACKUPS = (0, 3)


class BackupReport(models.Model):
    """One backup: how it ended, what it read and stored, and its snapshot; all of it is the device's word."""

    id: int
    # No index here: the index below begins with the device.
    device = models.ForeignKey(
        Device, models.CASCADE, verbose_name=_("device"), related_name="backup_reports", db_index=False
    )
    at = models.DateTimeField(_("at"))
    exit_code = models.PositiveSmallIntegerField(_("exit code"))
    message = models.TextField(_("message"), blank=True, default="", validators=[MaxLengthValidator(LONGEST_MESSAGE)])
    files = models.PositiveBigIntegerField(_("files"), default=0)
    read_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    new_bytes = models.PositiveBigIntegerField(_("new bytes"), default=0)
    seconds = models.PositiveIntegerField(_("seconds"), default=0)
    snapshot = models.CharField(_("snapshot"), max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("report of a backup")
        verbose_name_plural = _("reports of backups")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["device", "-at"], name="reports_of_a_device")]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.exit_code}"
