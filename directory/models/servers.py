"""LDAP servers: how to connect, what to search, which attribute means what, the scripts and the limits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.ldap.attributes.requested_attributes import named, needed
from directory.models.fields import EncryptedTextField, decrypted
from directory.values import pasted_text
from directory.values.ldap import AttributeMapping, Connection, GroupSearch
from directory.values.limit_table import BY_NAME, LIMITS, Limit, Limits, LimitUnit
from directory.values.pem_certificates import holder
from directory.values.scripts import Scripts
from orgs.models import Org, Role, User
from orgs.models.keys import Keyed
from orgs.permissions import Permission

DEFAULT_ACTIVE_SCRIPT = "function(entry) {return true;}"
# Not "and no computers": where a server's schema lacks that class, such a filter matches nobody (RFC 4511, 4.5.1.7).
DEFAULT_FILTER = "(objectClass=person)"
# By what, beside the DN, a person is known to groups, and where scripts find the groups.
NAMED_BY_GROUPS = ("uid", "objectSid", "primaryGroupID", "groups")
DEFAULT_ALWAYS_LISTS = (
    "memberOf",
    "objectClass",
    "proxyAddresses",
    "member",
    "uniqueMember",
    "memberUid",
    "otherMailbox",
    "mailAlternateAddress",
    "groups",
    "isMemberOf",
)


def default_always_lists() -> list[str]:
    """Return the attributes that scripts see as arrays even with one value."""
    return list(DEFAULT_ALWAYS_LISTS)


def _limit(name: str) -> models.PositiveSmallIntegerField[int, int] | models.PositiveIntegerField[int, int]:
    """Return the field of a limit, as the table of limits describes it."""
    limit = BY_NAME[name]
    small = models.PositiveSmallIntegerField if limit.unit is LimitUnit.PERCENT else models.PositiveIntegerField
    bounds = [MinValueValidator(limit.least)] if limit.least else []
    return small(_(limit.label), default=limit.default, validators=[*bounds, MaxValueValidator(limit.most)])


class Scope(models.TextChoices):
    """How deep a search goes below its base (RFC 4511, 4.5.1.2)."""

    SUBTREE = "subtree", _("the whole subtree")
    ONELEVEL = "onelevel", _("one level")
    BASE = "base", _("the base entry only")


class LdapServerQuerySet(models.QuerySet["LdapServer"]):
    """Named questions about LDAP servers."""

    def visible_to(self, viewer: User) -> LdapServerQuerySet:
        """LDAP servers belong to the whole console, so only server administrators see them."""
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
        """Servers in the order that administrators gave them."""
        return self.order_by("position", "pk")


class LdapServer(Keyed):
    """Connection, search, attribute mapping, three scripts and safety limits."""

    id: int
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=255, unique=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    urls = models.JSONField(_("URLs"), default=list)
    start_tls = models.BooleanField(_("StartTLS"), default=False)
    verify_certificates = models.BooleanField(_("check certificates"), default=True)
    ca_certificate = models.TextField(_("CA certificate"), blank=True)
    bind_dn = models.CharField(_("bind DN"), max_length=1024, blank=True)
    bind_password = EncryptedTextField(_("bind password"), blank=True, default="")
    client_certificate = models.TextField(
        _("client certificate"),
        blank=True,
        help_text=_(
            "PEM text, with intermediate certificates below it, for servers that ask who connects. Empty: none."
        ),
    )
    client_key = EncryptedTextField(_("client key"), blank=True, default="")
    sasl_external = models.BooleanField(
        _("sign in with the client certificate (SASL EXTERNAL)"),
        default=False,
        help_text=_("Instead of a bind DN and a password: the server knows by the certificate who connects."),
    )
    connect_timeout = models.PositiveIntegerField(
        _("connect time-out"), default=10, validators=[MinValueValidator(1), MaxValueValidator(300)]
    )
    operation_timeout = models.PositiveIntegerField(
        _("operation time-out"), default=60, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    follow_referrals = models.BooleanField(_("follow referrals"), default=False)

    left_out_contexts = models.JSONField(
        _("referrals left out"),
        default=list,
        blank=True,
        help_text=_(
            "DNs, one a line: of a child domain, say. Referrals to them and to what is below are not followed, and do not keep "
            "anybody from being taken for absent."
        ),
    )
    dereference_aliases = models.BooleanField(
        _("dereference aliases"),
        default=False,
        help_text=_(
            "Entries of class alias then stand for those that they point to, also outside of the search base. Each sync reads "
            "everything."
        ),
    )

    search_base = models.CharField(
        _("search base"),
        max_length=1024,
        blank=True,
        help_text=_("Empty: the whole directory, for a Global Catalog of Active Directory (port 3268 or 3269)."),
    )
    search_scope = models.CharField(_("search scope"), max_length=8, choices=Scope.choices, default=Scope.SUBTREE)
    search_filter = models.TextField(_("search filter"), default=DEFAULT_FILTER)
    page_size = models.PositiveIntegerField(
        _("page size"), default=1000, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )

    cannot_page = models.BooleanField(
        _("this server can't page"),
        default=False,
        help_text=_(
            "For proxies such as OpenLDAP's back-meta, and where pages are not allowed: everything is asked for at once, and "
            "counted a second time. The server's size limit has to allow that."
        ),
    )

    needed_attributes_only = models.BooleanField(
        _("ask only for needed attributes"),
        default=False,
        help_text=_(
            "Those of the mapping, and those whose names stand in the scripts: less to send and to keep where entries "
            "are big. To look at any other one is then a script error, which changes nothing for that user."
        ),
    )

    resolve_groups = models.BooleanField(
        _("resolve groups"),
        default=False,
        help_text=_(
            "Scripts get entry.groups: the DNs of all groups that the person is in, directly, through other groups, as "
            "primary group, or by name only (memberUid)."
        ),
    )
    groups_base = models.CharField(
        _("base of groups"),
        max_length=1024,
        blank=True,
        default="",
        help_text=_("Empty: everywhere in the directory where people may be."),
    )
    groups_filter = models.TextField(
        _("filter of groups"),
        blank=True,
        default="",
        help_text=_("Empty: whatever has a member, uniqueMember or memberUid, and the usual classes of groups."),
    )
    groups_depth = models.PositiveSmallIntegerField(
        _("how many levels of groups in groups"),
        default=10,
        validators=[MaxValueValidator(100)],
        help_text=_("0: only groups that name the person themselves."),
    )

    username_attribute = models.CharField(_("username"), max_length=255, default="uid")
    email_attribute = models.CharField(_("email"), max_length=255, default="mail", blank=True)
    first_name_attribute = models.CharField(_("first name"), max_length=255, default="givenName", blank=True)
    last_name_attribute = models.CharField(_("last name"), max_length=255, default="sn", blank=True)
    unique_id_attribute = models.CharField(_("immutable id"), max_length=255, default="", blank=True)
    always_list_attributes = models.JSONField(_("always lists"), default=default_always_lists)

    active_script = models.TextField(_("active script"), default=DEFAULT_ACTIVE_SCRIPT, blank=True)
    org_name_script = models.TextField(_("org name script"), default="", blank=True)
    role_name_script = models.TextField(_("role name script"), default="", blank=True)
    grantable_roles = models.ManyToManyField(Role, verbose_name=_("roles that this server may grant"), related_name="+")

    # One for each row of the table of limits, which a test compares.
    limit_deactivations_percent = _limit("deactivations_percent")
    limit_deactivations_count = _limit("deactivations_count")
    limit_org_deactivations_percent = _limit("org_deactivations_percent")
    limit_entries_percent = _limit("entries_percent")
    limit_script_errors_percent = _limit("script_errors_percent")
    limit_lost_ids_percent = _limit("lost_ids_percent")
    limit_moves_percent = _limit("moves_percent")
    limit_role_changes_percent = _limit("role_changes_percent")
    limit_role_losses_percent = _limit("role_losses_percent")
    limit_admin_grants = _limit("admin_grants")
    limit_renames_percent = _limit("renames_percent")
    limit_profile_changes_percent = _limit("profile_changes_percent")
    limit_reactivations_percent = _limit("reactivations_percent")
    limit_vanished_attributes_percent = _limit("vanished_attributes_percent")
    absence_runs = models.PositiveSmallIntegerField(
        _("absent in how many syncs in a row"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("1: whoever one complete reading does not find is deactivated by the same sync."),
    )
    absence_hours = models.PositiveIntegerField(
        _("absent for how many hours"),
        default=0,
        validators=[MaxValueValidator(8760)],
        help_text=_("0: no waiting."),
    )
    canary = models.CharField(
        _("canary entry"), max_length=255, blank=True, help_text=_("A username that every reading must find.")
    )
    requires_approval = models.BooleanField(
        _("plans need the approval of a second administrator"),
        default=False,
        help_text=_(
            "A sync with anything to change then waits until someone other than who started it applies its plan."
        ),
    )
    sync_interval_hours = models.PositiveIntegerField(
        _("sync interval in hours"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(24 * 365)],
        help_text=_("Empty: the server-wide interval. 0: never."),
    )
    full_reading_every = models.PositiveSmallIntegerField(
        _("full reading every how many syncs"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "1: each sync reads everything. Otherwise scheduled syncs in between ask the server for what has changed, "
            "and take nobody for absent."
        ),
    )
    unmarked_attributes: Any = models.JSONField(
        _("attributes that change without marking the entry as changed"), default=list, blank=True
    )
    # When and how the server broke off a search for changes by syncrepl (RFC 4533): no more are sent to it.
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
    def connection(self) -> Connection:
        """How to reach the server, as a value that holds the bind password and the client key; raises Undecryptable.

        What was stored before it was normalized is normalized here and not where it is stored, which would be another
        ``configuration_digest`` of a server that nobody has changed.
        """
        return Connection(
            name=self.name,
            urls=tuple(pasted_text.lines(self.urls)),
            search_base=pasted_text.dn(self.search_base),
            search_filter=pasted_text.ldap_filter(self.search_filter),
            search_scope=self.search_scope,
            start_tls=self.start_tls,
            verify_certificates=self.verify_certificates,
            ca_certificate=pasted_text.pem(self.ca_certificate),
            bind_dn=pasted_text.name_of_entry(self.bind_dn),
            bind_password=decrypted(self.bind_password),
            page_size=self.page_size,
            connect_timeout=self.connect_timeout,
            operation_timeout=self.operation_timeout,
            follow_referrals=self.follow_referrals,
            cannot_page=self.cannot_page,
            sync_searches=self.sync_search_failed_at is None,
            client_certificate=pasted_text.pem(self.client_certificate),
            client_key=pasted_text.pem(decrypted(self.client_key, "client key")),
            sasl_external=self.sasl_external,
            left_out_contexts=tuple(self.left_out_contexts),
            dereference_aliases=self.dereference_aliases,
        )

    def connection_at(self, at: datetime) -> Connection:
        """Return how to reach the server at this time; raises Undecryptable."""
        return replace(self.connection, at=at)

    @property
    def mapping(self) -> AttributeMapping:
        """Which attributes hold a person's identity."""
        return AttributeMapping(
            username=self.username_attribute,
            email=self.email_attribute,
            first_name=self.first_name_attribute,
            last_name=self.last_name_attribute,
            unique_id=self.unique_id_attribute,
        )

    @property
    def attributes(self) -> tuple[str, ...] | None:
        """The attributes to request; None for all."""
        names = needed(self.mapping, self.scripts) if self.needed_attributes_only else None
        if names is None or not self.resolve_groups:
            return names
        known = {name.lower() for name in names}
        return (*names, *(name for name in NAMED_BY_GROUPS if name.lower() not in known))

    @property
    def named_attributes(self) -> tuple[str, ...]:
        """The attributes that the mapping or a script names."""
        return named(self.mapping, self.scripts)

    @property
    def group_search(self) -> GroupSearch | None:
        """Which groups are resolved for the scripts; None where none are."""
        if not self.resolve_groups:
            return None
        return GroupSearch(self.groups_base, self.groups_filter, self.groups_depth)

    @property
    def always_lists(self) -> list[str]:
        """The attributes that scripts see as arrays even with one value."""
        return [*self.always_list_attributes, "groups"] if self.resolve_groups else self.always_list_attributes

    @property
    def scripts(self) -> Scripts:
        """The three sources."""
        return Scripts(active=self.active_script, org_name=self.org_name_script, role_name=self.role_name_script)

    @property
    def limits(self) -> Limits:
        """The safety limits."""
        return Limits({limit.name: getattr(self, limit.setting) for limit in LIMITS}, canary=self.canary)

    @property
    def limits_off(self) -> list[Limit]:
        """The limits that hold back nothing, or next to nothing, as they are set."""
        return [limit for limit in LIMITS if limit.is_off(getattr(self, limit.setting))]

    @property
    def grants_digest(self) -> str:
        """What a stored plan may grant, as one hash: the roles that this server may grant, and their permissions."""
        granted = self.grantable_roles.order_by("pk").values_list("pk", "name", "permissions")
        return hashlib.sha256(json.dumps(list(granted)).encode()).hexdigest()

    @property
    def configuration_digest(self) -> str:
        """What a simulation has to have seen before a real run: connection, search, mapping and scripts, as one hash."""
        parts = [
            self.urls,
            self.start_tls,
            self.verify_certificates,
            self.ca_certificate,
            self.bind_dn,
            self.follow_referrals,
            self.search_base,
            self.search_scope,
            self.search_filter,
            self.username_attribute,
            self.email_attribute,
            self.first_name_attribute,
            self.last_name_attribute,
            self.unique_id_attribute,
            self.always_list_attributes,
            self.active_script,
            self.org_name_script,
            self.role_name_script,
        ]
        # What was simulated before there was this setting still is what it was.
        if self.needed_attributes_only:
            parts.append("needed attributes only")
        if self.cannot_page:
            parts.append("cannot page")
        if self.resolve_groups:
            parts.append(["groups", self.groups_base, self.groups_filter, self.groups_depth])
        if self.client_certificate:
            parts.append(f"client certificate of {holder(self.client_certificate)}")
        if self.sasl_external:
            parts.append("SASL EXTERNAL")
        if self.left_out_contexts:
            parts.append(["referrals left out", *self.left_out_contexts])
        if self.dereference_aliases:
            parts.append("aliases are dereferenced")
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
