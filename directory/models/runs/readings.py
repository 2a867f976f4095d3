"""Readings: what a run read from each LDAP server, and the proof that it is complete."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _

from directory.models.runs.run_changes import RunChange
from directory.models.runs.states import RunState
from directory.models.servers.ldap_server import LdapServer


class RunServerQuerySet(models.QuerySet["RunServer"]):
    """Named queries of readings."""

    def that_read(self, server_id: int | None) -> RunServerQuerySet:
        """A server's readings, the last one first, without undos and applied simulations, which read nothing."""
        return self.filter(server=server_id, run__undo_of=None, run__plan_from=None).order_by("-pk")

    def newest_of_each(self) -> dict[int, RunServer]:
        """Return each server's newest reading with its run, by the server's id, without undos, which read nothing."""
        newest = (
            self.filter(server__isnull=False, run__undo_of=None)
            .values("server")
            .annotate(newest=Max("pk"))
            .values("newest")
        )
        found = self.filter(pk__in=newest).select_related("run")
        return {reading.server_id: reading for reading in found if reading.server_id is not None}

    def of_plans_that_changed_somebody(self) -> RunServerQuerySet:
        """Complete readings whose plan was applied and changed a user; nobody looks at a plan without changes."""
        changed = RunChange.objects.filter(run=models.OuterRef("run"), outcome="applied")
        good = self.filter(server__isnull=False, complete=True, run__simulated=False, run__state=RunState.APPLIED)
        return good.filter(models.Exists(changed))

    def attributes_stored(self, server_id: int) -> list[str] | None:
        """Return the attributes that were requested for all entries that are stored now; None stands for all attributes.

        A complete reading leaves no entries of earlier readings, so only the last complete one and later ones count.
        """
        # A run that applies another run's plan has copies of its readings.
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
        """Return by server id the end of the last applied real run that read the server completely."""
        good = self.filter(server__isnull=False, complete=True, run__simulated=False, run__state=RunState.APPLIED)
        return {pk: at for pk, at in good.values_list("server").annotate(Max("run__finished_at")) if pk and at}


class RunServer(models.Model):
    """One LDAP server's part in a run: what was read, the proof of it, and the configuration used."""

    id: int
    run = models.ForeignKey("directory.Run", models.CASCADE, related_name="readings")
    server = models.ForeignKey(LdapServer, models.SET_NULL, null=True, related_name="readings")
    server_name = models.CharField(_("LDAP server"), max_length=255)
    configuration_digest = models.CharField(max_length=64)
    grants_digest = models.CharField(max_length=64, blank=True)
    # A hash of the server lists of the orgs that use the server; empty in rows of older versions.
    org_lists_digest = models.CharField(max_length=64, blank=True)
    chosen = models.BooleanField(_("chosen, not only a neighbour"), default=True)
    live = models.BooleanField(default=True)
    url = models.CharField(_("URL"), max_length=1024, blank=True)
    # None for all attributes; stored before the first entry is.
    attributes: Any = models.JSONField(_("attributes asked for"), null=True, default=None)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    entries = models.PositiveIntegerField(_("entries"), default=0)
    matched = models.PositiveIntegerField(_("entries that are users"), default=0)
    referrals = models.JSONField(_("referrals not followed"), default=list)
    canary_found = models.BooleanField(default=False)
    complete = models.BooleanField(_("read to its end"), default=False)
    error = models.TextField(_("error"), blank=True)
    counts = models.JSONField(_("counts"), default=dict)
    # Counts of what the plan decided by this server, and of what was applied, for limits over the last 24 hours; and the
    # limits that the plan itself passed.
    limit_counts: Any = models.JSONField(_("what was counted for the limits"), default=dict, blank=True)
    # The number of entries with each attribute of mapping and scripts, by its folded name, without attributes of no entry.
    attribute_counts: Any = models.JSONField(_("entries with each attribute"), default=dict, blank=True)
    proof: Any = models.JSONField(_("what proves that this is all"), default=dict)
    # ``cursor`` is the position in the directory's history before the reading. ``since`` is the position from which
    # changes were read, empty for a full reading. ``read_scope`` is a sentence: what was read, and why everything was read
    # although an incremental reading was possible.
    cursor: Any = models.JSONField(default=dict, blank=True)
    since: Any = models.JSONField(_("only changes since"), default=dict, blank=True)
    read_scope = models.TextField(_("what was read"), blank=True)
    # Attributes of mapping or scripts that the server computes by its own account; only full readings request this.
    computed: Any = models.JSONField(default=list, blank=True)
    # A hash of what matching the stored entries depends on; empty when this changed during the reading.
    match_fingerprint = models.CharField(max_length=64, blank=True)

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
