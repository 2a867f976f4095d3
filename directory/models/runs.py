"""Runs, what each of them read from each server, and the change that each wants for each user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Max, Min, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from directory.models.jsontext import JsonTextField
from directory.models.repeats import RunRepeat, within
from directory.models.servers import LdapServer
from orgs.models import Org, User
from orgs.permissions import Permission

# A held-back or simulated plan may be applied for this long.
PLAN_LIFETIME = timedelta(hours=24)


class RunState(models.TextChoices):
    """Where a run is on its way."""

    QUEUED = "queued", _("queued")
    READING = "reading", _("reading")
    PLANNED = "planned", _("planned")
    HELD_BACK = "held back", _("held back")
    APPLYING = "applying", _("applying")
    APPLIED = "applied", _("applied")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    DISCARDED = "discarded", _("discarded")


LIVE_STATES = (RunState.QUEUED, RunState.READING, RunState.APPLYING)


class Trigger(models.TextChoices):
    """What started a run."""

    HAND = "hand", _("by hand")
    SCHEDULE = "schedule", _("by schedule")
    COMMAND = "command", _("by command line")


class RunQuerySet(models.QuerySet["Run"]):
    """Named questions about runs."""

    def visible_to(self, viewer: User) -> RunQuerySet:
        """Runs concern all orgs at once, so only server administrators see them."""
        return self if viewer.may(Permission.SYSTEM) else self.none()

    def newest_first(self) -> RunQuerySet:
        """Runs in the order of history."""
        return self.order_by("-created_at", "-pk")

    def for_a_list(self) -> RunQuerySet:
        """Runs as a list shows them: without what grows with the directory, and of the readings only what they are of."""
        servers = RunServer.objects.only("run", "server_name").order_by("pk")
        named = models.Prefetch("readings", servers, to_attr="listed_readings")
        return self.defer("org_counts", "unknown_orgs", "warnings", "chosen_servers", "surroundings").prefetch_related(
            named
        )

    def finished_simulations(self) -> RunQuerySet:
        """Simulations of a sync that came to a plan."""
        return self.filter(simulated=True, state=RunState.PLANNED, undo_of=None)

    def live(self) -> RunQuerySet:
        """Runs that are waiting for a worker or being worked on."""
        return self.filter(state__in=LIVE_STATES)

    def abandoned(self) -> RunQuerySet:
        """Live runs that nobody holds, or whose holder has not been heard of for its lease, by the database's clock."""
        # A lease that lasts far longer than any was given before the clock was set back.
        never = Now() + timedelta(seconds=10 * settings.RUN_LEASE_SECONDS)
        free = Q(lease_until=None) | Q(lease_until__lt=Now()) | Q(lease_until__gt=never)
        return self.live().filter(free)


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
    # A held-back run keeps its id when somebody applies it: this tells which plans are older than that.
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

    # Changes of users who are not on legal hold have been removed, as they were older than changes are kept.
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
    # LDAP server, reason and number of users, for whoever could not be checked; a run is incomplete with any of these.
    incomplete: Any = models.JSONField(_("could not be checked"), default=list, blank=True)
    unknown_orgs: Any = models.JSONField(_("unknown orgs"), default=dict)
    # Which servers each org asked and what each role was, to be compared as the plan is applied.
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
        """Whether the run is waiting for a worker or being worked on."""
        return self.state in LIVE_STATES

    @property
    def lease_renewed_at(self) -> datetime | None:
        """When the worker that has this run last renewed its lease."""
        return self.lease_until and self.lease_until - timedelta(seconds=settings.RUN_LEASE_SECONDS)

    @property
    def changes(self) -> RunChangeQuerySet:
        """All that the run says of users: the changes that it stored, and those of earlier runs that it repeats.

        Only ``stored_changes`` can be planned or made; of many rows these are found faster.
        """
        return RunChange.objects.of(self.pk)

    def standing_undo(self) -> Run | None:
        """Return the run that has undone this one, or is about to, unless that was undone in its turn."""
        for undo in self.undos.filter(simulated=False).order_by("-pk"):
            if undo.live:
                return undo
            done = undo.state == RunState.APPLIED and undo.stored_changes.filter(outcome="applied").exists()
            if done and undo.standing_undo() is None:
                return undo
        return None

    @property
    def seconds(self) -> float | None:
        """How long the run worked, once it has ended: without the time that its plan waited for somebody to decide."""
        if self.started_at is None or self.finished_at is None:
            return None
        waited = timedelta()
        if self.planned_at is not None and self.approved_at is not None:
            # A simulation's plan was made before the run that applies it was started.
            waited = max(waited, self.approved_at - max(self.planned_at, self.started_at))
        return round((self.finished_at - self.started_at - waited).total_seconds(), 3)


