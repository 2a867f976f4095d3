"""Runs: each is one sync or undo, simulated or real, with its state, plan and results."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.leases import nobody_works_on_it
from directory.models.runs.readings import RunServer
from directory.models.runs.run_changes import RunChange, RunChangeQuerySet
from directory.models.runs.states import LIVE_STATES, RunState, Trigger
from directory.models.servers.ldap_server import LdapServer
from orgs.models import User
from orgs.permissions import Permission


class RunQuerySet(models.QuerySet["Run"]):
    """Named queries of runs."""

    def visible_to(self, viewer: User) -> RunQuerySet:
        """All runs for server administrators, none for others: runs are about all orgs."""
        return self if viewer.may(Permission.SYSTEM) else self.none()

    def newest_first(self) -> RunQuerySet:
        """Runs, the newest first."""
        return self.order_by("-created_at", "-pk")

    def for_a_list(self) -> RunQuerySet:
        """Runs for a list: without columns that grow with the directory, and with only the server names of readings."""
        servers = RunServer.objects.only("run", "server_name").order_by("pk")
        named = models.Prefetch("readings", servers, to_attr="listed_readings")
        return self.defer("org_counts", "unknown_orgs", "warnings", "chosen_servers", "surroundings").prefetch_related(
            named
        )

    def finished_simulations(self) -> RunQuerySet:
        """Simulations of a sync that have a plan."""
        return self.filter(simulated=True, state=RunState.PLANNED, undo_of=None)

    def live(self) -> RunQuerySet:
        """Runs that wait for a worker or have one."""
        return self.filter(state__in=LIVE_STATES)

    def abandoned(self) -> RunQuerySet:
        """Live runs without a worker, or whose worker's lease has expired by the database's clock."""
        return self.live().filter(nobody_works_on_it())


class Run(models.Model):
    """One sync, simulated or real; the stored changes are its plan."""

    id: int
    simulated = models.BooleanField(_("simulated"))
    state = models.CharField(_("state"), max_length=16, choices=RunState.choices, default=RunState.QUEUED)
    trigger = models.CharField(_("started"), max_length=16, choices=Trigger.choices)
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    started_by_label = models.CharField(_("started by"), max_length=255)
    approved_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    approved_by_label = models.CharField(_("plan applied by"), max_length=255, blank=True)
    approved_at = models.DateTimeField(_("plan applied at"), null=True, blank=True)
    # A held-back run keeps its id when it is applied later: plans of runs up to this id are older than its application.
    applied_after = models.PositiveBigIntegerField(_("newest run as the plan was applied"), null=True, editable=False)
    plan_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="applications", verbose_name=_("plan of")
    )
    undo_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="undos", verbose_name=_("undo of")
    )

    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    planned_at = models.DateTimeField(_("planned at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    # When changes were removed after their retention time; changes of users on legal hold stay.
    cleared_at = models.DateTimeField(_("changes removed"), null=True, blank=True, editable=False)

    phase = models.CharField(_("phase"), max_length=32, blank=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("of"), null=True, blank=True)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    owner = models.CharField(_("worked on by"), max_length=255, blank=True)
    fence = models.PositiveIntegerField(default=0, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    lease_until = models.DateTimeField(_("heard of until"), null=True, blank=True)

    incremental = models.BooleanField(_("may read only what has changed"), default=False)
    chosen_servers: Any = models.JSONField(_("chosen LDAP servers"), default=list, blank=True)
    counts: Any = models.JSONField(_("counts"), default=dict)
    org_counts: Any = models.JSONField(_("counts per org"), default=list)
    held_back: Any = models.JSONField(_("reasons to hold back"), default=list)
    approval: Any = models.JSONField(_("why a second administrator has to approve"), default=list)
    warnings: Any = models.JSONField(_("warnings"), default=list)
    # LDAP server, reason and number of users who could not be checked; with any of these the run is incomplete.
    incomplete: Any = models.JSONField(_("could not be checked"), default=list, blank=True)
    unknown_orgs: Any = models.JSONField(_("unknown orgs"), default=dict)
    # The servers of each org and the permissions of each role, to be compared when the plan is applied.
    surroundings: Any = models.JSONField(default=dict, blank=True, editable=False)
    error = models.TextField(_("error"), blank=True)

    servers: models.ManyToManyField[LdapServer, RunServer] = models.ManyToManyField(
        LdapServer, through="RunServer", related_name="runs"
    )

    objects = models.Manager.from_queryset(RunQuerySet)()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        if self.undo_of_id is not None:
            kind = _("simulated undo") if self.simulated else _("undo")
        else:
            kind = _("simulation") if self.simulated else _("sync")
        return f"{kind} {self.pk}"

    @property
    def live(self) -> bool:
        """Whether the run waits for a worker or has one."""
        return self.state in LIVE_STATES

    @property
    def lease_renewed_at(self) -> datetime | None:
        """When the run's worker last renewed its lease."""
        return self.lease_until and self.lease_until - timedelta(seconds=settings.RUN_LEASE_SECONDS)

    @property
    def changes(self) -> RunChangeQuerySet:
        """All changes of the run: those that it stored, and those of earlier runs that it repeats.

        Use ``stored_changes`` for planned and applied changes: a repeated one is neither, and the query is faster.
        """
        return RunChange.objects.of(self.pk)

    def undo_in_force(self) -> Run | None:
        """Return the run that has undone this one, or is doing so, unless it has been undone itself; None for none."""
        for undo in self.undos.filter(simulated=False).order_by("-pk"):
            if undo.live:
                return undo
            done = undo.state == RunState.APPLIED and undo.stored_changes.filter(outcome="applied").exists()
            if done and undo.undo_in_force() is None:
                return undo
        return None

    @property
    def seconds(self) -> float | None:
        """The time that an ended run worked, without the time that its plan waited for a decision; None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        waited = timedelta()
        if self.planned_at is not None and self.approved_at is not None:
            # A simulation's plan is older than the run that applies it.
            waited = max(waited, self.approved_at - max(self.planned_at, self.started_at))
        return round((self.finished_at - self.started_at - waited).total_seconds(), 3)
