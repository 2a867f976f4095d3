"""Registration keys of before: known by their hash, so that whoever still has one hears that it was renewed."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models.orgs import Org


class RenewedKey(models.Model):
    """A registration key that an org had before, as its SHA-256 in hexadecimal digits; it opens nothing."""

    id: int
    org = models.ForeignKey(Org, models.CASCADE, verbose_name=_("org"), related_name="renewed_keys")
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, validators=[RegexValidator(r"^[0-9a-f]{64}$")])
    renewed_at = models.DateTimeField(_("renewed"))

    class Meta:
        verbose_name = _("registration key of before")
        verbose_name_plural = _("registration keys of before")
        ordering = ["-renewed_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.org_id}: {self.renewed_at:%Y-%m-%d}"
