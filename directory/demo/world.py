"""Builds Kestrel College as it was in Rollcall last term: orgs, users, devices, archives, a legal hold, the LDAP server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from directory.actions import servers
from directory.demo import device_states, scripts
from directory.demo.people import AGENCIES, BASE_ROLES, SEED, SUFFIX, UNKNOWN_AGENCY, DemoPerson, OrgUnit, Story
from directory.models import LdapServer
from orgs.actions import legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions.matters import policies
from orgs.actions.users import blocking, deactivation, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, CreatedBy, Device, Org, Role, SetBy, User
from orgs.rules.actors import SYSTEM
from orgs.standard_roles_orgs import DEFAULT_ORG

SERVER = "Kestrel College"
GIGABYTE = 10**9


@transaction.atomic
def build(people: Sequence[DemoPerson], *, url: str, bind_dn: str, bind_password: str, at: datetime) -> None:
    """Make all rows that the demo starts with."""
    orgs = _orgs(at)
    roles = {role.name: role for role in Role.objects.all()}
    existing = [person for person in people if person.story is not Story.NEW]
    made = user_creation.create(
        users=[_user(person, orgs, roles) for person in existing], created_by=CreatedBy.DEPLOYMENT, by=SYSTEM, at=at
    )
    by_story: dict[Story, list[int]] = {}
    for person, user in zip(existing, made, strict=True):
        by_story.setdefault(person.story, []).append(user.pk)
    _devices(made, at)
    last_year = at - timedelta(days=90)
    deactivation.deactivate(user_ids=by_story[Story.BACK], by=SYSTEM.carrying_out(SetBy.SYNC), at=last_year)
    blocking.block(user_ids=by_story[Story.BACK], by=SYSTEM.carrying_out(SetBy.SYNC), at=last_year)
    deactivation.deactivate(user_ids=by_story[Story.LOCKED_OUT], by=SYSTEM, at=last_year)
    _hold(made, by_story[Story.LEFT_ON_HOLD], at)
    device_states.show_each_state(at)
    servers.save(
        server=None,
        values=_settings(url, bind_dn, bind_password),
        by=SYSTEM,
        at=at,
        orgs=[orgs[DEFAULT_ORG]],
        grantable_roles=_grantable(roles),
    )


def is_the_demo() -> bool:
    """Return whether this is the demo, and not somebody's own data."""
    server = LdapServer.objects.filter(name=SERVER).first()
    return server is not None and all("127.0.0.1" in url for url in server.urls)


def move_port(url: str) -> None:
    """Change the port of the demo's LDAP server; leave its other settings, which the administrator may have changed."""
    server = LdapServer.objects.filter(name=SERVER).first()
    if server is not None and server.urls != [url] and all("127.0.0.1" in old for old in server.urls):
        server.urls = [url]
        server.save(update_fields=["urls"])


def _orgs(at: datetime) -> dict[str, Org]:
    default = Org.objects.named(DEFAULT_ORG).get()
    orgs: dict[str, Org] = {DEFAULT_ORG: default}
    for name in (OrgUnit.STAFF, OrgUnit.STUDENTS, OrgUnit.CONTRACTORS):
        orgs[name] = org_actions.create(name=name.value, parent=default, by=SYSTEM, at=at)
    for agency in AGENCIES:
        orgs[agency] = org_actions.create(name=agency, parent=orgs[OrgUnit.CONTRACTORS], by=SYSTEM, at=at)
    org_actions.change(org=orgs[OrgUnit.STUDENTS], by=SYSTEM, at=at, archive_retention_days=90)
    return orgs


def _user(person: DemoPerson, orgs: dict[str, Org], roles: dict[str, Role]) -> NewUser:
    """Return a person as they were last term, before their story."""
    org: str = person.org
    role_names = set(person.roles)
    last_name, email = person.last_name, next(iter(person.emails), "")
    match person.story:
        case Story.MOVED:
            org = OrgUnit.STUDENTS if person.unit is OrgUnit.STAFF else DEFAULT_ORG
        case Story.JOINED_SUPPORT:
            role_names = set(BASE_ROLES)
        case Story.LEFT_MANAGEMENT:
            role_names.add("All Org Manager")
        case Story.MARRIED:
            last_name, email = f"{last_name}-Hill", email.replace("@", ".hill@")
        case _:
            pass
    if person.unit is OrgUnit.CONTRACTORS and org in {"", UNKNOWN_AGENCY}:
        org = OrgUnit.CONTRACTORS
    return NewUser(
        Profile(username=person.uid, email=email, first_name=person.first_name, last_name=last_name),
        org_id=orgs[org].pk,
        roles=frozenset(roles[name].pk for name in role_names),
    )


_SYSTEMS = ("Windows 11", "Windows 10", "macOS 15", "macOS 14", "Debian 12")


def _devices(made: Sequence[User], at: datetime) -> None:
    chance = random.Random(SEED)  # noqa: S311  # the same devices every time is the point
    devices = [
        Device(
            guid=str(10**17 + number * 10**6 + chance.randrange(10**6)),
            user=user,
            name=f"{user.username.partition('.')[2] or user.username}-{kind}",
            os=chance.choice(_SYSTEMS),
            app_version=chance.choice(("8.8.3", "8.8.1", "8.6.0")),
            last_connected=at - timedelta(hours=chance.randrange(1, 24 * 40)),
        )
        for number, (user, kind) in enumerate(
            (user, kind) for user in made for kind in ("laptop", "desktop")[: chance.choice((0, 1, 1, 1, 2))]
        )
    ]
    Device.objects.bulk_create(devices, batch_size=500)
    Archive.objects.bulk_create(
        [Archive(device=device, size_bytes=chance.randrange(2, 400) * GIGABYTE) for device in devices], batch_size=500
    )


def _hold(made: Sequence[User], leavers: Sequence[int], at: datetime) -> None:
    everything = policies.add(
        name="Everything from 2012 on",
        kept="All files of the custodians' devices, whatever their type, in every version since 2012.",
        by=SYSTEM,
        at=at,
    )
    email = policies.add(name="Email only", kept="The mail folders of the custodians' devices.", by=SYSTEM, at=at)
    matter = legal_holds.open_matter(
        name="Harbour Street lease dispute", policy=everything, reference="HS-2291", by=SYSTEM, at=at
    )
    others = [user.pk for user in made if user.pk not in leavers][60:120:12]
    legal_holds.add_custodians(matter=matter, user_ids=[*leavers, *others], by=SYSTEM, at=at)
    closed = legal_holds.open_matter(name="Audit of 2013", policy=email, by=SYSTEM, at=at - timedelta(days=300))
    legal_holds.add_custodians(matter=closed, user_ids=others[:2], by=SYSTEM, at=at - timedelta(days=300))
    legal_holds.close_matter(matter=closed, by=SYSTEM, at=at - timedelta(days=30))


def _settings(url: str, bind_dn: str, bind_password: str) -> dict[str, object]:
    return {
        "name": SERVER,
        "urls": [url],
        "bind_dn": bind_dn,
        "bind_password": bind_password,
        "search_base": SUFFIX,
        "search_filter": "(objectClass=inetOrgPerson)",
        "active_script": scripts.ACTIVE,
        "org_name_script": scripts.ORG_NAME,
        "role_name_script": scripts.ROLE_NAME,
    }


def _grantable(roles: dict[str, Role]) -> list[Role]:
    return [roles[name] for name in (*BASE_ROLES, "All Org Admin", "All Org Manager", "Org Help Desk")]