class RunServerQuerySet(models.QuerySet["RunServer"]):
    """Named questions about readings."""

    def that_read(self, server_id: int | None) -> RunServerQuerySet:
        """A server's readings, the last one first; an undo reads nothing, nor does the application of a plan."""
        return self.filter(server=server_id, run__undo_of=None, run__plan_from=None).order_by("-pk")

    def newest_of_each(self) -> dict[int, RunServer]:
        """Return each server's newest reading with its run, by the server's id; an undo reads nothing."""
        newest = (
            self.filter(server__isnull=False, run__undo_of=None)
            .values("server")
            .annotate(newest=Max("pk"))
            .values("newest")
        )
        found = self.filter(pk__in=newest).select_related("run")
        return {reading.server_id: reading for reading in found if reading.server_id is not None}

    def of_plans_that_changed_somebody(self) -> RunServerQuerySet:
        """Complete readings whose plan was applied and changed a user; a plan without changes was seen by nobody."""
        changed = RunChange.objects.filter(run=models.OuterRef("run"), outcome="applied")
        good = self.filter(server__isnull=False, complete=True, run__simulated=False, run__state=RunState.APPLIED)
        return good.filter(models.Exists(changed))

    def attributes_stored(self, server_id: int) -> list[str] | None:
        """Return the attributes that were requested by every reading that stored entries which are still there.

        A complete reading leaves no entries of those before it. None stands for all attributes.
        """
        # A run that applies another's plan has copies of that run's readings.
        readings = self.filter(server=server_id, run__plan_from=None)
        last = readings.filter(complete=True).aggregate(last=Max("pk"))["last"] or 0
        requested = (
            readings.filter(pk__gte=last, attributes__isnull=False).order_by("pk").values_list("attributes", flat=True)
        )
        each_time = [{name.lower(): name for name in names or ()} for names in requested]
        if not each_time:
            return None
        common = set(each_time[0]).intersection(*each_time[1:])
        return [name for folded, name in each_time[0].items() if folded in common]

    def last_successes(self) -> dict[int, datetime]:
        """Return when each server was last read to its end by a real run that was applied, by the server's id."""
        good = self.filter(server__isnull=False, complete=True, run__simulated=False, run__state=RunState.APPLIED)
        return {pk: at for pk, at in good.values_list("server").annotate(Max("run__finished_at")) if pk and at}


