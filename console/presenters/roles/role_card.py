"""Presents one role: who gives it, and what another set of permissions would mean for its holders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect
from directory.models import LdapServer
from orgs.actions import escalation_guard
from orgs.models import Org, Role, RoleGrant, User
from orgs.permissions import Permission, holds
from orgs.rules.actors import Actor
from orgs.rules.permission_comparison import EVERYWHERE, Holding, beyond


@dataclass(frozen=True, slots=True)
class RoleUses:
    """Who has a role, or gives it: its holders in all orgs, orgs that give it by default, servers that may grant it."""

    holders: int
    orgs: list[Org]
    servers: list[LdapServer]

    @property
    def none(self) -> bool:
        """Whether nobody has the role and nothing gives it."""
        return not (self.holders or self.orgs or self.servers)


def uses_of(role: Role, viewer: User) -> RoleUses:
    """Return where a role is used, as far as the viewer may see orgs and servers."""
    orgs = Org.objects.visible_to(viewer).filter(own_default_roles=True, default_roles=role)
    servers: QuerySet[LdapServer] = LdapServer.objects.visible_to(viewer).filter(grantable_roles=role).in_order()
    return RoleUses(RoleGrant.objects.filter(role=role).count(), list(orgs), list(servers))


def not_to_give(by: Actor) -> frozenset[str]:
    """Return the permissions that the acting person does not hold in every org, and so may not put into a role."""
    actor = escalation_guard.acting(by)
    if actor is None:
        return frozenset()
    return frozenset(key for key in Permission if beyond(actor, Holding(frozenset({key}), EVERYWHERE)))


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What another name and other permissions would mean: rows with counts, and further facts."""

    effects: list[Effect]
    facts: list[str]

    @property
    def cuts_off(self) -> bool:
        """Whether somebody loses permissions."""
        return any(effect.tone == "out" for effect in self.effects)


def effects_of_saving(role: Role, name: str, permissions: Collection[str], uses: RoleUses) -> RoleChange:
    """Return what saving a role like this would mean."""
    gained = sorted(key for key in permissions if not holds(role.permissions, key))
    lost = sorted(key for key in role.permissions if not holds(permissions, key))
    effects = []
    if gained:
        effects.append(Effect(_("Gain"), uses.holders, ", ".join(gained), "plus", "back"))
    if lost:
        effects.append(Effect(_("Lose"), uses.holders, ", ".join(lost), "minus", "out"))
    facts = []
    if name != role.name:
        facts.append(_("Role name scripts have to return “%(name)s” from now on.") % {"name": name})
    if uses.servers and (gained or lost or name != role.name):
        names = ", ".join(server.name for server in uses.servers)
        facts.append(_("Plans of %(servers)s that wait have to be simulated again.") % {"servers": names})
    if uses.orgs and (gained or lost):
        text = ngettext(
            "%(count)d org gives it to new users by default.",
            "%(count)d orgs give it to new users by default.",
            len(uses.orgs),
        )
        facts.append(text % {"count": len(uses.orgs)})
    if gained:
        facts.append(_("A holder whose local password was set by somebody who holds less has to get a new one."))
    return RoleChange(effects, facts)
