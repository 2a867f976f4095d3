"""Reads and writes LDAP servers as JSON, in the form of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from directory.actions import servers
from directory.input_errors import Invalid, Refused
from directory.models import LdapServer
from directory.servers.setting_questions import Confirmed
from directory.values import server_fields
from directory.values.server_field_kinds import LISTS, TEXTS, FieldKind
from orgs.actions import locks
from orgs.actions import orgs as org_actions
from orgs.models import Org, Role
from orgs.rules.actors import Actor
from orgs.text import fold

_FIELDS = {field.name: field for field in server_fields.FIELDS}
# Keys besides the fields: the server's orgs, the roles that it may grant, and the answer to a question.
_RELATED = {
    "orgs": FieldKind.LINES,
    "grantable_roles": FieldKind.LINES,
    "keep_inherited_servers": FieldKind.FLAG,
}
_REQUIRED = ("urls", "search_base")


@transaction.atomic
def apply(listed: Any, *, by: Actor, at: datetime, approval_may_end: bool = False) -> list[tuple[LdapServer, bool]]:
    """Make or change LDAP servers, by name, from one JSON object or a list; return each with whether it is new.

    A change that ends the approval of plans is refused, unless ``approval_may_end``.

    Raises:
        Invalid: when any value is wrong; the messages are by key, and nothing has been changed.
    """
    objects = listed if isinstance(listed, list) else [listed]
    if not objects:
        raise Invalid({"(file)": "no LDAP server in it"})
    # Lock in the order of runs: all servers, then orgs, then users.
    list(LdapServer.objects.select_for_update().order_by("pk").values_list("pk"))
    locks.settings_of_orgs(list(Org.objects.values_list("pk", flat=True)))
    done = []
    names_so_far: set[str] = set()
    for number, given in enumerate(objects, 1):
        where = f"server {number}: " if len(objects) > 1 else ""
        try:
            done.append(_apply_one(given, names_so_far, by=by, at=at, approval_may_end=approval_may_end))
        except Invalid as error:
            raise Invalid({f"{where}{key}": message for key, message in error.errors.items()}) from error
    return done


def _apply_one(
    given: Any, names_so_far: set[str], *, by: Actor, at: datetime, approval_may_end: bool
) -> tuple[LdapServer, bool]:
    if not isinstance(given, dict):
        raise Invalid({"(file)": "an LDAP server is a JSON object"})
    if errors := _wrong_types(given):
        raise Invalid(errors)
    key = fold(given["name"])
    if key in names_so_far:
        raise Invalid({"name": f"{given['name']} stands there twice"})
    names_so_far.add(key)
    server = LdapServer.objects.filter(name_key=key).first()
    if server is None and (missing := [name for name in _REQUIRED if name not in given]):
        raise Invalid(dict.fromkeys(missing, "a new LDAP server needs it"))
    # The name of an existing server only finds it, in any letter case, and changes nothing.
    elsewhere = _RELATED.keys() | ({"name"} if server else set())
    values = {name: value for name, value in given.items() if name not in elsewhere}
    orgs = _orgs(given["orgs"], by=by, at=at) if "orgs" in given else None
    kept = frozenset(org.pk for org in orgs or ()) if given.get("keep_inherited_servers") else frozenset()
    saved = servers.save(
        server=server,
        values=values,
        by=by,
        at=at,
        orgs=orgs,
        grantable_roles=_roles(given["grantable_roles"]) if "grantable_roles" in given else None,
        confirmed=Confirmed(keep_inherited=kept, approval_may_end=approval_may_end),
    )
    return saved, server is None


def _wrong_types(given: Mapping[str, Any]) -> dict[str, str]:
    errors = {}
    for key, value in given.items():
        if (kind := _kind(key)) is None:
            errors[key] = "there is no such key"
        elif wrong := _wrong_type(kind, value, nullable=key in _FIELDS and _FIELDS[key].nullable):
            errors[key] = f"must be {wrong}"
    if not isinstance(given.get("name"), str) or not given["name"].strip():
        errors["name"] = "an LDAP server needs a name"
    return errors


def _kind(key: str) -> FieldKind | None:
    return _FIELDS[key].kind if key in _FIELDS else _RELATED.get(key)


def _wrong_type(kind: FieldKind, value: Any, *, nullable: bool) -> str:
    """Return which type the value should have; empty when it has this type."""
    if nullable and value is None:
        return ""
    if kind in TEXTS:
        return "" if isinstance(value, str) else "text"
    if kind in LISTS:
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return "" if listed else "a list of texts"
    if kind is FieldKind.FLAG:
        return "" if isinstance(value, bool) else "true or false"
    return "" if isinstance(value, int) and not isinstance(value, bool) else "a whole number"


def _orgs(names: list[str], *, by: Actor, at: datetime) -> list[Org]:
    """Return the active orgs with these names; make missing ones below the top of the tree."""
    found = []
    top = Org.objects.order_by("path").first()
    for name in names:
        org = Org.objects.named(name).first()
        if org is None:
            try:
                org = org_actions.create(name=name, parent=top, by=by, at=at)
            except Refused as error:
                raise Invalid({"orgs": str(error)}) from error
        found.append(org)
    return found


def _roles(names: list[str]) -> list[Role]:
    roles = {role.name_key: role for role in Role.objects.all()}
    if unknown := [name for name in names if fold(name) not in roles]:
        raise Invalid({"grantable_roles": f"there is no role {', '.join(unknown)}"})
    return [roles[fold(name)] for name in names]


def as_json(server: LdapServer) -> dict[str, Any]:
    """Return a server in the form that ``apply`` takes, without its password and key."""
    shown: dict[str, Any] = {"name": server.name, "enabled": server.enabled}
    shown["orgs"] = sorted(server.orgs.values_list("name", flat=True))
    for key in servers.SETTINGS:
        if key not in {"name", "enabled", *servers.SECRETS}:
            shown[key] = getattr(server, key)
    shown["grantable_roles"] = sorted(server.grantable_roles.values_list("name", flat=True))
    return shown
