"""Creates orgs and changes their settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction

from orgs.actions import archives, escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused, if_taken_meanwhile
from orgs.models import Org, RenewedKey, Role, User
from orgs.rules import registration_keys
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.text import fold, registration_key

# The longest path of the tree has room for so many levels.
DEEPEST = 255 // Org.steplen


@transaction.atomic
def create(*, name: str, parent: Org | None, by: Actor, at: datetime) -> Org:
    """Create an org below another one, or the top of the tree if there is no parent.

    Raises:
        Refused: when the name is empty; when an active org has it, in any letter case; when the parent is not active.
    """
    name = _free_name(name)
    if parent is None:
        org = Org.objects.add_root({"name": name})
    else:
        # Treebeard writes the parent's counter of children; from a stale copy it would write a wrong one.
        above = Org.objects.select_for_update(no_key=True).get(pk=parent.pk)
        if not above.active:
            raise Refused(f"{above.name} is not active: activate it first")
        if above.depth >= DEEPEST:
            raise Refused(f"{above.name} lies {DEEPEST} levels deep, and no org can lie deeper")
        with if_taken_meanwhile(lambda: _free_name(name)):
            org = Org.objects.add_child(above, {"name": name})
    fact = Fact("org", org.pk, org.name, after={"parent": parent.name} if parent else {})
    note([fact], action="org created", by=by, at=at)
    found: Org = org
    return found


SETTINGS = (
    "name",
    "directory_service",
    "archive_retention_days",
    "snapshot_retention",
    "key_holder",
    "own_default_roles",
    "notes",
)


@transaction.atomic
def change(*, org: Org, by: Actor, at: datetime, default_roles: Collection[Role] | None = None, **settings: Any) -> Org:
    """Change an org's own settings (``SETTINGS``) and default roles; an empty setting is inherited.

    Archives in cold storage get the date of a new retention (``archives.follow_retention``).

    Raises:
        Refused: when the new name is empty or taken; when default roles hold more than ``by`` does; when the acting
            person or the last SYSADMIN with a local password could not sign in any more, as the org would follow LDAP.
    """
    if unknown := settings.keys() - set(SETTINGS):
        raise TypeError(f"no such settings: {sorted(unknown)}")
    if default_roles is not None:
        locks.roles()
    locks.settings_of_orgs([org.pk], moves_go_on=True)
    stored = Org.objects.get(pk=org.pk)
    if settings.get("directory_service", stored.directory_service) != stored.directory_service:
        # Stop moves too: the last SYSADMIN with a local password may be in this org or below it.
        locks.settings_of_orgs([org.pk])
    if "name" in settings:
        settings["name"] = _free_name(settings["name"], of=stored)
    before = {key: getattr(stored, key) for key in settings}
    for key, value in settings.items():
        setattr(stored, key, value)
    after = {key: getattr(stored, key) for key in settings}
    if default_roles is not None:
        before["default_roles"] = sorted(stored.default_roles.values_list("name", flat=True))
        after["default_roles"] = sorted(role.name for role in _stored_roles(default_roles))
    if before != after:
        inherited = effective_settings()
        with _no_more_default_roles(stored, by=by), local_password_guard.watched(by=by, at=at):
            with if_taken_meanwhile(lambda: _free_name(stored.name, of=stored)):
                stored.save()
            if default_roles is not None:
                stored.default_roles.set(default_roles)
        note([Fact("org", stored.pk, stored.name, before=before, after=after)], action="org changed", by=by, at=at)
        retention = archives.retention_changes(inherited, effective_settings())
        archives.follow_retention(changes=retention, by=by, at=at)
    return stored


def _free_name(name: str, *, of: Org | None = None) -> str:
    """Return a name with single blanks; ``of`` is the org that may have it already."""
    name = " ".join(name.split())
    if not name or len(name) > 255:
        raise Refused("an org's name has 1 to 255 characters")
    others = Org.objects.named(name)
    if (taken := (others.exclude(pk=of.pk) if of else others).first()) is not None:
        raise Refused(f"the name {taken.name} is taken (letter case does not count)")
    return name


def _stored_roles(roles: Collection[Role]) -> list[Role]:
    """Return the roles as they are stored now."""
    stored = Role.objects.in_bulk([role.pk for role in roles])
    if gone := sorted(role.name for role in roles if role.pk not in stored):
        raise Refused(f"there is no role {gone[0]} any more")
    return list(stored.values())


@contextmanager
def _no_more_default_roles(org: Org, *, by: Actor) -> Iterator[None]:
    """Refuse a change in the block that adds default roles with more permissions than the acting person holds."""
    if escalation_guard.acting(by) is None:
        yield
        return
    before = effective_settings()[org.pk].default_roles
    yield
    new = Role.objects.filter(name__in=effective_settings()[org.pk].default_roles - before)
    escalation_guard.refuse_roles(roles=new, org_path=org.path, where=f"The default roles of {org.name}", by=by)


@transaction.atomic
def set_active(*, org: Org, active: bool, by: Actor, at: datetime) -> Org:
    """Take an org out of use, or bring it back into use.

    Raises:
        Refused: when it still has active users, or active orgs below it; when another org has taken its name; when
            the org above it is not active.
    """
    locks.org_and_the_one_above(org.pk)
    stored = Org.objects.get(pk=org.pk)
    if stored.active == active:
        return stored
    if not active:
        below = Org.objects.active().filter(path__startswith=stored.path).exclude(pk=stored.pk)
        if below.exists() or User.objects.filter(org=stored, active=True).exists():
            raise Refused(f"{stored.name} still has active users or orgs below it: move them first")
        if stored.pk == Org.objects.order_by("path").values_list("pk", flat=True).first():
            raise Refused(f"{stored.name} is the top of the tree")
    elif (above := Org.objects.filter(path=stored.path[: -Org.steplen], active=False).first()) is not None:
        raise Refused(f"{above.name}, above {stored.name}, is not active: activate it first")
    elif Org.objects.active().filter(name_key=fold(stored.name)).exists():
        raise Refused(f"another active org is called {stored.name}")
    stored.active = active
    stored.save(update_fields=["active"])
    action = "org activated" if active else "org deactivated"
    note([Fact("org", stored.pk, stored.name)], action=action, by=by, at=at)
    return stored


@transaction.atomic
def renew_registration_key(*, org: Org, by: Actor, at: datetime) -> str:
    """Give an org a new registration key; the old one stops working at once, and is remembered by its hash."""
    stored = Org.objects.select_for_update().get(pk=org.pk)
    old = registration_keys.digest(stored.registration_key)
    RenewedKey.objects.get_or_create(sha256=old, defaults={"org": stored, "renewed_at": at})
    stored.registration_key = registration_key()
    stored.save(update_fields=["registration_key"])
    note([Fact("org", stored.pk, stored.name)], action="registration key renewed", by=by, at=at)
    return str(stored.registration_key)
