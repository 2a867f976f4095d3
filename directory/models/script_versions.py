"""The history of each server's scripts: immutable versions with author and time."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer


class ScriptVersion(models.Model):
    """One source of a script as it was saved; rows are never updated."""

    id: int
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="script_versions")
    script = models.CharField(_("script"), max_length=16)
    source = models.TextField(_("source"), blank=True)
    author = models.CharField(_("author"), max_length=255)
    created_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("script version")
        verbose_name_plural = _("script versions")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.script} {self.pk}"
