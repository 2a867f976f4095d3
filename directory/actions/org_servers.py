"""Changes the LDAP servers of orgs: makes, orders and removes their own lists, with an audit row for each org."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from directory.input_errors import Invalid, Refused
from directory.models import LdapServer, OrgServer
from directory.org_scope import own_lists, server_lists
from orgs.actions import locks
from orgs.actions import orgs as org_actions
from orgs.actions.audit import Fact, note
from orgs.models import AuditEntry, DirectoryService, Org
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings

LISTS_CHANGED = "LDAP servers of org changed"
SERVICE = "directory_service"
# The directory service in the audit row about the list, which has another key in the row about the org's settings.
WITH_LIST = "directory_service_with_list"


def serve(
    server: LdapServer, orgs: Sequence[Org], *, keep_inherited: Collection[int] = (), by: Actor, at: datetime
) -> None:
    """Put this server into the lists of exactly these orgs; other servers in the lists stay.

    An org without a list of its own gets one with this server, and with the servers that it inherited if
    ``keep_inherited`` has its id. An org whose list becomes empty inherits again, and gets its directory service back.

    Raises:
        Invalid: when the author or the last SYSADMIN with a local password could not sign in any more.
    """
    chosen = {org.pk: org for org in orgs}
    # A run that applies a plan locks its orgs for each batch of changes.
    concerned = {*chosen, *OrgServer.objects.filter(server=server).values_list("org_id", flat=True)}
    locks.settings_of_orgs(concerned, moves_go_on=True)
    before, lists, services = own_lists(), server_lists(), effective_settings()
    taken = list(Org.objects.filter(server_links__server=server).exclude(pk__in=chosen))
    OrgServer.objects.filter(server=server, org__in=[org.pk for org in taken]).delete()
    changed_services = {}
    for org in chosen.values():
        own = before.get(org.pk, ())
        if server.pk not in own:
            kept = lists.get(org.pk, ()) if org.pk in keep_inherited and not own else own
            store(org.pk, _with(kept, server.pk))
            if services[org.pk].directory_service != DirectoryService.LDAP:
                changed_services[org.pk] = (org.directory_service, DirectoryService.LDAP.value)
    for org in taken:
        if before[org.pk] == (server.pk,) and (service := _service_before(org, services[org.pk].lineage)) is not None:
            changed_services[org.pk] = (org.directory_service, service)
    # Lock all at once: the change of the first may need users for whom another transaction holds the second.
    locks.settings_of_orgs(list(changed_services))
    for org in (*chosen.values(), *taken):
        if org.pk in changed_services:
            try:
                org_actions.change(org=org, by=by, at=at, directory_service=changed_services[org.pk][1])
            except Refused as reason:
                raise Invalid({"orgs": f"{org.name}: {reason}"}) from reason
    note_changed(before, by=by, at=at, services=changed_services)


def store(org_id: int, servers: Sequence[int]) -> None:
    """Write an org's own list, in this order; an empty one means that the org inherits."""
    OrgServer.objects.filter(org_id=org_id).exclude(server__in=servers).delete()
    for position, server_id in enumerate(servers):
        OrgServer.objects.update_or_create(org_id=org_id, server_id=server_id, defaults={"position": position})


def _with(servers: Sequence[int], added: int) -> list[int]:
    """Return a list with one more server: at its place in the order of the servers, or last in a list with another order."""
    order = list(LdapServer.objects.in_order().values_list("pk", flat=True))
    together = [*servers, added]
    return sorted(together, key=order.index) if list(servers) == sorted(servers, key=order.index) else together


def in_server_order() -> list[int]:
    """Return the orgs whose own list is in the order of the servers; others have an order of their own."""
    order = list(LdapServer.objects.in_order().values_list("pk", flat=True))
    return [pk for pk, servers in own_lists().items() if list(servers) == sorted(servers, key=order.index)]


def sort_lists(org_ids: Collection[int]) -> None:
    """Sort the own lists of these orgs by the order of the servers."""
    order, lists = list(LdapServer.objects.in_order().values_list("pk", flat=True)), own_lists()
    for org_id in org_ids:
        store(org_id, sorted(lists[org_id], key=order.index))


def _service_before(org: Org, lineage: Sequence[int]) -> str | None:
    """Return the directory service that an org gets when its list goes; None when its own stays.

    It gets back the one from before its list was made. An own LDAP setting goes, too, when the org inherits LDAP anyway.
    """
    if org.directory_service != DirectoryService.LDAP:
        return None
    rows = AuditEntry.objects.filter(object_type="org", object_id=org.pk, action=LISTS_CHANGED)
    made = next((row.before for row in rows.order_by("-pk") if WITH_LIST in row.after), None)
    if made is not None:
        return str(made[WITH_LIST])
    own = dict(Org.objects.filter(pk__in=lineage[1:]).values_list("pk", SERVICE))
    above = next((own[pk] for pk in lineage[1:] if own.get(pk)), DirectoryService.LOCAL)
    return "" if above == DirectoryService.LDAP else None


def note_changed(
    before: Mapping[int, tuple[int, ...]],
    *,
    by: Actor,
    at: datetime,
    services: Mapping[int, tuple[str, str]] | None = None,
    deleted: Mapping[int, str] | None = None,
) -> None:
    """Write an audit row for each org whose own list has changed; an empty list means that the org inherits.

    ``services`` are the directory services that changed with it (before, after), by org id; ``deleted`` are the names of
    deleted servers, by id.
    """
    after, services = own_lists(), services or {}
    changed = {pk for pk in before.keys() | after.keys() if before.get(pk) != after.get(pk)}
    if not changed:
        return
    names = {**dict(LdapServer.objects.values_list("pk", "name")), **(deleted or {})}
    facts = []
    for org in Org.objects.filter(pk__in=changed):
        old: dict[str, Any] = {"ldap_servers": [names[pk] for pk in before.get(org.pk, ())]}
        new: dict[str, Any] = {"ldap_servers": [names[pk] for pk in after.get(org.pk, ())]}
        if org.pk in services:
            old[WITH_LIST], new[WITH_LIST] = services[org.pk]
        facts.append(Fact("org", org.pk, org.name, before=old, after=new))
    note(facts, action=LISTS_CHANGED, by=by, at=at)
