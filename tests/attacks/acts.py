"""Every action by which a person might give an account more, with what they would try: one line each."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from console.security import password_links
from directory.actions import servers
from directory.actions.bulk import confirmation
from directory.actions.organization import org_moves as moves_of_orgs
from directory.actions.organization import org_settings
from directory.actions.users import (
    namesake_usernames,
    noted_matches,
    org_moves_by_hand,
    reactivation_by_hand,
    user_uploads,
)
from directory.models import BulkAct, BulkKind, LdapServer
from directory.provisioning import creation
from directory.provisioning.applicants import Applicant
from directory.servers.setting_questions import Confirmed
from orgs.actions import org_tree, orgs, roles
from orgs.actions.errors import Refused
from orgs.actions.users import (
    blocking,
    deactivation,
    local_passwords,
    org_moves,
    profile_edits,
    role_grants,
    second_factors,
    user_creation,
    user_profiles,
)
from orgs.actions.users.local_passwords import MailedLink
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, User
from orgs.rules.actors import Actor, person
from tests.attacks.powers_world import org, role, user
from tests.bulk_acts import carried_out, confirmed, prepared, undone
from tests.makers import NOW

MINE = "the actor's own sentence"
MY_MAIL = "actor@example.com"
GIVEN_ROLES = ("SYSADMIN", "All Org Admin", "Org Admin", "Chief", "Clerk")
GREEDY = "function (entry) { return ['Chief'] }"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person tries; ``function`` is the action behind it."""

    name: str
    function: Callable[..., object]
    do: Callable[[Actor], object]

    def __str__(self) -> str:
        return self.name


def _acts() -> Iterator[Act]:
    yield from _of_users()
    yield from _of_new_users()
    yield from _of_roles()
    yield from _of_orgs()
    yield from _of_servers()


def _of_users() -> Iterator[Act]:
    for who in ("pat", "actor", "rita", "mary"):
        for role_name in GIVEN_ROLES:
            yield Act(f"{who} becomes {role_name}", role_grants.set_roles, partial(_set_roles, who, role_name))
    for who in ("pat", "actor", "gone"):
        for role_name in GIVEN_ROLES:
            yield Act(f"{who} is also {role_name}", role_grants.change_roles, partial(_add_role, who, role_name))
    yield Act("gone is not SYSADMIN any more", role_grants.change_roles, partial(_remove_role, "gone", "SYSADMIN"))
    for who, target in (("pat", "Gifts"), ("oscar", "Right")):
        yield Act(f"{who} is moved by hand to {target}", org_moves_by_hand.move, partial(_move_by_hand, who, target))
        yield Act(
            f"{who} is moved with others to {target}", org_moves_by_hand.move_each, partial(_move_each, who, target)
        )
    for who, target in (("pat", "Gifts"), ("oscar", "ADMIN"), ("oscar", "Right"), ("actor", "ADMIN"), ("mary", "Left")):
        yield Act(f"{who} moves to {target}", org_moves.move, partial(_move, who, target))
    for who in ("mary", "gone", "boss", "pat", "oscar", "root"):
        yield Act(f"{who} gets a password", local_passwords.set_password, partial(_set_password, who))
        yield Act(
            f"{who} is managed locally", local_passwords.set_managed_locally, partial(_set_local, who, local=True)
        )
        yield Act(f"{who} gets the actor's address", user_profiles.update_profiles, partial(_readdress, who))
        yield Act(f"{who} is sent a link", local_passwords.note_link, partial(_send_link, who))
        yield Act(f"{who} is said to have forgotten", local_passwords.set_password, partial(_by_link, who, None))
        yield Act(f"{who} loses the second factor", second_factors.reset, partial(_reset_second_factor, who))
    yield Act(
        "boss is unblocked", blocking.unblock, lambda by: blocking.unblock(user_ids=[user("boss").pk], by=by, at=NOW)
    )
    yield Act(
        "gone is back",
        deactivation.reactivate,
        lambda by: deactivation.reactivate(user_ids=[user("gone").pk], by=by, at=NOW),
    )
    yield Act(
        "gone is back by hand",
        reactivation_by_hand.reactivate,
        lambda by: reactivation_by_hand.reactivate(user_ids=[user("gone").pk], by=by, at=NOW),
    )
    yield from _of_many_users()
    yield Act("root is renamed", user_profiles.update_profiles, partial(_rename, "root", "root.old"))
    for who in ("root", "mary", "pat"):
        yield Act(f"{who} is edited", profile_edits.edit, partial(_edit, who))
    yield Act("pat takes a directory name", user_profiles.update_profiles, partial(_rename, "pat", "new.sys"))
    for who in ("mary", "pat"):
        yield Act(f"{who}'s username is freed", namesake_usernames.free_username, partial(_free, who))
    yield Act(
        "mary is matched anew",
        noted_matches.forget,
        lambda by: noted_matches.forget(user_ids=[user("mary").pk], by=by, at=NOW),
    )


