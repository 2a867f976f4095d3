"""Saves, orders and deletes LDAP servers; all values are checked first, and a wrong value changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from directory.actions import org_servers
from directory.actions.users import noted_matches
from directory.input_errors import Invalid, Refused
from directory.models import LdapServer, RunServer, ScriptVersion, StoredGroup
from directory.org_scope import own_lists, servers_by_org
from directory.servers import setting_powers, setting_questions
from directory.servers.setting_checks import wrong
from directory.servers.setting_powers import default_grantable_roles
from directory.servers.setting_questions import NOTHING_CONFIRMED, Confirmed
from directory.values import pasted_text, server_fields
from directory.values.scripts import Scripts
from orgs.actions.audit import Fact, note
from orgs.models import Org, Role
from orgs.rules.actors import Actor

SETTINGS = server_fields.names()
# Each encrypted setting, with the settings that must not change unless the secret is entered again.
SECRETS = server_fields.secrets()


def problems(*, server: LdapServer | None, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the errors of these values by field; save nothing."""
    stored = LdapServer.objects.get(pk=server.pk) if server else LdapServer()
    old_urls = stored.urls
    _set(stored, values, is_new=server is None)
    return wrong(stored, given=values, old_urls=old_urls)


@transaction.atomic
def save(
    *,
    server: LdapServer | None,
    values: Mapping[str, Any],
    by: Actor,
    at: datetime,
    orgs: Sequence[Org] | None = None,
    grantable_roles: Collection[Role] | None = None,
    confirmed: Confirmed = NOTHING_CONFIRMED,
) -> LdapServer:
    """Make an LDAP server, or change one; settings that ``values`` lacks stay. ``orgs`` are all orgs that use this server.

    LDAP_PORTS and LDAP_LOOPBACK limit the addresses for a person, who may grant only roles that they hold. The command
    line may use any address and grant any role.

    Raises:
        Invalid: when any value is wrong; the messages are by field.
        Unanswered: when a person has to confirm something first.
    """
    if unknown := values.keys() - set(SETTINGS):
        raise Invalid(dict.fromkeys(sorted(unknown), "there is no such setting"))
    stored = LdapServer.objects.select_for_update().get(pk=server.pk) if server else LdapServer()
    before, lists = _Before.of(stored, is_new=server is None), setting_powers.lists()
    _set(stored, values, is_new=server is None)
    roles = default_grantable_roles(by) if grantable_roles is None and server is None else grantable_roles
    if errors := _errors(stored, before, values, roles, orgs, confirmed, by):
        raise Invalid(errors)
    if by.user_id:
        setting_questions.ask_at_once(stored, before.limits_off, orgs or (), confirmed)
    stored.version += 0 if server is None else 1
    stored.save()
    # Stored groups are of no use when the server's groups are not resolved any more.
    StoredGroup.objects.filter(server=stored, server__resolve_groups=False).delete()
    if roles is not None:
        stored.grantable_roles.set(roles)
    servers_before = servers_by_org() if by.user_id else {}
    if orgs is not None:
        org_servers.serve(stored, orgs, keep_inherited=confirmed.keep_inherited, by=by, at=at)
    if problem := setting_powers.wrong_lists(lists, by=by):
        enabling = orgs is None or before.snapshot.get("enabled") != stored.enabled
        raise Invalid({"enabled" if enabling else "orgs": problem})
    setting_questions.ask_about_left_behind(servers_before, confirmed)
    _keep_versions(stored, before.scripts, by=by, at=at, is_new=server is None)
    _note_saved(stored, before, by=by, at=at)
    return stored


@dataclass(frozen=True, slots=True)
class _Before:
    """A server's values before it is saved; the snapshot is empty for a new server."""

    is_new: bool
    snapshot: dict[str, Any]
    secrets: dict[str, str]
    urls: list[str]
    limits_off: frozenset[str]
    scripts: Scripts
    digest: str

    @classmethod
    def of(cls, stored: LdapServer, *, is_new: bool) -> _Before:
        return cls(
            is_new=is_new,
            snapshot={} if is_new else _snapshot(stored),
            secrets={name: getattr(stored, name) for name in SECRETS},
            urls=stored.urls,
            limits_off=frozenset(limit.setting for limit in stored.limits_off),
            scripts=Scripts() if is_new else stored.scripts,
            digest=stored.configuration_digest,
        )


def _errors(
    stored: LdapServer,
    before: _Before,
    values: Mapping[str, Any],
    roles: Collection[Role] | None,
    orgs: Sequence[Org] | None,
    confirmed: Confirmed,
    by: Actor,
) -> dict[str, str]:
    """Return by field what is wrong with the new settings, or what ``by`` may not save."""
    errors = wrong(stored, given=values, old_urls=before.urls, may_use_any_address=by.user_id is None)
    decides_anew = stored.configuration_digest != before.digest
    errors |= setting_powers.wrong_grants(stored, roles, by=by, decides_anew=decides_anew)
    if not setting_powers.is_sysadmin(by):
        ending = {} if confirmed.approval_may_end else setting_powers.wrong_approval(stored, before.snapshot, orgs)
        errors |= setting_powers.only_for_sysadmins(stored, ending, before.limits_off, by=by)
    return errors


