"""Who was absent from the directory, for LDAP servers that wait before they take it for granted."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models import User


class Absence(models.Model):
    """A user whom complete readings did not find, in how many syncs in a row and since when."""

    id: int
    user = models.OneToOneField(User, models.CASCADE, related_name="absence")
    since = models.DateTimeField(_("absent since"))
    runs = models.PositiveIntegerField(_("syncs in a row"), default=1)
    last_run = models.PositiveBigIntegerField(_("last counted run"))

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ["user"]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.runs}"