class RunServer(models.Model):
    """One LDAP server's part in a run: the proof of what was read, and under which configuration."""

    id: int
    run = models.ForeignKey(Run, models.CASCADE, related_name="readings")
    server = models.ForeignKey(LdapServer, models.SET_NULL, null=True, related_name="readings")
    server_name = models.CharField(_("LDAP server"), max_length=255)
    configuration_digest = models.CharField(max_length=64)
    grants_digest = models.CharField(max_length=64, blank=True)
    # Which orgs asked it, beside which others; empty in rows of older versions.
    asked_digest = models.CharField(max_length=64, blank=True)
    chosen = models.BooleanField(_("chosen, not only a neighbour"), default=True)
    live = models.BooleanField(default=True)
    url = models.CharField(_("URL"), max_length=1024, blank=True)
    # None for all; noted before the first entry is stored.
    attributes: Any = models.JSONField(_("attributes asked for"), null=True, default=None)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    entries = models.PositiveIntegerField(_("entries"), default=0)
    matched = models.PositiveIntegerField(_("entries that are users"), default=0)
    referrals = models.JSONField(_("referrals not followed"), default=list)
    canary_seen = models.BooleanField(default=False)
    complete = models.BooleanField(_("read to its end"), default=False)
    error = models.TextField(_("error"), blank=True)
    counts = models.JSONField(_("counts"), default=dict)
    # What the plan decided by this server, how much of it was applied, for the limits of the next 24 hours, and which of
    # them it passed itself.
    limit_counts: Any = models.JSONField(_("what was counted for the limits"), default=dict, blank=True)
    # How many entries have each attribute that mapping and scripts name, by its folded name; none of those without any.
    attribute_counts: Any = models.JSONField(_("entries with each attribute"), default=dict, blank=True)
    proof: Any = models.JSONField(_("what proves that this is all"), default=dict)
    # Where the directory was in its history before it was read, as it says itself, and since where only changes were
    # read; empty for everything, which ``extent`` gives a reason for where changes would have done.
    position: Any = models.JSONField(default=dict, blank=True)
    since: Any = models.JSONField(_("only changes since"), default=dict, blank=True)
    extent = models.TextField(_("what was read"), blank=True)
    # Attributes that mapping or scripts name and that the server says it computes; asked for with a full reading only.
    computed: Any = models.JSONField(default=list, blank=True)
    # A hash of what the stored entries were matched by; empty where that changed meanwhile.
    ground = models.CharField(max_length=64, blank=True)

    objects = models.Manager.from_queryset(RunServerQuerySet)()

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ["run", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["server"], condition=Q(live=True), name="one_unfinished_run_per_server"),
            models.UniqueConstraint(fields=["run", "server"], name="a_run_reads_a_server_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.server_name}"


class RunChangeQuerySet(models.QuerySet["RunChange"]):
    """Named questions about the changes of runs."""

    def of(self, run_id: int) -> RunChangeQuerySet:
        """All changes of a run, with those that earlier runs have stored and that this one repeats.

        ``shown_in`` is the run's id: a repeated change has the id of the run that stored it.
        """
        own, repeated = Q(run=run_id), RunRepeat.objects.of(run_id)
        found = self.filter(own | within(repeated) if repeated else own)
        return found.annotate(shown_in=Value(run_id, output_field=models.BigIntegerField()))

    def in_order(self) -> RunChangeQuerySet:
        """Changes in the order in which they were decided."""
        return self.order_by("pk")

    def ends(self) -> tuple[int, int] | None:
        """Return the first and the last id; None where there is no change.

        A run's changes are written one after the other, which PostgreSQL does not know: asked for some of them in
        order, it goes through those of all other runs, too, unless it is told where to begin and to end.
        """
        first, last = self.aggregate(first=Min("pk"), last=Max("pk")).values()
        return None if first is None else (first, last)

    def for_a_list(self) -> RunChangeQuerySet:
        """Changes as a list shows them: without their steps, what the plan relies on and what an undo needs."""
        return self.defer("steps", "facts", "traces", "put_back", "warnings")

    def with_runs_named(self) -> RunChangeQuerySet:
        """Changes with their runs, of which only what they are called and when they were is read."""
        names = ("run__created_at", "run__simulated", "run__undo_of")
        shown = ("run", "user", "outcome", "actions", "before", "after", "steps")
        return self.select_related("run").only(*shown, *names)

    def about(self, user: User) -> RunChangeQuerySet:
        """The changes that runs planned for one user, and those with warnings, newest first."""
        return self.filter(user=user).exclude(outcome="unchanged").order_by("-run__created_at", "-pk")


class RunChange(models.Model):
    """What one run wants for one user: before, after, and the steps that led there."""

    id: int
    # Without indexes of their own: those below begin with them. Without the database's own check of each row, too, which
    # takes as long as writing it: only runs write them, a live run and its servers can't be deleted, and nobody deletes
    # users or orgs.
    run = models.ForeignKey(Run, models.CASCADE, related_name="stored_changes", db_constraint=False, db_index=False)
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
    # The stored entry that decided, by its id: rows of entries come and go.
    entry = models.BigIntegerField(_("decided by stored entry"), null=True, blank=True)
    # A hash of what a change says that leaves its user alone: a later run that says the same refers to this row.
    digest = models.BigIntegerField(null=True, editable=False)
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)
    traces: Any = models.JSONField(_("what applying it changed beside the account"), default=dict, blank=True)
    put_back: Any = models.JSONField(_("what an undo puts back beside the account"), default=dict, blank=True)

    objects = models.Manager.from_queryset(RunChangeQuerySet)()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["pk"]
        # The user first: what runs wanted for one user is found by it, too.
        constraints = [models.UniqueConstraint(fields=["user", "run"], name="a_user_has_one_change_per_run")]
        indexes = [
            models.Index(fields=["run", "id"], name="changes_in_order"),
            models.Index(fields=["run", "outcome", "id"], name="changes_by_outcome"),
            models.Index(fields=["digest"], name="changes_by_digest", condition=Q(digest__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.username}"
