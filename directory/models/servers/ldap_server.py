"""LDAP servers: connection, search, attribute mapping, scripts, limits and schedule, and the orgs that use them."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory import digests
from directory.models.servers.attribute_settings import AttributeSettings
from directory.models.servers.connection_settings import ConnectionSettings
from directory.models.servers.limit_settings import LimitSettings
from directory.values.server_digest import configuration_digest, in_digest
from orgs.models import Org, User
from orgs.models.name_keys import Keyed
from orgs.permissions import Permission


class LdapServerQuerySet(models.QuerySet["LdapServer"]):
    """Named queries of LDAP servers."""

    def visible_to(self, viewer: User) -> LdapServerQuerySet:
        """All servers for server administrators, none for others: servers belong to the whole console."""
        return self if viewer.may(Permission.SYSTEM) else self.none()

    def unchecked(self) -> LdapServerQuerySet:
        """Enabled servers whose certificates are not checked."""
        return self.filter(enabled=True, verify_certificates=False)

    def requiring_approval(self) -> LdapServerQuerySet:
        """Servers whose plans need a second administrator."""
        return self.filter(requires_approval=True)

    def enabled(self) -> LdapServerQuerySet:
        """Servers that syncs read."""
        return self.filter(enabled=True)

    def in_order(self) -> LdapServerQuerySet:
        """Servers in the order set by administrators."""
        return self.order_by("position", "pk")


class LdapServer(Keyed, ConnectionSettings, AttributeSettings, LimitSettings):
    """One LDAP server: connection, search, attribute mapping, scripts, limits and schedule.

    The columns have no help texts: ``directory.values.server_fields`` has one for each field.
    """

    id: int
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=255, unique=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    requires_approval = models.BooleanField(
        _("plans need the approval of a second administrator"),
        default=False,
    )

    sync_interval_hours = models.PositiveIntegerField(
        _("sync interval in hours"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(24 * 365)],
    )
    full_reading_every = models.PositiveSmallIntegerField(
        _("full reading every how many syncs"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    unmarked_attributes: Any = models.JSONField(
        _("attributes that change without marking the entry as changed"), default=list, blank=True
    )

    # When and how the server broke off a search for changes by syncrepl (RFC 4533): no further one is sent.
    sync_search_failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_search_failure = models.TextField(blank=True, default="", editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    orgs: models.ManyToManyField[Org, OrgServer] = models.ManyToManyField(
        Org, through="OrgServer", related_name="ldap_servers"
    )

    objects = models.Manager.from_queryset(LdapServerQuerySet)()

    class Meta:
        verbose_name = _("LDAP server")
        verbose_name_plural = _("LDAP servers")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def grants_digest(self) -> str:
        """A hash of the roles that this server may grant, with their permissions: a stored plan is valid only for this hash."""
        granted = self.grantable_roles.order_by("pk").values_list("pk", "name", "permissions")
        return digests.of_json(list(granted))

    @property
    def configuration_digest(self) -> str:
        """A hash of connection, search, mapping and scripts, which have to be simulated before a real run."""
        names = in_digest()
        columns = map(LdapServer._meta.get_field, names)
        return configuration_digest(
            {name: getattr(self, name) for name in names},
            {column.name: column.get_default() for column in columns if isinstance(column, models.Field)},
        )


class OrgServer(models.Model):
    """One LDAP server in an org's own ordered list; orgs without a list use their parent's."""

    id: int
    org = models.ForeignKey(Org, models.CASCADE, related_name="server_links")
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="org_links")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("org's LDAP server")
        verbose_name_plural = _("orgs' LDAP servers")
        ordering = ["org", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["org", "server"], name="an_org_lists_a_server_once")]

    def __str__(self) -> str:
        return f"{self.org_id}: {self.server_id}"
