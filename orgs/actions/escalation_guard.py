"""Refuses changes that give an account more than the acting person holds, or open a way in to such an account."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from orgs.actions.errors import Refused
from orgs.models import Role, RoleGrant, User
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.rules.permission_comparison import NOTHING, Holding, beyond, within

# A refusal names at most this many permissions.
_MOST_NAMED = 4


def acting(by: Actor) -> Holding | None:
    """Return what the acting person holds now; None for a sync, for Rollcall itself and for the command line.

    The settings of LDAP servers limit what a sync grants. An operator at the command line can write to the database
    anyway, so a limit would protect nothing.
    """
    if by.user_id is None or by.run_id is not None:
        return None
    user = User.objects.select_related("org").filter(pk=by.user_id).first()
    return NOTHING if user is None or not user.is_active else Holding(user.permission_keys(), user.org.path)


def holdings(user_ids: Collection[int]) -> dict[int, Holding]:
    """Return what the roles of these users allow, by user id; the users may be in any state."""
    permissions_of_users: dict[int, set[str]] = {}
    for user_id, permissions in RoleGrant.objects.filter(user__among=user_ids).values_list(
        "user_id", "role__permissions"
    ):
        permissions_of_users.setdefault(user_id, set()).update(permissions)
    paths = User.objects.filter(pk__among=user_ids).values_list("pk", "org__path")
    return {pk: Holding(frozenset(permissions_of_users.get(pk, ())), path) for pk, path in paths}


def refuse_moves(moves: Mapping[int, int], *, by: Actor) -> None:
    """Refuse to move users (keys) into orgs (values) where they would hold more than ``by``.

    The same roles may reach further from the new org. Its default roles may hold more than ``by``.

    Raises:
        Refused: with the user or the org, and the permissions.
    """
    if not moves or acting(by) is None:
        return
    settings, current = effective_settings(), holdings(moves.keys())
    refuse_gains(after={pk: Holding(current[pk].permissions, settings[org].path) for pk, org in moves.items()}, by=by)
    for org in (settings[org_id] for org_id in sorted(set(moves.values()))):
        roles = Role.objects.filter(name__in=org.default_roles)
        refuse_roles(roles=roles, org_path=org.path, where=f"The default roles of {org.name}", by=by)


def refuse_role_sets(roles: Mapping[int, frozenset[int]], all_roles: Mapping[int, Role], *, by: Actor) -> None:
    """Refuse to give users (keys) these roles (values, ids) if one of them would gain more than ``by`` holds.

    Raises:
        Refused: with the user and the permissions.
    """
    if not roles or acting(by) is None:
        return
    current = holdings(roles.keys())
    after = {
        pk: Holding(frozenset(key for role in role_ids for key in all_roles[role].permissions), current[pk].org_path)
        for pk, role_ids in roles.items()
    }
    refuse_gains(after=after, by=by)


def refuse_to_take(*, role_ids: Collection[int], user_ids: Collection[int], by: Actor) -> None:
    """Refuse to take roles from users who hold them, if ``by`` could not give these roles back.

    Raises:
        Refused: with the first such role and the permissions.
    """
    actor = acting(by)
    if actor is None or not role_ids:
        return
    by_path: dict[str, set[int]] = {}
    grants = RoleGrant.objects.filter(user__among=user_ids, role__in=role_ids).order_by()
    for path, role_id in grants.values_list("user__org__path", "role").distinct():
        by_path.setdefault(path, set()).add(role_id)
    for path, ids in sorted(by_path.items()):
        for name, missing in sorted(not_grantable(actor, Role.objects.filter(pk__in=ids), org_path=path).items()):
            raise Refused(f"you do not hold all that {name} does ({missing}), so you may not take it away")


def refuse_gains(*, after: Mapping[int, Holding], by: Actor) -> None:
    """Refuse a change after which one of these users (keys) would hold more than before and more than ``by``.

    Raises:
        Refused: with the first such user and the permissions.
    """
    for pk, missing in gains(after=after, by=by).items():
        raise Refused(f"{_name(pk)} would hold more than you do: {_shown(missing)}")


def gains(*, after: Mapping[int, Holding], by: Actor) -> dict[int, tuple[str, ...]]:
    """Return those of these users who would hold more than before and more than ``by``, with the permissions."""
    if (actor := acting(by)) is None:
        return {}
    before = holdings(after.keys())
    found = {pk: beyond(actor, holding, before=before[pk]) for pk, holding in after.items()}
    return {pk: missing for pk, missing in found.items() if missing}


def refuse_above(*, user_ids: Collection[int], doing: str, by: Actor) -> None:
    """Refuse to open a way in to a user who holds more than ``by``; ``doing`` is the act, such as "set the password".

    Raises:
        Refused: with the first such user and the permissions.
    """
    for pk, missing in above(user_ids=user_ids, by=by).items():
        raise Refused(
            f"{_name(pk)} holds more than you do: {_shown(missing)}. Only somebody who holds it too may {doing}"
        )


def above(*, user_ids: Collection[int], by: Actor) -> dict[int, tuple[str, ...]]:
    """Return those of these users who hold more than ``by``, with the permissions."""
    actor = acting(by)
    if actor is None or not user_ids:
        return {}
    found = {pk: beyond(actor, holding) for pk, holding in holdings(user_ids).items()}
    return {pk: missing for pk, missing in found.items() if missing}


def refuse_roles(*, roles: Iterable[Role], org_path: str, where: str, by: Actor) -> None:
    """Refuse roles that hold more than ``by`` does in this org; ``where`` names the setting that would give them.

    Raises:
        Refused: with the roles and the permissions.
    """
    if (actor := acting(by)) is None:
        return
    if refused := not_grantable(actor, roles, org_path=org_path):
        shown = "; ".join(f"{name} ({missing})" for name, missing in sorted(refused.items()))
        raise Refused(f"{where} would give more than you hold: {shown}")


def not_grantable(actor: Holding, roles: Iterable[Role], *, org_path: str) -> dict[str, str]:
    """Return the roles that the actor may not give to users of the org: names with the missing permissions."""
    return within(actor, [(role.name, frozenset(role.permissions)) for role in roles], org_path=org_path)


def _name(user_id: int) -> str:
    return str(User.objects.get(pk=user_id))


def _shown(missing: Collection[str]) -> str:
    named = ", ".join(list(missing)[:_MOST_NAMED])
    return f"{named} and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else named
