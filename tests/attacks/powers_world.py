"""Everybody whom an act could make powerful, everything by which it could, and what has been gained beyond the actor."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.mfa.models import Authenticator

from directory.models import LdapServer, Match
from orgs.actions import escalation_guard, orgs
from orgs.actions.users import blocking, deactivation, role_grants, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.rules.actors import SYSTEM, Actor
from orgs.rules.inheritance import effective_settings
from orgs.rules.local_sign_in import with_a_local_way_in
from orgs.rules.permission_comparison import EVERYWHERE, NOTHING, Holding, beyond
from tests.makers import NOW, PASSWORD, make_org, make_role, make_server, make_sysadmin, make_user

SYNC = Actor("a sync", run_id=7)


def role(name: str) -> Role:
    return Role.objects.get(name=name)


def user(name: str) -> User:
    found: User = User.objects.get(username=name)
    return found


def org(name: str) -> Org:
    return Org.objects.get(name=name)


def make_powers_world(*actors_roles: str) -> User:
    """Make the world and the actor, who has these roles in the org Left."""
    make_sysadmin("root")
    left, right = make_org("Left"), make_org("Right")
    make_org("Lower", parent=left)
    gifts = make_org("Gifts", parent=left)
    orgs.change(org=gifts, own_default_roles=True, default_roles=[role("All Org Admin")], by=SYSTEM, at=NOW)
    make_role("Clerk", "admin.user.read")
    make_role("Chief", "admin.alluser", "admin.allorg")
    make_user("pat", org=left, roles=["PROe User", "Clerk"])
    make_user("oscar", org=left, roles=["Org Admin"], password=PASSWORD)
    make_user("rita", org=right, roles=["Org Admin"])
    boss = make_user("boss", org=left, roles=["All Org Admin"], password=PASSWORD)
    gone = make_user("gone", org=left, roles=["SYSADMIN"], password=PASSWORD)
    blocking.block(user_ids=[boss.pk], by=SYSTEM, at=NOW)
    deactivation.deactivate(user_ids=[gone.pk], by=SYSTEM, at=NOW)
    for name in ("root", "oscar", "boss", "pat"):
        Authenticator.objects.create(user=user(name), type=Authenticator.Type.TOTP, data={"secret": ""})
    _promoted()
    server = make_server()
    server.grantable_roles.set([role("PROe User"), role("Chief")])
    server.org_links.create(org=org("Asked"))
    return make_user("actor", org=left, roles=actors_roles, password=PASSWORD)


def _promoted() -> None:
    """Mary was uploaded as a plain person with a password that the uploader knows; a sync has made her SYSADMIN."""
    synchronized = make_org("Asked", parent=org("Left"))
    new = NewUser(Profile("mary"), synchronized.pk, frozenset({role("PROe User").pk}), password=PASSWORD)
    mary = user_creation.create(users=[new], created_by=CreatedBy.CSV, by=SYSTEM, at=NOW)[0]
    orgs.change(org=synchronized, directory_service="ldap", by=SYSTEM, at=NOW)
    Match.objects.create(user=mary, dn="uid=mary", unique_id="4711", matched_at=NOW)
    role_grants.set_roles(roles={mary.pk: frozenset({role("SYSADMIN").pk})}, by=SYNC, at=NOW)


@dataclass(frozen=True, slots=True)
class Powers:
    """What everybody holds, who has a local way in with which password, and what orgs, roles and servers give."""

    held: dict[int, Holding]
    ways_in: dict[int, str]
    by_default: dict[int, Holding]
    by_servers: dict[tuple[int, str], Holding]
    matched: dict[int, str]
    paths: dict[int, str]
    second_factors: frozenset[int]

    @classmethod
    def now(cls) -> Powers:
        """Look at the world as it is."""
        ids = list(User.objects.values_list("pk", flat=True))
        permissions = {each.name: frozenset(each.permissions) for each in Role.objects.all()}
        by_default = {
            each.id: Holding(frozenset().union(*(permissions[name] for name in each.default_roles)), each.path)
            for each in effective_settings().values()
        }
        links = LdapServer.grantable_roles.through.objects.values_list("ldapserver_id", "role__name")
        return cls(
            held=escalation_guard.holdings(ids),
            ways_in=dict(with_a_local_way_in().values_list("pk", "password")),
            by_default=by_default,
            by_servers={(server, name): Holding(permissions[name], EVERYWHERE) for server, name in links},
            matched=dict(Match.objects.values_list("user_id", "unique_id")),
            paths=dict(Org.objects.values_list("pk", "path")),
            second_factors=frozenset(Authenticator.objects.values_list("user_id", flat=True)),
        )

    def as_lying(self, before: dict[int, str]) -> dict[int, str]:
        """Return where each org lay before, by its id; a new org lies below the one that it was made below."""
        found: dict[int, str] = {}
        for pk, path in sorted(self.paths.items(), key=lambda item: len(item[1])):
            above = next((each for each, other in self.paths.items() if other == path[:-4]), 0)
            found[pk] = before[pk] if pk in before else f"{found[above]}----"
        return found


def gained(before: Powers, after: Powers, actor_id: int) -> list[str]:
    """Return, a line each, what is more than the actor held before: held by, open to, or given to anybody."""
    look = _Look(before.held[actor_id], before, after)
    for pk, holding in after.held.items():
        look.at(f"user {pk} holds", holding, before.held.get(pk, NOTHING))
        if pk in after.ways_in and after.ways_in[pk] != before.ways_in.get(pk):
            look.at(f"user {pk} can be signed in to", holding)
        if pk in before.second_factors and pk not in after.second_factors:
            look.at(f"user {pk} has no second factor any more", holding)
        if pk in before.matched and after.matched.get(pk) != before.matched[pk]:
            look.at(f"user {pk} may be matched to somebody else", holding)
    for pk, holding in after.by_default.items():
        usual = Holding(holding.permissions, look.places[pk])
        look.compare(f"org {pk} gives by default", usual, before.by_default.get(pk, _inherited(before, usual)))
    for key, holding in after.by_servers.items():
        look.compare(f"server {key[0]} grants {key[1]}", holding, before.by_servers.get(key, NOTHING))
    return look.found


class _Look:
    """Compares holdings with the actor's, in the tree as it was before: orgs may have moved."""

    def __init__(self, actor: Holding, before: Powers, after: Powers) -> None:
        self.actor, self.after = actor, after
        self.places = after.as_lying(before.paths)
        self.moved = any(after.paths.get(pk) != path for pk, path in before.paths.items())
        self.found: list[str] = []

    def at(self, what: str, new: Holding, old: Holding = NOTHING) -> None:
        """Compare what somebody holds in each org that they reach; in their own org if none has moved."""
        if not self.moved:
            self.compare(what, new, old)
            return
        for pk, path in self.after.paths.items():
            if path.startswith(new.org_path):
                self.compare(what, Holding(new.permissions, self.places[pk]), old)

    def compare(self, what: str, new: Holding, old: Holding = NOTHING) -> None:
        if missing := beyond(self.actor, new, before=old):
            self.found.append(f"{what}: {', '.join(missing)}")


def _inherited(before: Powers, new: Holding) -> Holding:
    """A new org gives what the one above it gave."""
    above = [each for each in before.by_default.values() if new.org_path.startswith(each.org_path)]
    return max(above, key=lambda each: len(each.org_path))
