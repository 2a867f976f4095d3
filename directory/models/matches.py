"""The match of each user with an entry, the matches of a plan, and the cached decisions of “no change”."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

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
