"""Changes: what a run wants for each user, with the steps that led to it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Max, Min, Q, Value
from django.utils.translation import gettext_lazy as _

from directory.models.jsontext import JsonTextField
from directory.models.runs.run_repeats import RunRepeat, within
from directory.models.servers.ldap_server import LdapServer
from orgs.models import Org, User


class RunChangeQuerySet(models.QuerySet["RunChange"]):
    """Named queries of changes."""

    def of(self, run_id: int) -> RunChangeQuerySet:
        """All changes of a run, including those of earlier runs that it repeats.

        ``shown_in`` is the run's id: a repeated change has the id of the run that stored it.
        """
        own, repeated = Q(run=run_id), RunRepeat.objects.of(run_id)
        found = self.filter(own | within(repeated) if repeated else own)
        return found.annotate(shown_in=Value(run_id, output_field=models.BigIntegerField()))

    def in_order(self) -> RunChangeQuerySet:
        """Changes in the order of decision."""
        return self.order_by("pk")

    def ends(self) -> tuple[int, int] | None:
        """Return the first and the last id; None when there is no change.

        The ids of a run's changes are close together, but PostgreSQL does not know this: for some of them in order it scans the
        changes of all runs, unless the query has the first and last id.
        """
        first, last = self.aggregate(first=Min("pk"), last=Max("pk")).values()
        return None if first is None else (first, last)

    def for_a_list(self) -> RunChangeQuerySet:
        """Changes for a list: without steps, warnings, facts and the data for an undo."""
        return self.defer("steps", "facts", "side_effects", "put_back", "warnings")

    def with_runs_named(self) -> RunChangeQuerySet:
        """Changes with their runs, of which only the columns for name and time are read."""
        names = ("run__created_at", "run__simulated", "run__undo_of")
        shown = ("run", "user", "outcome", "actions", "before", "after", "steps")
        return self.select_related("run").only(*shown, *names)

    def about(self, user: User) -> RunChangeQuerySet:
        """All changes of one user with another outcome than “unchanged”, newest first."""
        return self.filter(user=user).exclude(outcome="unchanged").order_by("-run__created_at", "-pk")


class RunChange(models.Model):
    """The change that one run wants for one user: before, after, and the steps that led to it."""

    id: int
    # No indexes of their own: the indexes below begin with these columns. No foreign keys in the database either: their
    # check takes as long as writing the row. Only runs write these rows, a live run and its servers can't be deleted, and
    # users and orgs are never deleted.
    run = models.ForeignKey(
        "directory.Run", models.CASCADE, related_name="stored_changes", db_constraint=False, db_index=False
    )
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="changes", db_constraint=False, db_index=False
    )
    username = models.CharField(_("username"), max_length=255)
    org = models.ForeignKey(
        Org,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("org"),
        db_constraint=False,
        db_index=False,
    )
    server = models.ForeignKey(
        LdapServer, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    server_name = models.CharField(_("LDAP server"), max_length=255, blank=True)
    outcome = models.CharField(_("outcome"), max_length=24)
    actions: Any = models.JSONField(_("actions"), default=list)
    cause = models.CharField(_("cause"), max_length=8, blank=True)
    facts: Any = models.JSONField(_("facts that the plan relies on"), default=dict)
    before: Any = models.JSONField(_("before"), default=dict)
    after: Any = models.JSONField(_("after"), default=dict)
    steps: Any = JsonTextField(_("steps"), default=list)
    warnings: Any = models.JSONField(_("warnings"), default=list)
    unknown_org = models.CharField(_("unknown org"), max_length=255, blank=True)
    # The id of the stored entry that decided; no foreign key, because rows of entries come and go.
    entry = models.BigIntegerField(_("decided by stored entry"), null=True, blank=True)
    # A hash of a change that leaves its user alone: a later run with an equal change refers to this row.
    digest = models.BigIntegerField(null=True, editable=False)
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)
    side_effects: Any = models.JSONField(_("what applying it changed beside the account"), default=dict, blank=True)
    put_back: Any = models.JSONField(_("what an undo puts back beside the account"), default=dict, blank=True)

    objects = models.Manager.from_queryset(RunChangeQuerySet)()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["pk"]
        # The user comes first, so that the index also finds all changes of one user.
        constraints = [models.UniqueConstraint(fields=["user", "run"], name="a_user_has_one_change_per_run")]
        indexes = [
            models.Index(fields=["run", "id"], name="changes_in_order"),
            models.Index(fields=["run", "outcome", "id"], name="changes_by_outcome"),
            models.Index(fields=["digest"], name="changes_by_digest", condition=Q(digest__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.username}"
