"""The entries of each LDAP server as the last reading found them, and the groups that they name."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.jsontext import JsonTextField
from directory.models.servers.ldap_server import LdapServer
from orgs.models import User


class StoredEntry(models.Model):
    """One entry as it was last read, the user that it was matched to, and its verdict.

    ``digest`` is a hash of scripts, mapping and settings, followed by a hash of what the server sent. ``run_id`` is the run
    that wrote the row; a reading that finds the entry unchanged leaves the row alone. ``settled``: the verdict is valid
    while the digest stays the same. ``ambiguous``: more than one user has a claim to the entry.
    """

    id: int
    # The constraint's index begins with the server. No foreign key in the database, as for planned matches and matches.
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="entries", db_constraint=False, db_index=False)
    dn = models.TextField(_("DN"))
    dn_key = models.CharField(max_length=64)
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)
    identity: Any = models.JSONField(_("identity"), default=dict)
    attributes: Any = JsonTextField(_("attributes"), default=dict)
    # The attributes of mapping and scripts that the entry has, as a hexadecimal number: see ``NamedAttributes``.
    named = models.CharField(max_length=80, blank=True, default="")
    digest = models.CharField(max_length=64)
    run_id = models.BigIntegerField(_("written by run"))
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="entries", db_constraint=False)
    ambiguous = models.BooleanField(_("claimed by several users"), default=False)
    matched_by = models.CharField(_("matched by"), max_length=16, blank=True)
    verdict: Any = models.JSONField(_("verdict"), null=True)
    settled = models.BooleanField(_("verdict holds while the entry stays"), default=False)
    # Bits of directory.ldap.entry_identity.Trait.
    traits = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("stored entry")
        verbose_name_plural = _("stored entries")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["server", "dn_key"], name="a_dn_is_stored_once_per_server")]
        indexes = [
            models.Index(fields=["server", "run_id"], name="entries_by_run"),
            models.Index(fields=["server", "traits"], condition=Q(traits__gt=0), name="entries_by_trait"),
        ]

    def __str__(self) -> str:
        return self.dn


class NamedGroup(models.Model):
    """A group that stored entries of an LDAP server name as theirs, or named not long ago."""

    id: int
    # No foreign key in the database, as for stored entries.
    server = models.ForeignKey(
        LdapServer, models.CASCADE, related_name="named_groups", db_constraint=False, db_index=False
    )
    key = models.CharField(max_length=64)
    dn = models.TextField(_("DN"))

    class Meta:
        verbose_name = _("group that entries name")
        verbose_name_plural = _("groups that entries name")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["server", "key"], name="a_group_is_named_once_per_server")]

    def __str__(self) -> str:
        return self.dn
