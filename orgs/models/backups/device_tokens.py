"""Tokens of devices: what a device shows with each request; only the hash is stored."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models.devices import Device


class DeviceToken(models.Model):
    """The present token of a device, as its SHA-256 in hexadecimal digits; the token itself is nowhere."""

    id: int
    device = models.OneToOneField(Device, models.CASCADE, verbose_name=_("device"), related_name="token")
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, validators=[RegexValidator(r"^[0-9a-f]{64}$")])
    created_at = models.DateTimeField(_("created"))
    used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("token of a device")
        verbose_name_plural = _("tokens of devices")
        ordering = ["device"]

    def __str__(self) -> str:
        return f"{self.device_id}"
