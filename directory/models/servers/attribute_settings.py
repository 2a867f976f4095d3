"""Settings of an LDAP server: attribute mapping, group resolution and scripts."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.ldap.attributes.requested_attributes import named, needed
from directory.values.ldap import AttributeMapping, GroupSearch
from directory.values.scripts import ACTIVE, ORG_NAME, ROLE_NAME, SCRIPTS, Script, Scripts
from orgs.models import Role

# The attributes by which groups may name a person besides the DN, and the attribute with the groups for scripts.
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


def _script(script: Script[Any], **more: Any) -> models.TextField[str, str]:
    """Return the model field for a script's source, by the registry of scripts; a new column needs ``db_default``."""
    return models.TextField(_(script.label), default=script.default, blank=True, **more)


class AttributeSettings(models.Model):
    """Settings of an LDAP server: attribute mapping, group resolution and scripts."""

    needed_attributes_only = models.BooleanField(
        _("ask only for needed attributes"),
        default=False,
    )

    resolve_groups = models.BooleanField(
        _("resolve groups"),
        default=False,
    )
    groups_base = models.CharField(
        _("base of groups"),
        max_length=1024,
        blank=True,
        default="",
    )
    groups_filter = models.TextField(
        _("filter of groups"),
        blank=True,
        default="",
    )
    groups_depth = models.PositiveSmallIntegerField(
        _("how many levels of groups in groups"),
        default=10,
        validators=[MaxValueValidator(100)],
    )

    username_attribute = models.CharField(_("username"), max_length=255, default="uid")
    email_attribute = models.CharField(_("email"), max_length=255, default="mail", blank=True)
    first_name_attribute = models.CharField(_("first name"), max_length=255, default="givenName", blank=True)
    last_name_attribute = models.CharField(_("last name"), max_length=255, default="sn", blank=True)
    unique_id_attribute = models.CharField(_("immutable id"), max_length=255, default="", blank=True)

    always_list_attributes = models.JSONField(_("always lists"), default=default_always_lists)

    # One field for each script of the registry; a test compares them.
    active_script = _script(ACTIVE)
    org_name_script = _script(ORG_NAME)
    role_name_script = _script(ROLE_NAME)
    grantable_roles = models.ManyToManyField(Role, verbose_name=_("roles that this server may grant"), related_name="+")

    class Meta:
        abstract = True

    @property
    def mapping(self) -> AttributeMapping:
        """The attributes that hold a person's identity."""
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
        """The groups to resolve for the scripts; None for none."""
        if not self.resolve_groups:
            return None
        return GroupSearch(self.groups_base, self.groups_filter, self.groups_depth)

    @property
    def always_lists(self) -> list[str]:
        """The attributes that scripts see as arrays even with one value."""
        return [*self.always_list_attributes, "groups"] if self.resolve_groups else self.always_list_attributes

    @property
    def scripts(self) -> Scripts:
        """The sources of the scripts."""
        return Scripts(**{script.key: getattr(self, script.column) for script in SCRIPTS})
