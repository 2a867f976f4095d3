"""Preservation policies: what the matters under them keep, in words; each belongs to an org, or to all orgs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.orgs import Org
from orgs.models.users import User
from orgs.permissions import Permission


class PreservationPolicyQuerySet(models.QuerySet["PreservationPolicy"]):
    """Named questions about preservation policies."""

    def visible_to(self, viewer: User) -> PreservationPolicyQuerySet:
        """The policies of the viewer's part, and those of all orgs and of the orgs above, which matters there may have."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if not viewer.may(Permission.USER_READ):
            return self.none()
        path = viewer.org.path
        above = [path[:end] for end in range(Org.steplen, len(path), Org.steplen)]
        return self.filter(Q(org=None) | Q(org__path__startswith=path) | Q(org__path__in=above))

    def managed_by(self, viewer: User) -> PreservationPolicyQuerySet:
        """The policies that this administrator may change: all, or those of their own org and the orgs below it."""
        if viewer.may_everywhere(Permission.USER):
            return self
        return self.filter(org__path__startswith=viewer.org.path) if viewer.may(Permission.USER) else self.none()


class PreservationPolicy(models.Model):
    """What the matters under this policy keep, for the people who read it: Rollcall keeps all archives of custodians."""

    id: int
    name = models.CharField(_("name"), max_length=255)
    kept = models.TextField(_("what is kept"), blank=True)
    org = models.ForeignKey(
        Org, models.PROTECT, verbose_name=_("org"), related_name="preservation_policies", null=True, blank=True
    )

    objects = models.Manager.from_queryset(PreservationPolicyQuerySet)()

    class Meta:
        verbose_name = _("preservation policy")
        verbose_name_plural = _("preservation policies")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name
