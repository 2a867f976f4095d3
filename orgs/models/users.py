"""Users, their two independent states (active, blocked), and their role grants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from orgs.models.name_keys import Keyed
from orgs.models.orgs import Org
from orgs.models.roles import Role, all_roles
from orgs.permissions import PERSONAL, Permission, holds
from orgs.text import fold


class SetBy(models.TextChoices):
    """Who or what set a state; a sync undoes only what a sync did."""

    NOBODY = "", _("nobody")
    PERSON = "person", _("a person")
    SYNC = "sync", _("a sync")


class CreatedBy(models.TextChoices):
    """How a user was created."""

    HAND = "hand", _("by hand")
    CSV = "csv", _("by CSV")
    SELF_SERVICE = "self-service", _("by self-service")
    DEPLOYMENT = "deployment", _("by deployment")


class UserQuerySet(models.QuerySet["User"]):
    """Named questions about users."""

    def visible_to(self, viewer: User) -> UserQuerySet:
        """The users that this administrator may see: all, or those of their own org and the orgs below it."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if viewer.may(Permission.USER_READ):
            return self.filter(org__path__startswith=viewer.org.path)
        return self.none()

    def managed_by(self, viewer: User) -> UserQuerySet:
        """The users whom this administrator may change: all, or those of their own org and the orgs below it."""
        if viewer.may_everywhere(Permission.USER):
            return self
        return self.filter(org__path__startswith=viewer.org.path) if viewer.may(Permission.USER) else self.none()

    def with_hold(self) -> UserQuerySet:
        """Annotate ``on_hold``: custodian of at least one open matter."""
        return self.annotate(on_hold=Exists(_open_custodianships()))

    def on_legal_hold(self) -> UserQuerySet:
        """Users on legal hold."""
        return self.filter(Exists(_open_custodianships()))

    def counts_by_state(self) -> dict[str, int]:
        """Return how many users are in each state, by the state's name on pages; a user may be in several."""
        return self.aggregate(
            total=Count("pk"),
            active=Count("pk", filter=Q(active=True, blocked=False)),
            deactivated_by_sync=Count("pk", filter=Q(deactivated_by=SetBy.SYNC)),
            deactivated_by_hand=Count("pk", filter=Q(deactivated_by=SetBy.PERSON)),
            blocked_by_sync=Count("pk", filter=Q(blocked_by=SetBy.SYNC)),
            blocked_by_hand=Count("pk", filter=Q(blocked_by=SetBy.PERSON)),
            pending=Count("pk", filter=Q(pending=True)),
        )

    def administrators(self) -> UserQuerySet:
        """Active users with a role that allows more than handling their own account."""
        return self.holding_more_than_personal().filter(active=True, blocked=False)

    def holding_more_than_personal(self) -> UserQuerySet:
        """Users in any state with a role that allows more than handling their own account."""
        administrative = [role.pk for role in all_roles() if _administrative(role.permissions)]
        return self.filter(Exists(RoleGrant.objects.filter(user=OuterRef("pk"), role__in=administrative)))

    def sysadmins(self) -> UserQuerySet:
        """Active, unblocked users with a role that holds ``admin``."""
        roles = [role.pk for role in all_roles() if role.holds_admin]
        return self.filter(Exists(RoleGrant.objects.filter(user=OuterRef("pk"), role__in=roles))).filter(
            active=True, blocked=False
        )


def _administrative(permissions: Iterable[str]) -> bool:
    return any(key not in PERSONAL for key in permissions)