def _of_many_users() -> Iterator[Act]:
    for role_name in GIVEN_ROLES:
        yield Act(f"many become {role_name}", confirmation.confirm, partial(_many, BulkKind.ADD_ROLE, role_name))
    for target in ("Gifts", "Right"):
        yield Act(f"many move to {target}", confirmation.confirm, partial(_many, BulkKind.MOVE, target))
    for kind in (BulkKind.UNBLOCK, BulkKind.REACTIVATE):
        yield Act(f"many: {kind}", confirmation.confirm, partial(_many, kind, ""))
    yield Act("many lose Chief, and get it back", confirmation.confirm, _take_and_give_back)


def _many(kind: BulkKind, argument: str, by: Actor) -> BulkAct:
    actor = User.objects.get(pk=by.user_id)
    act = prepared(kind, User.objects.all(), by=actor)
    target = org(argument) if kind == BulkKind.MOVE else None
    given = role(argument) if kind in {BulkKind.ADD_ROLE, BulkKind.REMOVE_ROLE} else None
    return carried_out(confirmed(act, by=actor, org=target, role=given))


def _take_and_give_back(by: Actor) -> object:
    return undone(_many(BulkKind.REMOVE_ROLE, "Chief", by), by=User.objects.get(pk=by.user_id))


def _move_each(who: str, target: str, by: Actor) -> object:
    return org_moves_by_hand.move_each(moves={user(who).pk: org(target).pk}, by=by, at=NOW)


def _set_roles(who: str, role_name: str, by: Actor) -> object:
    target = user(who)
    held = frozenset(target.grants.values_list("role_id", flat=True))
    return role_grants.set_roles(roles={target.pk: held | {role(role_name).pk}}, by=by, at=NOW)


def _add_role(who: str, role_name: str, by: Actor) -> object:
    return role_grants.change_roles(user_ids=[user(who).pk], added=[role(role_name).pk], by=by, at=NOW)


def _remove_role(who: str, role_name: str, by: Actor) -> object:
    return role_grants.change_roles(user_ids=[user(who).pk], removed=[role(role_name).pk], by=by, at=NOW)


def _move_by_hand(who: str, target: str, by: Actor) -> object:
    return org_moves_by_hand.move(user_ids=[user(who).pk], org=org(target), by=by, at=NOW)


def _move(who: str, target: str, by: Actor) -> object:
    return org_moves.move(moves={user(who).pk: org(target).pk}, by=by, at=NOW)


def _set_password(who: str, by: Actor) -> object:
    return local_passwords.set_password(user=user(who), password=MINE, by=by, at=NOW)


def _readdress(who: str, by: Actor) -> object:
    target = user(who)
    profile = Profile(target.username, MY_MAIL, target.first_name, target.last_name)
    return user_profiles.update_profiles(profiles={target.pk: profile}, by=by, at=NOW)


def _send_link(who: str, by: Actor) -> object:
    local_passwords.note_link(user=user(who), by=by, at=NOW)
    return _by_link(who, by.user_id, by)


def _by_link(who: str, sent_by: int | None, by: Actor) -> object:
    """Use a link that was mailed to the user: the actor reads only mails to the actor's own address."""
    target = user(who)
    if target.email != MY_MAIL or not password_links.may_choose(target, sent_by=sent_by):
        raise Refused("no such mail")
    link = MailedLink(sent_by)
    return local_passwords.set_password(user=target, password=MINE, by=person(target), at=NOW, link=link)


def _reset_second_factor(who: str, by: Actor) -> object:
    return second_factors.reset(user=user(who), by=by, at=NOW)


def _set_local(who: str, by: Actor, *, local: bool) -> object:
    return local_passwords.set_managed_locally(user_ids=[user(who).pk], managed_locally=local, by=by, at=NOW)


def _rename(who: str, name: str, by: Actor) -> object:
    return user_profiles.update_profiles(profiles={user(who).pk: Profile(name)}, by=by, at=NOW)


def _edit(who: str, by: Actor) -> object:
    target = user(who)
    known = profile_edits.version(target)
    return profile_edits.edit(user_id=target.pk, profile=Profile("new.sys"), notes="", known=known, by=by, at=NOW)


def _free(who: str, by: Actor) -> object:
    return namesake_usernames.free_username(user_id=user(who).pk, by=by, at=NOW)


def _of_new_users() -> Iterator[Act]:
    for role_name in GIVEN_ROLES:
        yield Act(f"a new user is {role_name}", user_creation.create, partial(_new_user, role_name))
        yield Act(f"a new user is decided to be {role_name}", creation.create, partial(_decided, role_name))
    for place in ("Left", "Gifts", "Asked"):
        yield Act(f"an upload to {place}", user_uploads.create, partial(_upload, place))


def _new_user(role_name: str, by: Actor) -> object:
    new = NewUser(Profile("new"), org("Left").pk, frozenset({role(role_name).pk}), managed_locally=True, password=MINE)
    return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=by, at=NOW)


