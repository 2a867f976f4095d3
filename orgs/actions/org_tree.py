"""Moves an org, with the orgs below it, to another place of the tree; nobody gains more than the acting person holds."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.orgs import DEEPEST
from orgs.models import Org, Role, User
from orgs.rules.actors import Actor
from orgs.rules.inheritance import TriedSettings, effective_settings
from orgs.rules.permission_comparison import Holding, beyond


@transaction.atomic
def move(*, org: Org, parent: Org, by: Actor, at: datetime) -> Org:
    """Put an org, with all orgs below it, below another org. Users, devices and own settings go with it.

    Archives that are in cold storage already keep their dates.

    Raises:
        Refused: when the new parent is not active, or lies below the org; when administrators of the new parent would
            reach further than ``by``, or users would get default roles that hold more; when the acting person or the
            last SYSADMIN with a local password could not sign in any more.
    """
    locks.moving_org(org.pk, parent.pk)
    stored, above = Org.objects.get(pk=org.pk), Org.objects.get(pk=parent.pk)
    if reason := why_not(stored, above):
        raise Refused(reason)
    former = parent_of(stored)
    if former is None or former.pk == above.pk:
        return stored
    gaining = gaining_reach(stored, above)
    escalation_guard.refuse_gains(after={pk: gaining[pk] for pk in sorted(gaining)}, by=by)
    _refuse_default_roles(stored, above, by=by)
    with local_password_guard.watched(by=by, at=at):
        Org.objects.move(stored, above, "last-child")
    local_password_guard.forget_passwords_of_promoted(user_ids=list(gaining), by=by, at=at)
    fact = Fact("org", stored.pk, stored.name, before={"parent": former.name}, after={"parent": above.name})
    note([fact], action="org moved", by=by, at=at)
    return Org.objects.get(pk=stored.pk)


def parent_of(org: Org) -> Org | None:
    """Return the org directly above; None for the top of the tree."""
    found: Org | None = Org.objects.filter(path=org.path[: -Org.steplen]).first()
    return found


def why_not(org: Org, parent: Org) -> str:
    """Return why an org can not be put below another one, whoever asks; empty if it can."""
    if org.depth == 1:
        return f"{org.name} is the top of the tree"
    if parent.path.startswith(org.path):
        return f"{parent.name} is {org.name} itself, or lies below it"
    if not parent.active:
        return f"{parent.name} is not active: activate it first"
    deepest = max(Org.objects.filter(path__startswith=org.path).values_list("depth", flat=True))
    if parent.depth + deepest - org.depth + 1 > DEEPEST:
        return f"no org can lie deeper than {DEEPEST} levels"
    return ""


def gaining_reach(org: Org, parent: Org) -> dict[int, Holding]:
    """Return the users who would reach the org, once it lies below ``parent``, with what they do not reach it with now.

    They are users of the orgs that come to lie above it. The values are all that they hold, as held in the org.
    """
    return _reaching(org, _lineage(parent.path) - _lineage(org.path))


def losing_reach(org: Org, parent: Org) -> dict[int, Holding]:
    """Return the users who reach the org only as it lies below their org, which ``parent`` does not; values as above."""
    return _reaching(org, _lineage(org.path) - _lineage(parent.path) - {org.path})


def _reaching(org: Org, paths: set[str]) -> dict[int, Holding]:
    users = User.objects.filter(org__path__in=paths).holding_more_than_personal().values_list("pk", flat=True)
    current = escalation_guard.holdings(list(users))
    in_the_org = {pk: Holding(holding.permissions, org.path) for pk, holding in current.items()}
    return {pk: holding for pk, holding in in_the_org.items() if _depends_on_place(current[pk], holding)}


def _depends_on_place(own: Holding, in_the_org: Holding) -> bool:
    """Return whether some permission reaches the org only from an org above it, and not from wherever it is held."""
    elsewhere = Holding(own.permissions, _NOWHERE)
    return bool(beyond(elsewhere, in_the_org))


# The path of no org.
_NOWHERE = "----" * 2


def _lineage(path: str) -> set[str]:
    """Return the paths of an org and of the orgs above it, without the top, from where roles reach every org anyway."""
    return {path[:end] for end in range(2 * Org.steplen, len(path) + 1, Org.steplen)}


def _refuse_default_roles(org: Org, parent: Org, *, by: Actor) -> None:
    """Refuse default roles that orgs would come to inherit, and that hold more than the acting person does."""
    before, after = effective_settings(), effective_settings(TriedSettings(parents={org.pk: parent.pk}))
    for pk, settings in after.items():
        if new := settings.default_roles - before[pk].default_roles:
            escalation_guard.refuse_roles(
                roles=Role.objects.filter(name__in=new),
                org_path=settings.path,
                where=f"The default roles of {settings.name}",
                by=by,
            )