def _note_saved(stored: LdapServer, before: _Before, *, by: Actor, at: datetime) -> None:
    was, after = before.snapshot, _snapshot(stored)
    if not before.is_new:
        after |= {
            name: "changed"
            for name, old in before.secrets.items()
            if getattr(stored, name) and getattr(stored, name) != old
        }
    if was == after:
        return
    changed = {key for key in after if was.get(key) != after[key]}
    old, new = {key: was[key] for key in changed if key in was}, {key: after[key] for key in changed}
    note([Fact("LDAP server", stored.pk, stored.name, before=old, after=new)], action="LDAP server saved", by=by, at=at)
    if was.get("requires_approval") and not stored.requires_approval:
        note([Fact("LDAP server", stored.pk, stored.name)], action="approval of plans turned off", by=by, at=at)


def _set(stored: LdapServer, values: Mapping[str, Any], *, is_new: bool) -> None:
    before, old_urls = _where_secrets_go(stored), stored.urls
    for key, value in pasted_text.normalized(values).items():
        # A value that differs only in line ends or blanks is unchanged: keep the stored one.
        if is_new or not pasted_text.same(key, getattr(stored, key), value):
            setattr(stored, key, value)
    if stored.urls != old_urls:
        # The failure may have been another server's.
        stored.sync_search_failed_at, stored.sync_search_failure = None, ""
    stored.name = " ".join(str(stored.name).split())
    if is_new:
        last = LdapServer.objects.aggregate(last=Max("position"))["last"]
        stored.position = 0 if last is None else last + 1
    after = _where_secrets_go(stored)
    for secret in SECRETS:
        if not is_new and before[secret] != after[secret] and secret not in values:
            setattr(stored, secret, "")
    if not stored.bind_dn:
        stored.bind_password = ""
    if not stored.client_certificate:
        stored.client_key = ""


def _where_secrets_go(stored: LdapServer) -> dict[str, list[Any]]:
    return {secret: [getattr(stored, key) for key in keys] for secret, keys in SECRETS.items()}


def _keep_versions(server: LdapServer, old: Scripts, *, by: Actor, at: datetime, is_new: bool) -> None:
    ScriptVersion.objects.bulk_create(
        ScriptVersion(server=server, script=script.name, source=source, author=by.label, created_at=at)
        for script, source in server.scripts.items()
        if source != old[script] or (is_new and source)
    )


def _snapshot(server: LdapServer) -> dict[str, Any]:
    """Return the settings for the audit trail; a secret appears only as set or none."""
    snapshot = {key: getattr(server, key) for key in SETTINGS if key not in SECRETS}
    snapshot |= {key: "set" if getattr(server, key) else "none" for key in SECRETS}
    if server.pk:
        snapshot["grantable_roles"] = sorted(server.grantable_roles.values_list("name", flat=True))
        snapshot["orgs"] = sorted(server.orgs.values_list("name", flat=True))
    return snapshot


@transaction.atomic
def delete(*, server: LdapServer, by: Actor, at: datetime) -> None:
    """Delete a server, also from the lists of orgs; history keeps its name.

    Raises:
        Refused: when a run holds it; when its plans need approval and ``by`` is no SYSADMIN; when another server that may
            grant more than ``by`` holds would decide in its place.
    """
    stored = LdapServer.objects.select_for_update().get(pk=server.pk)
    if (reading := RunServer.objects.filter(server=stored, live=True).first()) is not None:
        raise Refused(f"run {reading.run_id} holds {stored.name}: wait for it or cancel it")
    if stored.requires_approval and not setting_powers.is_sysadmin(by):
        raise Refused("only a SYSADMIN may delete a server whose plans need approval")
    own, lists, name = own_lists(), setting_powers.lists(), stored.name
    fact = Fact("LDAP server", stored.pk, name, before=_snapshot(stored))
    noted_matches.keep_name(server=stored)
    stored.delete()
    if problem := setting_powers.wrong_lists(lists, by=by):
        raise Refused(problem)
    note([fact], action="LDAP server deleted", by=by, at=at)
    org_servers.note_changed(own, by=by, at=at, deleted={fact.object_id: name})


@transaction.atomic
def reorder(*, ids: Sequence[int], by: Actor, at: datetime) -> None:
    """Put the servers into this order; servers not in ``ids`` follow in their old order.

    The lists of orgs follow, except those with an order of their own.

    Raises:
        Refused: when a server that may grant more than the author holds would decide about more users.
    """
    # Lock in order of id, as runs do, against deadlocks.
    list(LdapServer.objects.select_for_update().order_by("pk").values_list("pk"))
    servers = {server.pk: server for server in LdapServer.objects.in_order()}
    order = [pk for pk in dict.fromkeys(ids) if pk in servers] + [pk for pk in servers if pk not in ids]
    own, lists, following = own_lists(), setting_powers.lists(), org_servers.in_server_order()
    for position, pk in enumerate(order):
        LdapServer.objects.filter(pk=pk).update(position=position)
    org_servers.sort_lists(following)
    if order == list(servers) and own == own_lists():
        return
    if problem := setting_powers.wrong_lists(lists, by=by):
        raise Refused(problem)
    names = {"before": list(servers), "after": order}
    old, new = ({"order": [servers[pk].name for pk in names[when]]} for when in ("before", "after"))
    note([Fact("LDAP server", 0, "order", before=old, after=new)], action="LDAP servers reordered", by=by, at=at)
    org_servers.note_changed(own, by=by, at=at)
