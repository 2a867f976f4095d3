"""Refuses acts on matters, policies and custodians outside the acting person's part, and on the acting person."""

from __future__ import annotations

from collections.abc import Collection

from orgs.actions.errors import Refused
from orgs.models import Matter, Org, PreservationPolicy, User
from orgs.permissions import Permission
from orgs.rules.actors import Actor


def acting_person(by: Actor) -> User | None:
    """Return the acting person as stored now; None for a sync, for Rollcall itself and for the command line.

    Raises:
        Refused: when the person is no user any more.
    """
    if by.user_id is None or by.run_id is not None:
        return None
    person: User | None = User.objects.select_related("org").filter(pk=by.user_id).first()
    if person is None:
        raise Refused(f"{by.label} is no user any more")
    return person


def refuse_matter(matter: Matter, *, by: Actor) -> None:
    """Refuse to act on a matter that does not belong to the acting person's part.

    Raises:
        Refused: with the matter's name.
    """
    person = acting_person(by)
    if person is not None and not Matter.objects.managed_by(person).filter(pk=matter.pk).exists():
        raise Refused(f"{matter.name} does not belong to your part: ask an administrator of the orgs above")


def refuse_policy(policy: PreservationPolicy, *, by: Actor) -> None:
    """Refuse to change a policy that does not belong to the acting person's part.

    Raises:
        Refused: with the policy's name.
    """
    person = acting_person(by)
    if person is not None and not PreservationPolicy.objects.managed_by(person).filter(pk=policy.pk).exists():
        raise Refused(f"{policy.name} does not belong to your part: ask an administrator of the orgs above")


def refuse_owner(org: Org | None, *, by: Actor) -> None:
    """Refuse to put a matter or a policy outside the acting person's part; None means all orgs.

    Raises:
        Refused: with what to do.
    """
    person = acting_person(by)
    if person is None or person.may_everywhere(Permission.USER):
        return
    if org is None or not person.may_in(Permission.USER, org):
        raise Refused("choose an org of your part: only an administrator of all orgs may choose others")


def refuse_people(user_ids: Collection[int], *, by: Actor, why: str) -> None:
    """Refuse an act on users outside the acting person's part, without naming or counting them; ``why`` is the reason.

    Raises:
        Refused: with ``why``.
    """
    person = acting_person(by)
    if person is None or person.may_everywhere(Permission.USER):
        return
    if User.objects.filter(pk__among=user_ids).exclude(pk__in=User.objects.managed_by(person).values("pk")).exists():
        raise Refused(why)


def refuse_to_release_oneself(user_ids: Collection[int], *, by: Actor) -> None:
    """Refuse that people end their own hold.

    Raises:
        Refused: when the acting person is among the users.
    """
    if by.run_id is None and by.user_id in user_ids:
        raise Refused("this would release you yourself: another administrator has to do it")