def _decided(role_name: str, by: Actor) -> object:
    new = Applicant(
        Profile("new.decided"), org("Left"), roles=frozenset({role(role_name).pk}), managed_locally=True, password=MINE
    )
    return creation.create([new], created_by=CreatedBy.HAND, by=by, at=NOW)


def _upload(place: str, by: Actor) -> object:
    me = User.objects.select_related("org").get(pk=by.user_id)
    mine = list(Org.objects.with_users_managed_by(me))
    file = io.BytesIO(f"username,password\nuploaded,{MINE}\n".encode())
    upload = user_uploads.preview(file=file, file_name="x.csv", org=org(place), within=mine, user=me, at=NOW)
    return user_uploads.create(user=me, upload_id=upload.pk, within=mine, by=by, at=NOW)


def _of_roles() -> Iterator[Act]:
    for keys in (["admin"], ["admin.alluser"], ["admin.user"]):
        yield Act(f"a new role of {keys[0]}", roles.save, partial(_save_role, "", "Boss", keys))
        yield Act(f"Clerk gets {keys[0]}", roles.save, partial(_save_role, "Clerk", "Clerk", keys))
    yield Act("Chief is called Manager", roles.save, partial(_save_role, "Chief", "Manager", ["admin.alluser"]))


def _save_role(which: str, name: str, permissions: list[str], by: Actor) -> object:
    return roles.save(role=role(which) if which else None, name=name, permissions=permissions, by=by, at=NOW)


def _of_orgs() -> Iterator[Act]:
    for role_name in GIVEN_ROLES:
        yield Act(f"Left gives {role_name} by default", orgs.change, partial(_by_default, role_name))
    yield Act("Gifts inherits", orgs.change, partial(_change_org, "Gifts", own_default_roles=False))
    yield Act("Asked becomes local", orgs.change, partial(_change_org, "Asked", directory_service="local"))
    yield Act("Asked inherits", orgs.change, partial(_change_org, "Asked", directory_service=""))
    yield Act("Left follows LDAP", orgs.change, partial(_change_org, "Left", directory_service="ldap"))
    for name, target in (("Lower", "Gifts"), ("Asked", "Lower"), ("Right", "Left"), ("Lower", "ADMIN")):
        how = partial(_move_org, moves_of_orgs.move, name, target)
        yield Act(f"{name} is put below {target}", moves_of_orgs.move, how)
    yield Act("Left comes below Right", org_tree.move, partial(_move_org, org_tree.move, "Left", "Right"))
    how = partial(_set_service, "Asked", "local")
    yield Act("Asked is taken from the directory", org_settings.set_directory_service, how)
    for name, own in (("Left", True), ("Asked", False)):
        how = partial(_set_servers, name, own=own)
        yield Act(f"{name} has {'a list' if own else 'no list'} of its own", org_settings.set_servers, how)
    yield Act("a new org", orgs.create, lambda by: orgs.create(name="New", parent=org("Left"), by=by, at=NOW))


def _by_default(role_name: str, by: Actor) -> object:
    return orgs.change(org=org("Left"), own_default_roles=True, default_roles=[role(role_name)], by=by, at=NOW)


def _change_org(name: str, by: Actor, **settings: Any) -> object:
    return orgs.change(org=org(name), by=by, at=NOW, **settings)


def _move_org(move: Callable[..., object], name: str, target: str, by: Actor) -> object:
    return move(org=org(name), parent=org(target), by=by, at=NOW)


def _set_service(name: str, service: str, by: Actor) -> object:
    return org_settings.set_directory_service(org=org(name), service=service, by=by, at=NOW)


def _set_servers(name: str, by: Actor, *, own: bool) -> object:
    listed = [LdapServer.objects.get().pk] if own else []
    return org_settings.set_servers(org=org(name), servers=listed, by=by, at=NOW)


def _of_servers() -> Iterator[Act]:
    for role_name in GIVEN_ROLES:
        yield Act(f"a server grants {role_name}", servers.save, partial(_save_server, grantable_roles=role_name))
    yield Act("a server's script is greedy", servers.save, partial(_save_server, script=GREEDY))
    yield Act("a server is asked by Left", servers.save, partial(_save_server, place="Left"))
    yield Act(
        "the server is deleted",
        servers.delete,
        lambda by: servers.delete(server=LdapServer.objects.get(), by=by, at=NOW),
    )


def _save_server(by: Actor, *, grantable_roles: str = "", script: str = "", place: str = "") -> object:
    server = LdapServer.objects.get()
    roles = [*server.grantable_roles.all(), role(grantable_roles)] if grantable_roles else None
    return servers.save(
        server=server,
        values={"role_name_script": script} if script else {},
        by=by,
        at=NOW,
        orgs=[org("Asked"), org(place)] if place else None,
        grantable_roles=roles,
        confirmed=Confirmed(keep_inherited=frozenset(Org.objects.values_list("pk", flat=True)), left_behind=True),
    )


ACTS = tuple(_acts())
