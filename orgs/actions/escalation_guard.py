"""Refuses changes that give an account more than the acting person holds, or open a way in to such an account."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from django.db.models import TextField
from django.db.models.functions import Cast

from orgs.actions.errors import Refused
from orgs.models import Role, RoleGrant, User
from orgs.models.roles import all_roles
from orgs.read_once import once
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
    user_id = by.user_id
    if user_id is None or by.run_id is not None:
        return None
    # An act on many users leaves out, or does not change for the worse, what its own author holds.
    return once(("acting", user_id), lambda: _held_by(user_id)) if by.bulk_act_id is not None else _held_by(user_id)


def _held_by(user_id: int) -> Holding:
    user = User.objects.select_related("org").order_by().filter(pk=user_id).first()
    return NOTHING if user is None or not user.is_active else Holding(user.permission_keys(), user.org.path)


def holdings(user_ids: Collection[int]) -> dict[int, Holding]:
    """Return what the roles of these users allow, by user id; the users may be in any state."""
    # As text: of 100,000 grants are a few roles, whose lists of permissions are read from JSON once.
    listed = (
        RoleGrant.objects.filter(user__among=user_ids).order_by().annotate(keys=Cast("role__permissions", TextField()))
    )
    texts: dict[int, list[str]] = {}
    for user_id, keys in listed.values_list("user_id", "keys"):
        texts.setdefault(user_id, []).append(keys)
    together: dict[tuple[str, ...], frozenset[str]] = {}

    def permissions(lists: tuple[str, ...]) -> frozenset[str]:
        if lists not in together:
            together[lists] = frozenset(key for each in lists for key in json.loads(each))
        return together[lists]

    paths = User.objects.filter(pk__among=user_ids).order_by().values_list("pk", "org__path")
    return {pk: Holding(permissions(tuple(sorted(texts.get(pk, ())))), path) for pk, path in paths}


def refuse_moves(moves: Mapping[int, int], *, by: Actor) -> None:
    """Refuse to move users (keys) into orgs (values) where they would hold more than ``by``.

    The same roles may reach further from the new org. Its default roles may hold more than ``by``.

    Raises:
        Refused: with the user or the org, and the permissions.
    """
    if not moves or acting(by) is None:
        return
    settings, current = effective_settings(), holdings(moves.keys())
    after = {pk: Holding(current[pk].permissions, settings[org].path) for pk, org in moves.items()}
    refuse_gains(after=after, before=current, by=by)
    for org in (settings[org_id] for org_id in sorted(set(moves.values()))):
        roles = [role for role in all_roles() if role.name in org.default_roles]
        refuse_roles(roles=roles, org_path=org.path, where=f"The default roles of {org.name}", by=by)


def refuse_role_sets(roles: Mapping[int, frozenset[int]], roles_by_id: Mapping[int, Role], *, by: Actor) -> None:
    """Refuse to give users (keys) these roles (values, ids) if one of them would gain more than ``by`` holds.

    Raises:
        Refused: with the user and the permissions.
    """
    if not roles or acting(by) is None:
        return
    current = holdings(roles.keys())
    permissions = {
        role_ids: frozenset(key for role in role_ids for key in roles_by_id[role].permissions)
        for role_ids in set(roles.values())
    }
    after = {pk: Holding(permissions[role_ids], current[pk].org_path) for pk, role_ids in roles.items()}
    refuse_gains(after=after, before=current, by=by)


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


def refuse_gains(*, after: Mapping[int, Holding], before: Mapping[int, Holding] | None = None, by: Actor) -> None:
    """Refuse a change after which one of these users (keys) would hold more than ``before``, now, and more than ``by``.

    Raises:
        Refused: with the first such user and the permissions.
    """
    for pk, missing in gains(after=after, before=before, by=by).items():
        raise Refused(f"{_name(pk)} would hold more than you do: {_shown(missing)}")


def gains(
    *, after: Mapping[int, Holding], before: Mapping[int, Holding] | None = None, by: Actor
) -> dict[int, tuple[str, ...]]:
    """Return those of these users who would hold more than ``before``, now, and more than ``by``, with the permissions."""
    if (actor := acting(by)) is None:
        return {}
    now = before if before is not None else holdings(after.keys())
    found = {pk: beyond(actor, holding, before=now[pk]) for pk, holding in after.items()}
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