def _open_custodianships() -> models.QuerySet[Any]:
    # The model by name: the module of legal holds imports this one.
    custodians = apps.get_model("orgs", "Custodian").objects
    return custodians.filter(user=OuterRef("pk"), released_at=None, matter__closed_at=None)


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Users; ``get_by_natural_key`` ignores letter case, as the sign-in does."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with this username, ignoring letter case.

        Raises:
            User.DoesNotExist: when there is none.
        """
        found: User = self.select_related("org").get(username_key=fold(username or ""))
        return found


class User(Keyed, AbstractBaseUser):
    """A person with an account, in exactly one org; a sync keeps the states of the account in line with LDAP."""

    id: int
    username = models.CharField(_("username"), max_length=255)
    username_key = models.CharField(max_length=255, unique=True, editable=False)
    email = models.CharField(_("email"), max_length=320, blank=True)
    first_name = models.CharField(_("first name"), max_length=255, blank=True)
    last_name = models.CharField(_("last name"), max_length=255, blank=True)
    org = models.ForeignKey(Org, models.PROTECT, verbose_name=_("org"), related_name="users")
    roles: models.ManyToManyField[Role, RoleGrant] = models.ManyToManyField(
        Role, verbose_name=_("roles"), through="RoleGrant", related_name="users"
    )

    active = models.BooleanField(_("active"), default=True)
    deactivated_by = models.CharField(_("deactivated by"), max_length=8, choices=SetBy.choices, blank=True)
    deactivated_at = models.DateTimeField(_("deactivated at"), null=True, blank=True)
    blocked = models.BooleanField(_("blocked"), default=False)
    blocked_by = models.CharField(_("blocked by"), max_length=8, choices=SetBy.choices, blank=True)
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True)
    pending = models.BooleanField(_("deactivation pending"), default=False)
    pending_by = models.CharField(_("pending by"), max_length=8, choices=SetBy.choices, blank=True)
    pending_at = models.DateTimeField(_("pending since"), null=True, blank=True)
    managed_locally = models.BooleanField(
        _("managed locally"), default=False, help_text=_("A sync never changes this user.")
    )
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    created_by = models.CharField(_("created"), max_length=16, choices=CreatedBy.choices, default=CreatedBy.HAND)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    notes = models.TextField(_("notes"), blank=True)

    objects = UserManager()

    USERNAME_FIELD = "username"
    NAME = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["username_key", "pk"]
        indexes = [
            models.Index(fields=["email", "id"], name="users_by_email"),
            models.Index(fields=["last_name", "first_name", "id"], name="users_by_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(active=True, deactivated_by="") | Q(active=False) & ~Q(deactivated_by=""),
                name="a_deactivated_user_says_who_did_it",
            ),
            models.CheckConstraint(
                condition=Q(blocked=False, blocked_by="") | Q(blocked=True) & ~Q(blocked_by=""),
                name="a_blocked_user_says_who_did_it",
            ),
            models.CheckConstraint(
                condition=Q(pending=False, pending_by="") | (Q(pending=True, active=True) & ~Q(pending_by="")),
                name="a_pending_deactivation_says_who_wants_it",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # Django has a plain attribute here
        """Whether the user may sign in: active and not blocked. Django requires this name."""
        return self.active and not self.blocked

    @property
    def full_name(self) -> str:
        """First and last name, or the username if both are empty."""
        return f"{self.first_name} {self.last_name}".strip() or self.username

    def permission_keys(self) -> frozenset[str]:
        """Return the permission keys of all roles of the user; they are read once for this object."""
        if not hasattr(self, "_permission_keys"):
            roles = list(self.roles.all())
            self._permission_keys = frozenset(key for role in roles for key in role.permissions)
            self._needing = sorted(role.name for role in roles if role.needs_second_factor)
        return self._permission_keys

    def roles_that_need_a_second_factor(self) -> list[str]:
        """Return the names of the user's roles whose holders need a second factor; read with the permissions."""
        self.permission_keys()
        return self._needing

    def may(self, permission: str) -> bool:
        """Return whether the user holds a permission, for their own org or for every org."""
        return self.is_active and (holds(self.permission_keys(), permission) or self.may_everywhere(permission))

    def may_everywhere(self, permission: str) -> bool:
        """Return whether the user holds a permission for every org; ``admin.user`` means ``admin.alluser``."""
        area = permission.removeprefix("admin.").removeprefix("all")
        return self.is_active and holds(self.permission_keys(), f"admin.all{area}")

    def may_in(self, permission: str, org: Org) -> bool:
        """Return whether the user holds a permission for this org: for every org, or for one that it lies in or below."""
        return self.may_everywhere(permission) or (self.may(permission) and org.path.startswith(self.org.path))

    @property
    def is_staff(self) -> bool:
        """Whether Django admin (data fixes) is open to the user: SYSADMIN only."""
        return self.may(Permission.ADMIN)

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002  # Django asks so
        """Answer Django admin, which is open to SYSADMIN only."""
        return self.may(Permission.ADMIN)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002
        """Answer Django admin, which is open to SYSADMIN only."""
        return self.may(Permission.ADMIN)

    def get_session_auth_hash(self) -> str:
        """Return the hash that a session must hold; a new epoch ends all sessions."""
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterable[str]:
        """Return the same hash for each older secret key."""
        return []

    def _session_hash(self, secret: str | None) -> str:
        return salted_hmac("orgs.User.session", f"{self.password}:{self.session_epoch}", secret=secret).hexdigest()


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    """Named questions about granted roles."""

    def visible_to(self, viewer: User) -> RoleGrantQuerySet:
        """The roles of the users that this administrator may see."""
        if viewer.may_everywhere(Permission.ALL_USER_READ):
            return self
        if viewer.may(Permission.USER_READ):
            return self.filter(user__org__path__startswith=viewer.org.path)
        return self.none()

    def names_of(self, user_ids: Iterable[int]) -> dict[int, list[str]]:
        """Return the names of the roles of these users, sorted, by the user's id."""
        names: dict[int, list[str]] = {}
        rows = self.filter(user__in=user_ids).order_by("role__name").values_list("user_id", "role__name")
        for user_id, name in rows:
            names.setdefault(user_id, []).append(name)
        return names


class RoleGrant(models.Model):
    """One role of one user."""

    id: int
    # No index here: the index of the constraint begins with the user.
    user = models.ForeignKey(User, models.CASCADE, related_name="grants", db_index=False)
    role = models.ForeignKey(Role, models.PROTECT, related_name="grants")
    granted_at = models.DateTimeField(_("granted"), auto_now_add=True)
    granted_by = models.CharField(_("granted by"), max_length=255, blank=True)

    objects = models.Manager.from_queryset(RoleGrantQuerySet)()

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="a_role_is_granted_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role_id}"
