"""Attempts to sign in, stored for all web processes together."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SignInAttempt(models.Model):
    """One attempt that is used up; ``slot`` is a hash of its owner and number."""

    slot = models.CharField(_("slot"), max_length=100, primary_key=True)
    until = models.DateTimeField(_("counts until"), db_index=True)

    class Meta:
        verbose_name = _("attempt to sign in")
        verbose_name_plural = _("attempts to sign in")
        ordering = ["slot"]

    def __str__(self) -> str:
        return self.slot
