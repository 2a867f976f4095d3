"""The facts for decisions about new users: existing and new orgs, roles, and what the acting person may grant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from directory.org_scope import orgs_in_scope
from directory.sync.plan.plan_context import load_plan_context
from directory.values.plan import OrgFacts
from orgs.actions import escalation_guard
from orgs.models import DirectoryService, Org, Role
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class TargetOrg:
    """An existing org, or, without an id, one that would be made; a new org inherits everything.

    ``path`` is the org's tree path; for a new org it is the path of the existing org above it.
    """

    facts: OrgFacts
    org_id: int | None
    path: str
    follows_directory: bool


class CreationContext:
    """The active orgs and those that would be made, by folded name; all roles; and what the acting person holds."""

    def __init__(self, by: Actor) -> None:
        self.actor = escalation_guard.acting(by)
        self._withheld: dict[str, Mapping[str, str]] = {}
        self.scope = orgs_in_scope()
        self.plan_context = load_plan_context(self.scope)
        self.roles = {role.name: role for role in Role.objects.all()}
        self.orgs = {
            fold(org.name): TargetOrg(
                self.plan_context.by_id[org.id], org.id, org.path, org.directory_service == DirectoryService.LDAP
            )
            for org in effective_settings().values()
            if org.active
        }

    def nearest(self, org: Org, way: Sequence[str]) -> int:
        """Return the id of the last existing org on the way from ``org``."""
        ids = (found.org_id for name in way if (found := self.orgs.get(fold(name))) is not None)
        return ([pk for pk in ids if pk is not None] or [org.pk])[-1]

    def walk(self, start: Org, way: Iterable[str]) -> tuple[TargetOrg, list[str]]:
        """Return the org at the end of a way, and the names of orgs that would be made on it."""
        target = self.orgs[start.name_key]
        makes = []
        for name in way:
            found = self.orgs.get(fold(name))
            if found is None:
                facts = replace(target.facts, id=0, name=" ".join(name.split()))
                found = self.orgs[fold(name)] = replace(target, facts=facts, org_id=None)
                makes.append(facts.name)
            target = found
        return target, makes

    def withheld(self, target: TargetOrg) -> Mapping[str, str]:
        """Return the names of roles that the acting person may not give in this org, each with the permission that they lack."""
        if self.actor is None:
            return {}
        if target.path not in self._withheld:
            self._withheld[target.path] = escalation_guard.not_grantable(
                self.actor, self.roles.values(), org_path=target.path
            )
        return self._withheld[target.path]

    def role_ids(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the ids of these roles, in the order of their names."""
        return tuple(self.roles[name].pk for name in sorted(names))

    def role_names(self, role_ids: Iterable[int]) -> frozenset[str]:
        """Return the names of these roles."""
        ids = set(role_ids)
        return frozenset(name for name, role in self.roles.items() if role.pk in ids)
