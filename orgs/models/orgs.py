"""Orgs: the tree, and settings that an org inherits from its parent unless it has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from orgs.models.name_keys import Keyed
from orgs.models.roles import Role
from orgs.permissions import Permission
from orgs.text import fold, registration_key

if TYPE_CHECKING:
    # Treebeard has no types: these declare the parts that are used.
    MP_NodeQuerySet: TypeAlias = models.QuerySet

    class MP_NodeManager(models.Manager["Org"]):  # noqa: N801
        """Plants nodes."""

        def add_root(self, create_kwargs: dict[str, Any]) -> Org: ...

        def add_child(self, target: Org, create_kwargs: dict[str, Any]) -> Org: ...

        def move(self, node: Org, target: Org, pos: str) -> None: ...

    class MP_Node(models.Model):  # noqa: N801
        """A node of a tree of materialized paths."""

        path = models.CharField(max_length=255, unique=True)
        depth = models.PositiveIntegerField()
        numchild = models.PositiveIntegerField(default=0)
        steplen: int

        class Meta:
            abstract = True

else:
    from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet


class DirectoryService(models.TextChoices):
    """Where an org's users are managed."""

    LOCAL = "local", _("local")
    LDAP = "ldap", _("LDAP")


class KeyHolder(models.TextChoices):
    """Who has the password of a repository."""

    ROLLCALL = "rollcall", _("Rollcall")
    USER = "user", _("the user")


class Viewer(Protocol):
    """The user who looks at orgs (for types only): the module of users imports this one."""

    @property
    def org(self) -> Org:
        """The viewer's org."""

    def may(self, permission: str) -> bool:
        """Return whether the viewer holds the permission, at least for their own org."""

    def may_everywhere(self, permission: str) -> bool:
        """Return whether the viewer holds the permission for every org."""


class OrgQuerySet(MP_NodeQuerySet["Org"]):
    """Named questions about orgs."""

    def visible_to(self, viewer: Viewer) -> OrgQuerySet:
        """The orgs that this administrator may see: all, or their own and those below it."""
        if viewer.may_everywhere(Permission.ALL_ORG_READ):
            return self
        return self.below([viewer.org.path]) if viewer.may(Permission.ORG_READ) else self.none()

    def in_reach_of(self, viewer: Viewer, permission: str) -> OrgQuerySet:
        """The orgs for which this administrator holds a permission."""
        if viewer.may_everywhere(permission):
            return self
        return self.below([viewer.org.path]) if viewer.may(permission) else self.none()

    def with_users_managed_by(self, viewer: Viewer) -> OrgQuerySet:
        """The active orgs whose users this administrator may make and change."""
        return self.in_reach_of(viewer, Permission.USER).active()

    def with_user_counts(self) -> OrgQuerySet:
        """Annotate ``user_count`` and ``active_user_count``, the users of each org itself."""
        return self.annotate(user_count=Count("users"), active_user_count=Count("users", filter=Q(users__active=True)))

    def active(self) -> OrgQuerySet:
        """Orgs that are in use."""
        return self.filter(active=True)

    def below(self, paths: list[str]) -> OrgQuerySet:
        """The orgs at these tree paths and everything below them."""
        reach = Q(pk__in=[])
        for path in paths:
            reach |= Q(path__startswith=path)
        return self.filter(reach)

    def named(self, name: str) -> OrgQuerySet:
        """The active org of that name, ignoring case."""
        return self.active().filter(name_key=fold(name))


class OrgManager(MP_NodeManager):
    """Orgs in the order of the tree."""

    def get_queryset(self) -> OrgQuerySet:
        """Return all orgs, parents before their children."""
        return OrgQuerySet(self.model, using=self._db).order_by("path")

    def visible_to(self, viewer: Viewer) -> OrgQuerySet:
        """The orgs that this administrator may see."""
        return self.get_queryset().visible_to(viewer)

    def in_reach_of(self, viewer: Viewer, permission: str) -> OrgQuerySet:
        """The orgs for which this administrator holds a permission."""
        return self.get_queryset().in_reach_of(viewer, permission)

    def with_users_managed_by(self, viewer: Viewer) -> OrgQuerySet:
        """The active orgs whose users this administrator may make and change."""
        return self.get_queryset().with_users_managed_by(viewer)

    def active(self) -> OrgQuerySet:
        """Orgs that are in use."""
        return self.get_queryset().active()

    def below(self, paths: list[str]) -> OrgQuerySet:
        """The orgs at these tree paths and everything below them."""
        return self.get_queryset().below(paths)

    def named(self, name: str) -> OrgQuerySet:
        """The active org of that name, ignoring case."""
        return self.get_queryset().named(name)


class Org(Keyed, MP_Node):
    """A node of the tree; an empty setting is inherited from the parent."""

    id: int
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=255, editable=False)
    registration_key = models.CharField(_("registration key"), max_length=19, unique=True, default=registration_key)
    active = models.BooleanField(_("active"), default=True)
    directory_service = models.CharField(
        _("directory service"),
        max_length=8,
        choices=DirectoryService.choices,
        blank=True,
        help_text=_("Empty: as the parent org."),
    )
    own_default_roles = models.BooleanField(_("has default roles of its own"), default=False)
    default_roles = models.ManyToManyField(Role, verbose_name=_("default roles"), blank=True, related_name="+")
    archive_retention_days = models.PositiveIntegerField(
        _("archive retention in days"), null=True, blank=True, help_text=_("Empty: as the parent org.")
    )
    key_holder = models.CharField(
        _("key of new archives"),
        max_length=8,
        choices=KeyHolder.choices,
        blank=True,
        default="",
        db_default="",
        help_text=_("Empty: as the parent org."),
    )
    # How many snapshots archives keep, by kind (``SnapshotRetention``); None is inherited, and no number keeps all.
    snapshot_retention: models.JSONField[dict[str, int] | None, dict[str, int] | None] = models.JSONField(
        _("snapshots that are kept"), null=True, blank=True, help_text=_("Empty: as the parent org.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    notes = models.TextField(_("notes"), blank=True)

    objects = OrgManager()

    class Meta:
        verbose_name = _("org")
        verbose_name_plural = _("orgs")
        constraints = [
            models.UniqueConstraint(fields=["name_key"], condition=Q(active=True), name="one_active_org_per_name"),
        ]

    def __str__(self) -> str:
        return str(self.name)
