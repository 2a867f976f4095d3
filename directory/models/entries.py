"""What was last read from each LDAP server, and which entry each user was last matched to."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.servers import LdapServer
from orgs.models import User


class Match(models.Model):
    """The LDAP server, DN and immutable id that a user was last matched to by a real run or at creation."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="match")
    server = models.ForeignKey(LdapServer, models.SET_NULL, null=True, related_name="matches")
    dn = models.TextField(_("DN"))
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True, db_index=True)
    matched_at = models.DateTimeField(_("matched"))

    class Meta:
        verbose_name = _("match")
        verbose_name_plural = _("matches")

    def __str__(self) -> str:
        return self.dn


class StoredEntry(models.Model):
    """One entry as it was last read, who it may be, and what the scripts said of it."""

    id: int
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="entries")
    dn = models.TextField(_("DN"))
    dn_key = models.CharField(max_length=64)
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)
    identity: Any = models.JSONField(_("identity"), default=dict)
    attributes: Any = models.JSONField(_("attributes"), default=dict)
    digest = models.CharField(max_length=64)
    run_id = models.BigIntegerField(_("read by run"))
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="entries")
    contested = models.BooleanField(_("claimed by several users"), default=False)
    matched_by = models.CharField(_("matched by"), max_length=16, blank=True)
    chosen = models.BooleanField(_("decided for its user"), default=False)
    verdict: Any = models.JSONField(_("verdict"), null=True)

    class Meta:
        verbose_name = _("stored entry")
        verbose_name_plural = _("stored entries")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["server", "dn_key"], name="a_dn_is_stored_once_per_server")]
        indexes = [models.Index(fields=["server", "run_id"], name="entries_by_run")]

    def __str__(self) -> str:
        return self.dn
