"""Roles: named sets of permissions. Standard roles are locked."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from orgs.models.name_keys import Keyed
from orgs.permissions import Permission, holds
from orgs.read_once import once


class RoleQuerySet(models.QuerySet["Role"]):
    """Named questions about roles."""

    def with_member_counts(self, grants: models.QuerySet[Any]) -> RoleQuerySet:
        """Annotate ``member_count``, how many of these role grants each role has."""
        # A subquery: a join would carry all columns of the roles through all grants before counting.
        counted = grants.filter(role=OuterRef("pk")).order_by().values("role").annotate(count=Count("*"))
        return self.annotate(member_count=Coalesce(Subquery(counted.values("count")), 0))


class Role(Keyed):
    """A named set of permissions; custom roles can be edited, standard roles can't."""

    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=255, unique=True, editable=False)
    permissions = models.JSONField(_("permissions"), default=list)
    locked = models.BooleanField(_("standard role"), default=False)
    needs_second_factor = models.BooleanField(
        _("needs a second factor"),
        default=False,
        db_default=False,
        help_text=_("Whoever has this role sets up a second factor before anything else."),
    )

    objects = models.Manager.from_queryset(RoleQuerySet)()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def holds_admin(self) -> bool:
        """Whether the role holds the permission that implies all others."""
        return holds(self.permissions, Permission.ADMIN)

    @property
    def reaches_every_org(self) -> bool:
        """Whether the role holds ``admin`` or an ``admin.all…`` permission, which reach beyond the holder's own org."""
        return self.holds_admin or any(key.startswith("admin.all") for key in self.permissions)


def all_roles() -> list[Role]:
    """Return all roles; the parts of large acts read them once."""
    return once("roles", lambda: list(Role.objects.all()))
