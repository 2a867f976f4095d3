"""The sync's own settings: one row for the whole console."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncSettings(models.Model):
    """When syncs run by schedule, what they may reactivate, and who gets their mails."""

    interval_hours = models.PositiveIntegerField(
        _("sync interval in hours"),
        default=12,
        validators=[MaxValueValidator(24 * 365)],
        help_text=_("0: never by itself."),
    )
    interval_since = models.DateTimeField(_("interval counted from"), null=True, blank=True)
    reactivate_set_by_person = models.BooleanField(
        _("reactivate users whom a person deactivated or blocked"), default=False
    )
    reactivate_devices = models.BooleanField(_("reactivate devices with their user"), default=True)
    notification_addresses = models.JSONField(_("notification addresses"), default=list, blank=True)
    notify_administrators = models.BooleanField(_("also mail all users with an administrative role"), default=True)

    class Meta:
        verbose_name = _("sync settings")
        verbose_name_plural = _("sync settings")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="sync_settings_are_one_row")]

    def __str__(self) -> str:
        return str(_("sync settings"))

    @classmethod
    def load(cls) -> SyncSettings:
        """Return the settings; make them with the defaults on a new installation."""
        settings, _created = cls.objects.get_or_create(pk=1)
        return settings
