"""Legal holds: matters under a preservation policy, and the users who are their custodians."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, Count, Exists, F, OuterRef, Q, When
from django.utils.translation import gettext_lazy as _

from orgs.models.orgs import Org
from orgs.models.preservation_policies import PreservationPolicy
from orgs.models.users import User
from orgs.permissions import Permission


class MatterQuerySet(models.QuerySet["Matter"]):
    """Named questions about matters."""

    def visible_to(self, viewer: User) -> MatterQuerySet:
        """The matters of the viewer's part, and those that hold or held users of it."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if not viewer.may(Permission.USER_READ):
            return self.none()
        on_hold = Custodian.objects.filter(matter=OuterRef("pk"), user__org__path__startswith=viewer.org.path)
        return self.filter(Q(org__path__startswith=viewer.org.path) | Exists(on_hold))

    def managed_by(self, viewer: User) -> MatterQuerySet:
        """The matters that this administrator may change: all, or those of their own org and the orgs below it."""
        if viewer.may_everywhere(Permission.USER):
            return self
        return self.filter(org__path__startswith=viewer.org.path) if viewer.may(Permission.USER) else self.none()

    def with_custodian_counts(self, viewer: User) -> MatterQuerySet:
        """Annotate ``custodian_count``, the number of users of the viewer's part that each matter still holds."""
        counted = Q(custodians__released_at=None)
        if not viewer.may_everywhere(Permission.ALL_USER_READ):
            counted &= Q(custodians__user__org__path__startswith=viewer.org.path)
        return self.annotate(custodian_count=Count("custodians", filter=counted))

    def with_known_orgs(self, viewer: User) -> MatterQuerySet:
        """Annotate ``known_org``, the key by which the matter's org is sorted; None if the org is not of the viewer's part."""
        key = F("org__name_key")
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self.annotate(known_org=key)
        in_part = When(org__path__startswith=viewer.org.path, then=key)
        return self.annotate(known_org=Case(in_part, default=None))


class Matter(models.Model):
    """A legal hold, open until it is closed; it belongs to an org and those below it, or to all orgs.

    ``policy`` is the name of the preservation policy, also while no stored policy is linked.
    """

    id: int
    name = models.CharField(_("name"), max_length=255)
    reference = models.CharField(_("reference"), max_length=255, blank=True, default="", db_default="")
    policy = models.CharField(_("preservation policy"), max_length=255, blank=True)
    preservation_policy = models.ForeignKey(
        PreservationPolicy,
        models.PROTECT,
        verbose_name=_("preservation policy"),
        related_name="matters",
        null=True,
        blank=True,
    )
    org = models.ForeignKey(
        Org, models.PROTECT, verbose_name=_("org"), related_name="matters", null=True, blank=True, db_index=False
    )
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True)

    objects = models.Manager.from_queryset(MatterQuerySet)()

    class Meta:
        verbose_name = _("matter")
        verbose_name_plural = _("matters")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def open(self) -> bool:
        """Whether the matter still holds its custodians."""
        return self.closed_at is None


class CustodianQuerySet(models.QuerySet["Custodian"]):
    """Named questions about custodians."""

    def visible_to(self, viewer: User) -> CustodianQuerySet:
        """The custodians whom this administrator may see as users."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if viewer.may(Permission.USER_READ):
            return self.filter(user__org__path__startswith=viewer.org.path)
        return self.none()

    def unreleased(self) -> CustodianQuerySet:
        """The custodians who are not released."""
        return self.filter(released_at=None)


class Custodian(models.Model):
    """A user on hold by a matter, until ``released_at``."""

    id: int
    matter = models.ForeignKey(Matter, models.CASCADE, verbose_name=_("matter"), related_name="custodians")
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("user"), related_name="custodianships")
    added_at = models.DateTimeField(_("added"))
    released_at = models.DateTimeField(_("released"), null=True, blank=True)

    objects = models.Manager.from_queryset(CustodianQuerySet)()

    class Meta:
        verbose_name = _("custodian")
        verbose_name_plural = _("custodians")
        ordering = ["matter", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["matter", "user"], condition=Q(released_at=None), name="a_matter_holds_a_user_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.matter}"
