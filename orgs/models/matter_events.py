"""The events of matters: what happened to a matter and its custodians, when, and by whom."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.legal_holds import Matter
from orgs.models.orgs import Org
from orgs.models.users import User
from orgs.permissions import Permission


class MatterEventKind(models.TextChoices):
    """What happened."""

    BEGUN = "opened", _("Opened")
    EDITED = "edited", _("Edited")
    CLOSED = "closed", _("Closed")
    REOPENED = "reopened", _("Reopened")
    ADDED = "custodian added", _("Put on hold")
    RELEASED = "custodian released", _("Released")
    BLOCKED = "blocked instead of deactivated", _("Blocked instead of deactivated")
    CANCELLED = "deactivation cancelled", _("Pending deactivation cancelled")
    DEACTIVATED = "pending deactivation carried out", _("Pending deactivation carried out")


class MatterEventQuerySet(models.QuerySet["MatterEvent"]):
    """Named questions about events of matters."""

    def visible_to(self, viewer: User) -> MatterEventQuerySet:
        """The events about users of the viewer's part, and about matters of it."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if not viewer.may(Permission.USER_READ):
            return self.none()
        path = viewer.org.path
        return self.filter(Q(user__org__path__startswith=path) | Q(user=None, matter__org__path__startswith=path))

    def that_brought_in(self, viewer: User) -> dict[int, int]:
        """Return by matter the last of these events that names an org outside the viewer's part: the matter came from there."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return {}
        moves = self.filter(kind=MatterEventKind.EDITED, details__has_key="org").order_by("pk")
        found = [
            (matter, pk, set(details["org"])) for matter, pk, details in moves.values_list("matter", "pk", "details")
        ]
        if not found:
            return {}
        named = Org.objects.filter(name__in=set().union(*(names for *_, names in found)))
        inside = Q(path__startswith=viewer.org.path)
        # A former org may have had the name of another one.
        known = set(named.filter(inside).values_list("name", flat=True))
        known -= set(named.exclude(inside).values_list("name", flat=True))
        return {matter: pk for matter, pk, names in found if not names <= known}


class MatterEvent(models.Model):
    """One event of a matter; rows are only ever added. ``user`` is the custodian, None if the matter itself changed."""

    id: int
    matter = models.ForeignKey(Matter, models.CASCADE, verbose_name=_("matter"), related_name="events", db_index=False)
    at = models.DateTimeField(_("when"))
    kind = models.CharField(_("event"), max_length=40, choices=MatterEventKind.choices)
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("user"), related_name="matter_events", null=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("who"),
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    actor_label = models.CharField(_("who or what"), max_length=255, blank=True)
    run_id = models.BigIntegerField(_("run"), null=True)
    details = models.JSONField(_("details"), default=dict)

    objects = models.Manager.from_queryset(MatterEventQuerySet)()

    class Meta:
        verbose_name = _("event of a matter")
        verbose_name_plural = _("events of matters")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["matter", "-at", "-id"], name="events_of_a_matter"),
            models.Index(fields=["-at", "-id"], name="matter_events_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.matter_id}: {self.kind}"
