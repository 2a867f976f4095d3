"""Stored entries of each LDAP server, the match of each user, and cached decisions."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.jsontext import JsonTextField
from directory.models.runs.run import Run
from directory.models.servers.ldap_server import LdapServer
from orgs.models import User


class Match(models.Model):
    """The LDAP server, DN and immutable id of a user's entry, stored by the last real run or when the user was created."""

    # No foreign key in the database: its check takes as long as writing the row, and locks all users of a run while
    # people work with them. It is not needed, because users are never deleted.
    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="match", db_constraint=False)
    # No foreign key in the database, as for planned matches.
    server = models.ForeignKey(
        LdapServer, models.SET_NULL, null=True, related_name="matches", db_constraint=False, db_index=False
    )
    # Without a server and without this name, an administrator has decided that the user is gone from the server.
    deleted_server = models.CharField(
        _("deleted LDAP server"), max_length=255, blank=True, default="", db_default="", editable=False
    )
    dn = models.TextField(_("DN"))
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)
    matched_at = models.DateTimeField(_("matched"))

    class Meta:
        verbose_name = _("match")
        verbose_name_plural = _("matches")
        indexes = [models.Index(fields=["unique_id"], name="matches_by_id")]

    def __str__(self) -> str:
        return self.dn


class PlannedMatch(models.Model):
    """The entry that decided about a user in a run, if it differs from the match: it becomes the match with the plan."""

    id: int
    # No index of its own: the constraint's index begins with the run. No foreign key in the database either: its check
    # takes as long as writing the row. Only runs write these rows, and a live run and its servers can't be deleted.
    run = models.ForeignKey(Run, models.CASCADE, related_name="planned_matches", db_constraint=False, db_index=False)
    # As for matches.
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    dn = models.TextField(_("DN"))
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)
    # A JSON list, empty for none.
    further_ids = models.TextField(_("further immutable ids"), blank=True, default="")
    by_id = models.BooleanField(_("found by a known id"), default=False)

    class Meta:
        verbose_name = _("planned match")
        verbose_name_plural = _("planned matches")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "user"], name="a_run_plans_one_match_per_user")]

    def __str__(self) -> str:
        return self.dn


class CachedDecision(models.Model):
    """A decision of “no change” about one user, with everything that it depends on.

    ``context_hash`` is a hash of orgs, roles, settings and rules. ``dn`` and ``unique_id`` are of the entry that decided:
    the row is valid only while the user's match has exactly these. The other columns are compared with the user's own. A
    reading that writes an entry of the user drops the row.
    """

    # No foreign key in the database: see matches and planned matches.
    user = models.OneToOneField(
        User, models.CASCADE, primary_key=True, related_name="cached_decision", db_constraint=False
    )
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    context_hash = models.CharField(max_length=64)
    dn = models.TextField()
    unique_id = models.CharField(max_length=255)
    username = models.CharField(max_length=255)
    email = models.CharField(max_length=320)
    first_name = models.CharField(max_length=255)
    last_name = models.CharField(max_length=255)
    org_id = models.BigIntegerField()
    active = models.BooleanField()
    blocked = models.BooleanField()
    deactivated_by = models.CharField(max_length=8)
    blocked_by = models.CharField(max_length=8)
    session_epoch = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("cached decision")
        verbose_name_plural = _("cached decisions")

    def __str__(self) -> str:
        return self.username


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
