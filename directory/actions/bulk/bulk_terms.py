"""The terms of an act on many users: who acts, what is done, with which argument, and what it undoes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet

from directory.models import BulkAct, BulkActUser, BulkKind
from orgs.actions import escalation_guard
from orgs.models import Matter, Org, Role, User
from orgs.models.orgs import OrgQuerySet
from orgs.permissions import Permission
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings

# Acts that need an org, a role or a matter before they can be confirmed.
WITH_ARGUMENT = {
    BulkKind.MOVE: "org",
    BulkKind.ADD_ROLE: "role",
    BulkKind.REMOVE_ROLE: "role",
    BulkKind.HOLD: "matter",
}
# Acts that shut people out.
CUTTING_OFF = frozenset({BulkKind.BLOCK, BulkKind.DEACTIVATE})


@dataclass(frozen=True, slots=True)
class BulkTerms:
    """One act as it is about to be done; ``person`` is the acting person as they are now, with their present roles."""

    kind: BulkKind
    person: User
    by: Actor
    org: Org | None = None
    role: Role | None = None
    matter: Matter | None = None
    undone: BulkAct | None = None

    @property
    def moves_back(self) -> bool:
        """Whether each user goes back to the org before the move that is undone."""
        return self.kind == BulkKind.MOVE and self.undone is not None

    def orgs_managed(self) -> OrgQuerySet:
        """Return the orgs into which the person may put users."""
        return Org.objects.with_users_managed_by(self.person)

    def undone_rows(self) -> QuerySet[BulkActUser]:
        """Return the undone act's row about the user of the outer query."""
        return BulkActUser.objects.filter(bulk_act=self.undone, user=OuterRef("pk"))

    def targets(self, user_ids: Collection[int]) -> dict[int, int]:
        """Return the org to which each of these users moves."""
        if self.org is not None:
            return dict.fromkeys(user_ids, self.org.pk)
        rows = BulkActUser.objects.filter(bulk_act=self.undone, user__among=user_ids)
        targets = rows.values_list("user_id", "org_before")
        return {user_id: org_id for user_id, org_id in targets if org_id is not None}


def terms_of(act: BulkAct) -> BulkTerms:
    """Return the terms of a stored act, with the acting person as they are now."""
    person = User.objects.select_related("org").get(pk=act.started_by_id)
    by = Actor(label=act.started_by_label, user_id=person.pk, org_id=person.org_id, bulk_act_id=act.pk)
    return BulkTerms(BulkKind(act.kind), person, by, act.org, act.role, act.matter, act.undo_of)


def problem(terms: BulkTerms) -> str:
    """Return why the whole act can't be done by this person any more; empty if it can.

    It is about the person and the argument, not about single users.
    """
    if not terms.person.may(Permission.USER):
        return f"{terms.person} may not change users any more"
    if terms.moves_back:
        return ""
    match WITH_ARGUMENT.get(terms.kind):
        case "org":
            return _problem_of_org(terms)
        case "role":
            return _problem_of_role(terms)
        case "matter":
            return _problem_of_matter(terms)
        case _:
            return ""


def _problem_of_org(terms: BulkTerms) -> str:
    if terms.org is None or not terms.orgs_managed().filter(pk=terms.org.pk).exists():
        return "the new org is not in use any more, or outside the part of the acting person"
    actor, org = escalation_guard.acting(terms.by), effective_settings()[terms.org.pk]
    if actor is None:
        return ""
    beyond = escalation_guard.not_grantable(actor, Role.objects.filter(name__in=org.default_roles), org_path=org.path)
    return "the default roles of the new org hold more than the acting person" if beyond else ""


def _problem_of_role(terms: BulkTerms) -> str:
    if terms.role is None or not Role.objects.filter(pk=terms.role.pk).exists():
        return "the role does not exist any more"
    actor = escalation_guard.acting(terms.by)
    if actor is None:
        return ""
    beyond = escalation_guard.not_grantable(actor, [terms.role], org_path=actor.org_path)
    return f"the acting person does not hold all that {terms.role} does: {', '.join(beyond.values())}" if beyond else ""


def _problem_of_matter(terms: BulkTerms) -> str:
    if terms.matter is None or not Matter.objects.managed_by(terms.person).filter(pk=terms.matter.pk).exists():
        return "the matter is not there, or not for the acting person"
    return "the matter is closed" if terms.matter.closed_at is not None else ""
