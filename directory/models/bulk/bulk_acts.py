"""Acts on many users at once: each is chosen, confirmed, and then carried out in the background, user by user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.leases import nobody_works_on_it
from orgs.models import Matter, Org, Role, User
from orgs.permissions import Permission

# An act that nobody confirms is forgotten after this time.
CONFIRMED_WITHIN = timedelta(hours=24)


class BulkKind(models.TextChoices):
    """What is done to each user."""

    MOVE = "move", _("Move")
    ADD_ROLE = "add-role", _("Add a role")
    REMOVE_ROLE = "remove-role", _("Remove a role")
    HOLD = "hold", _("Put on hold")
    UNBLOCK = "unblock", _("Unblock")
    REACTIVATE = "reactivate", _("Reactivate")
    BLOCK = "block", _("Block")
    DEACTIVATE = "deactivate", _("Deactivate")


class BulkState(models.TextChoices):
    """The state of an act on many users."""

    PREPARED = "prepared", _("not confirmed yet")
    QUEUED = "queued", _("queued")
    WORKING = "working", _("working")
    DONE = "done", _("done")
    CANCELLED = "cancelled", _("cancelled")
    FAILED = "failed", _("failed")


LIVE_BULK_STATES = (BulkState.QUEUED, BulkState.WORKING)


class UserOutcome(models.TextChoices):
    """What an act came to for one user."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    BLOCKED_INSTEAD = "blocked instead", _("blocked instead")
    LEFT_OUT = "left out", _("left out")
    FAILED = "failed", _("failed")


class LeftOut(models.TextChoices):
    """Why an act leaves a user out."""

    OUTSIDE = "outside", _("outside the part of the acting person")
    OWN = "own", _("the acting person's own account")
    ALREADY = "already", _("already so")
    UNFIT = "unfit", _("deactivated, so signed out already")
    ORG_OUT_OF_USE = "org out of use", _("in an org that is not in use")
    CHANGED = "changed", _("changed since, by somebody else")
    TRAIL_TOO_SHORT = (
        "trail too short",
        _("done too long ago: the audit trail no longer shows who has changed them since"),
    )
    HOLDS_MORE = "holds more", _("would give more than the acting person holds")
    LAST_SYSADMIN = "last SYSADMIN", _("the last active SYSADMIN")
    RULE = "rule", _("a rule forbids it")


class BulkActQuerySet(models.QuerySet["BulkAct"]):
    """Named queries of acts on many users."""

    def visible_to(self, viewer: User) -> BulkActQuerySet:
        """The acts that this administrator began, and confirmed acts on users whom they may see; none for others."""
        if not viewer.may(Permission.USER_READ):
            return self.none()
        confirmed = ~Q(state=BulkState.PREPARED)
        if not viewer.may_everywhere(Permission.ALL_USER_READ):
            rows = BulkActUser.objects.visible_to(viewer)
            confirmed &= Q(pk__in=rows.order_by().values("bulk_act"))
        return self.filter(Q(started_by=viewer) | confirmed)

    def newest_first(self) -> BulkActQuerySet:
        """Acts, the newest first."""
        return self.order_by("-created_at", "-pk")

    def live(self) -> BulkActQuerySet:
        """Acts that wait for a worker or have one."""
        return self.filter(state__in=LIVE_BULK_STATES)

    def abandoned(self) -> BulkActQuerySet:
        """Live acts that no worker works on."""
        return self.live().filter(nobody_works_on_it())

    def never_confirmed(self, *, at: datetime) -> BulkActQuerySet:
        """Acts that can't be confirmed any more."""
        return self.filter(state=BulkState.PREPARED, created_at__lte=at - CONFIRMED_WITHIN)


class BulkAct(models.Model):
    """One act on many users, with who began it, its argument, its state and its counts."""

    id: int
    kind = models.CharField(_("act"), max_length=16, choices=BulkKind.choices)
    state = models.CharField(_("state"), max_length=16, choices=BulkState.choices, default=BulkState.PREPARED)
    started_by = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("begun by"))
    started_by_label = models.CharField(_("begun by"), max_length=255)
    # The query string of the list from which all users were chosen; empty if they were ticked one by one.
    filters = models.TextField(_("filters"), blank=True)
    org = models.ForeignKey(Org, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("new org"))
    role = models.ForeignKey(Role, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("role"))
    matter = models.ForeignKey(
        Matter, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("matter")
    )
    undo_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="undos", verbose_name=_("undo of")
    )

    created_at = models.DateTimeField(_("created"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    total = models.PositiveIntegerField(_("users"))
    done = models.PositiveIntegerField(_("done"), default=0)
    left_out = models.PositiveIntegerField(_("left out"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    # The number that the person typed; None where the act is small enough to need none.
    typed_count = models.PositiveIntegerField(_("typed number"), null=True, blank=True)
    limits: Any = models.JSONField(_("passed limits"), default=list, blank=True)

    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    owner = models.CharField(_("worked on by"), max_length=255, blank=True)
    fence = models.PositiveIntegerField(default=0, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    # Since when the next users are held by other work; empty after any progress.
    waits_since = models.DateTimeField(_("waits since"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)

    objects = models.Manager.from_queryset(BulkActQuerySet)()

    class Meta:
        verbose_name = _("bulk act")
        verbose_name_plural = _("bulk acts")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="bulk_acts_newest_first")]

    def __str__(self) -> str:
        return f"{_('bulk act')} {self.pk}"

    @property
    def live(self) -> bool:
        """Whether the act waits for a worker or has one."""
        return self.state in LIVE_BULK_STATES

    @property
    def decided(self) -> int:
        """The number of users with a result."""
        return self.done + self.left_out + self.failed


class BulkActUserQuerySet(models.QuerySet["BulkActUser"]):
    """Named queries of the users of acts."""

    def visible_to(self, viewer: User) -> BulkActUserQuerySet:
        """The rows about users whom this administrator may see."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if viewer.may(Permission.USER_READ):
            return self.filter(user__org__path__startswith=viewer.org.path)
        return self.none()

    def changed(self) -> BulkActUserQuerySet:
        """The rows about users whom the act has changed."""
        return self.filter(outcome__in=(UserOutcome.DONE, UserOutcome.BLOCKED_INSTEAD))


class BulkActUser(models.Model):
    """What an act means for one user: chosen as the act was prepared, with the result once there is one."""

    id: int
    bulk_act = models.ForeignKey(BulkAct, models.CASCADE, related_name="chosen", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    outcome = models.CharField(_("result"), max_length=16, choices=UserOutcome.choices, default=UserOutcome.WAITING)
    reason = models.CharField(_("reason"), max_length=16, choices=LeftOut.choices, blank=True)
    # The sentence of the rule that forbids it, or of the database.
    detail = models.TextField(_("detail"), blank=True)
    # What an undo needs: the org before a move, and whether the user was blocked before.
    org_before = models.BigIntegerField(_("org before"), null=True, blank=True)
    blocked_before = models.BooleanField(_("blocked before"), default=False)
    done_at = models.DateTimeField(_("at"), null=True, blank=True)

    objects = models.Manager.from_queryset(BulkActUserQuerySet)()

    class Meta:
        verbose_name = _("user of a bulk act")
        verbose_name_plural = _("users of bulk acts")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["bulk_act", "user"], name="a_user_is_chosen_once")]

    def __str__(self) -> str:
        return f"{self.bulk_act_id}: {self.user_id} {self.outcome}"
