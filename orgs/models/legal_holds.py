"""Legal holds: matters under a preservation policy, and the users who are their custodians."""

from __future__ import annotations

from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from orgs.models.users import User
from orgs.permissions import Permission


class MatterQuerySet(models.QuerySet["Matter"]):
    """Named questions about matters."""

    def visible_to(self, viewer: User) -> MatterQuerySet:
        """Return all matters for viewers who may see every user, none for others: a matter covers several orgs."""
        return self if viewer.may_everywhere(Permission.ALL_USER_READ) else self.none()

    def with_custodian_counts(self) -> MatterQuerySet:
        """Annotate ``custodian_count``, the number of users that each matter still holds."""
        return self.annotate(custodian_count=Count("custodians", filter=Q(custodians__released_at=None)))


class Matter(models.Model):
    """A legal hold, open until it is closed."""

    id: int
    name = models.CharField(_("name"), max_length=255)
    policy = models.CharField(_("preservation policy"), max_length=255, blank=True)
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


class Custodian(models.Model):
    """A user on hold by a matter, until ``released_at``."""

    id: int
    matter = models.ForeignKey(Matter, models.CASCADE, verbose_name=_("matter"), related_name="custodians")
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("user"), related_name="custodianships")
    added_at = models.DateTimeField(_("added"))
    released_at = models.DateTimeField(_("released"), null=True, blank=True)

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
