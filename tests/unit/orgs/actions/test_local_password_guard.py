"""Who may sign in with a local password, who opens a way in to whom, and that an administrator keeps one."""

from __future__ import annotations

import logging
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from directory.actions.users import noted_matches
from directory.models import Match
from orgs.actions import orgs, roles
from orgs.actions.errors import Refused
from orgs.actions.users import (
    blocking,
    deactivation,
    local_passwords,
    org_moves,
    role_grants,
    user_creation,
    user_profiles,
)
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import AuditEntry, CreatedBy, Org, Role, User
from orgs.rules.actors import COMMAND_LINE, SYSTEM, Actor, person
from tests.makers import NOW, PASSWORD, make_org, make_role, make_sysadmin, make_user, signed_in
from tests.state import differences, snapshot

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "an entirely new sentence"
WRONG = "Username and password do not fit together"


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> User:
    return make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)


def with_password(username: str, org: Org, *roles: str) -> User:
    """Make a user with a local password who is not managed locally."""
    new = NewUser(
        Profile(username),
        org.pk,
        frozenset(Role.objects.filter(name__in=roles).values_list("pk", flat=True)),
        password=PASSWORD,
    )
    return user_creation.create(users=[new], created_by=CreatedBy.CSV, by=SYSTEM, at=NOW)[0]


def follows_ldap(org: Org, by: Actor = SYSTEM) -> None:
    orgs.change(org=org, directory_service="ldap", by=by, at=NOW)


def signs_in(username: str, password: str = PASSWORD) -> bool:
    return Client().post("/sign-in/", {"username": username, "password": password}).status_code == 302


class TestALocalPassword:
    def test_opens_nothing_while_the_org_follows_ldap(self, left: Org) -> None:
        with_password("mary", left, "Org Admin")
        assert signs_in("mary")

        follows_ldap(Org.objects.get(depth=1))

        assert not signs_in("mary")

    def test_is_refused_in_the_same_words_and_the_log_has_the_reason(
        self, left: Org, caplog: pytest.LogCaptureFixture
    ) -> None:
        with_password("mary", left, "Org Admin")
        follows_ldap(left)

        with caplog.at_level(logging.WARNING, "rollcall.security"):
            right = Client().post("/sign-in/", {"username": "mary", "password": PASSWORD}).content.decode()
        lines = caplog.text
        wrong = Client().post("/sign-in/", {"username": "mary", "password": "x"}).content.decode()

        assert WRONG in right
        assert WRONG in wrong
        assert "LDAP" not in right
        assert "the user's org follows LDAP and the user is not managed locally" in lines

    def test_ends_the_sessions_that_it_opened(self, left: Org, caplog: pytest.LogCaptureFixture) -> None:
        browser = signed_in(with_password("mary", left, "Org Admin"))
        assert browser.get("/").status_code == 200
        follows_ldap(left)

        with caplog.at_level(logging.WARNING, "rollcall.security"):
            assert browser.get("/")["Location"].startswith("/sign-in/")
            assert browser.get("/")["Location"].startswith("/sign-in/")

        assert caplog.text.count("session ended") == 1
        assert "mary" in caplog.text

    def test_opens_the_account_of_somebody_who_is_managed_locally(self, left: Org, olga: User) -> None:
        follows_ldap(left)

        assert signs_in(olga.username)

    def test_can_not_be_given_where_it_opens_nothing(self, left: Org) -> None:
        mary = with_password("mary", left)
        follows_ldap(left)

        with pytest.raises(Refused, match="mark the user as managed locally first"):
            local_passwords.set_password(user=mary, password=NEW_PASSWORD, by=SYSTEM, at=NOW)
        with pytest.raises(Refused, match="its users have no local password"):
            with_password("tom", left)


class TestAPasswordThatWasClosed:
    """It may be known to whoever made the account when it was a plain one."""

    @pytest.fixture
    def mary(self, left: Org) -> User:
        mary = with_password("mary", left)
        follows_ldap(left)
        role = Role.objects.get(name="Org Admin")
        role_grants.set_roles(roles={mary.pk: frozenset({role.pk})}, by=Actor("a sync", run_id=7), at=NOW)
        return mary

    def opened(self, mary: User) -> bool:
        return bool(User.objects.get(pk=mary.pk).check_password(PASSWORD))

    def test_is_forgotten_when_the_org_leaves_ldap(self, ada: User, left: Org, mary: User) -> None:
        orgs.change(org=left, directory_service="local", by=person(ada), at=NOW)

        assert not self.opened(mary)
        assert AuditEntry.objects.filter(action="password forgotten", object_id=mary.pk).exists()

    def test_is_forgotten_when_the_user_is_managed_locally(self, ada: User, mary: User) -> None:
        local_passwords.set_managed_locally(user_ids=[mary.pk], managed_locally=True, by=person(ada), at=NOW)

        assert not self.opened(mary)

    def test_is_forgotten_when_the_user_moves_to_a_local_org(self, ada: User, mary: User) -> None:
        org_moves.move(moves={mary.pk: make_org("Local").pk}, by=person(ada), at=NOW)

        assert not self.opened(mary)

    def test_of_a_plain_user_counts_again(self, ada: User, left: Org) -> None:
        tom = with_password("tom", left, "PROe User")
        follows_ldap(left)

        orgs.change(org=left, directory_service="local", by=person(ada), at=NOW)

        assert self.opened(tom)
        assert signs_in("tom")


class TestNobodyOpensAWayIn:
    """To somebody who holds more than they do."""

    @pytest.fixture
    def boss(self, left: Org) -> User:
        return make_user("boss", org=left, roles=["All Org Admin"], password=PASSWORD)

    def refused(self, act: object) -> None:
        before = snapshot()
        with pytest.raises(Refused, match="holds more than you do"):
            act()  # type: ignore[operator]
        assert differences(before, snapshot()) == []

    def test_by_a_password(self, olga: User, boss: User) -> None:
        self.refused(lambda: local_passwords.set_password(user=boss, password=NEW_PASSWORD, by=person(olga), at=NOW))

    @pytest.mark.parametrize("local", [True, False])
    def test_by_marking_them_as_managed_locally_or_not(self, olga: User, boss: User, *, local: bool) -> None:
        local_passwords.set_managed_locally(user_ids=[boss.pk], managed_locally=not local, by=SYSTEM, at=NOW)

        self.refused(
            lambda: local_passwords.set_managed_locally(
                user_ids=[boss.pk], managed_locally=local, by=person(olga), at=NOW
            )
        )

    def test_by_bringing_them_back(self, olga: User, boss: User) -> None:
        blocking.block(user_ids=[boss.pk], by=SYSTEM, at=NOW)
        self.refused(lambda: blocking.unblock(user_ids=[boss.pk], by=person(olga), at=NOW))
        deactivation.deactivate(user_ids=[boss.pk], by=SYSTEM, at=NOW)
        self.refused(lambda: deactivation.reactivate(user_ids=[boss.pk], by=person(olga), at=NOW))

    def test_by_another_name(self, olga: User, boss: User) -> None:
        self.refused(
            lambda: user_profiles.update_profiles(profiles={boss.pk: Profile("olga2")}, by=person(olga), at=NOW)
        )

    def test_by_another_directory_entry(self, olga: User, boss: User) -> None:
        Match.objects.create(user=boss, dn="uid=boss", unique_id="4711", matched_at=NOW)

        self.refused(lambda: noted_matches.forget(user_ids=[boss.pk], by=person(olga), at=NOW))

    def test_but_to_somebody_who_holds_as_much(self, olga: User, left: Org) -> None:
        peer = make_user("peer", org=left, roles=["Org Admin", "PROe User"])

        local_passwords.set_managed_locally(user_ids=[peer.pk], managed_locally=True, by=person(olga), at=NOW)
        local_passwords.set_password(user=peer, password=NEW_PASSWORD, by=person(olga), at=NOW)

        assert signs_in("peer", NEW_PASSWORD)


class TestNobodyGives:
    """What they do not hold."""

    def role(self, name: str) -> Role:
        return Role.objects.get(name=name)

    def refused(self, act: object) -> None:
        before = snapshot()
        with pytest.raises(Refused, match="more than you"):
            act()  # type: ignore[operator]
        assert differences(before, snapshot()) == []

    def test_a_role(self, olga: User, left: Org) -> None:
        mary = make_user("mary", org=left)
        for name in ("SYSADMIN", "All Org Admin", "Server Administrator"):
            roles = {mary.pk: frozenset({self.role(name).pk})}
            self.refused(lambda roles=roles: role_grants.set_roles(roles=roles, by=person(olga), at=NOW))
        role_grants.set_roles(roles={mary.pk: frozenset({self.role("Org Admin").pk})}, by=person(olga), at=NOW)

    def test_a_role_to_a_new_user(self, olga: User, left: Org) -> None:
        new = NewUser(Profile("mary"), left.pk, frozenset({self.role("SYSADMIN").pk}))

        self.refused(lambda: user_creation.create(users=[new], created_by=CreatedBy.HAND, by=person(olga), at=NOW))

    def test_a_role_that_they_lost_meanwhile(self, olga: User, left: Org) -> None:
        by, mary = person(olga), make_user("mary", org=left)
        blocking.block(user_ids=[olga.pk], by=SYSTEM, at=NOW)

        self.refused(
            lambda: role_grants.set_roles(roles={mary.pk: frozenset({self.role("Org Admin").pk})}, by=by, at=NOW)
        )

    def test_a_further_reach_by_a_move(self, olga: User, left: Org) -> None:
        peer = make_user("peer", org=left, roles=["Org Admin"])

        self.refused(lambda: org_moves.move(moves={peer.pk: Org.objects.get(depth=1).pk}, by=person(olga), at=NOW))

    def test_default_roles_by_a_move(self, olga: User, left: Org) -> None:
        lower = make_org("Lower", parent=left)
        orgs.change(org=lower, own_default_roles=True, default_roles=[self.role("All Org Admin")], by=SYSTEM, at=NOW)

        mary = make_user("mary", org=left)

        self.refused(lambda: org_moves.move(moves={mary.pk: lower.pk}, by=person(olga), at=NOW))

    def test_default_roles_to_an_org(self, olga: User, left: Org) -> None:
        self.refused(
            lambda: orgs.change(
                org=left, own_default_roles=True, default_roles=[self.role("SYSADMIN")], by=person(olga), at=NOW
            )
        )
        orgs.change(org=left, own_default_roles=True, default_roles=[self.role("Org Admin")], by=person(olga), at=NOW)

    def test_default_roles_that_an_org_would_inherit(self, olga: User, left: Org) -> None:
        orgs.change(org=left, own_default_roles=True, default_roles=[], by=SYSTEM, at=NOW)
        top = Org.objects.get(depth=1)
        orgs.change(org=top, own_default_roles=True, default_roles=[self.role("SYSADMIN")], by=SYSTEM, at=NOW)

        self.refused(lambda: orgs.change(org=left, own_default_roles=False, by=person(olga), at=NOW))

    def test_permissions_to_a_role(self, olga: User) -> None:
        clerk = make_role("Clerk", "admin.user.read")
        chief = make_role("Chief", "admin.alluser")

        self.refused(lambda: roles.save(role=None, name="Boss", permissions=["admin"], by=person(olga), at=NOW))
        self.refused(lambda: roles.save(role=clerk, name="Clerk", permissions=["admin.user"], by=person(olga), at=NOW))
        # A script may name the new name.
        self.refused(lambda: roles.save(role=chief, name="Plain", permissions=[], by=person(olga), at=NOW))
        roles.save(role=None, name="Reader", permissions=["admin.user.read"], by=person(olga), at=NOW)


class TestALocalAdministrator:
    """One that works when LDAP is down has to be left."""

    def test_is_not_locked_out_by_an_org_that_comes_to_follow_ldap(self, left: Org) -> None:
        make_sysadmin("carl")
        sam = with_password("sam", left, "SYSADMIN")

        with pytest.raises(Refused, match="you could not sign in any more"):
            follows_ldap(left, by=person(sam))
        local_passwords.set_managed_locally(user_ids=[sam.pk], managed_locally=True, by=person(sam), at=NOW)
        follows_ldap(left, by=person(sam))
        assert signs_in("sam")

    def test_is_the_last_one_and_stays(self, left: Org) -> None:
        sam = with_password("sam", left, "SYSADMIN")
        make_user("ldap.only", org=left, roles=["SYSADMIN"])

        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            follows_ldap(left)
        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            blocking.block(user_ids=[sam.pk], by=SYSTEM, at=NOW)
        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            deactivation.deactivate(user_ids=[sam.pk], by=SYSTEM, at=NOW)
        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            role_grants.set_roles(roles={sam.pk: frozenset()}, by=SYSTEM, at=NOW)

    def test_stays_managed_locally(self, ada: User) -> None:
        follows_ldap(Org.objects.get(depth=1))

        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            local_passwords.set_managed_locally(user_ids=[ada.pk], managed_locally=False, by=person(ada), at=NOW)

    def test_does_not_move_to_where_the_password_opens_nothing(self, left: Org) -> None:
        sam = with_password("sam", Org.objects.get(name="Default"), "SYSADMIN")
        follows_ldap(left)

        with pytest.raises(Refused, match="no SYSADMIN could sign in"):
            org_moves.move(moves={sam.pk: left.pk}, by=SYSTEM, at=NOW)

    def test_comes_back_from_the_command_line(self, left: Org) -> None:
        sam = with_password("sam", left, "SYSADMIN")
        User.objects.filter(pk=sam.pk).update(blocked=True, blocked_by="person", active=False, deactivated_by="sync")
        follows_ldap(left)
        output = StringIO()

        call_command("localadmin", "SAM", stdout=output)

        password = output.getvalue().split()[-1]
        assert signs_in("sam", password)
        assert not signs_in("sam")
        assert AuditEntry.objects.filter(action="password set", object_id=sam.pk, actor_label="command line").exists()

    def test_is_made_from_the_command_line(self) -> None:
        follows_ldap(Org.objects.get(depth=1))
        output = StringIO()

        call_command("localadmin", "rescue", stdout=output)

        assert signs_in("rescue", output.getvalue().split()[-1])
        assert User.objects.get(username="rescue").is_staff


def test_the_first_administrator_is_managed_locally(capsys: pytest.CaptureFixture[str]) -> None:
    from console.management.commands.serve import _first_administrator

    username, password = _first_administrator()
    follows_ldap(Org.objects.get(depth=1))

    assert signs_in(username, password)


def test_the_audit_entry_of_a_creation_names_org_and_roles(left: Org) -> None:
    mary = with_password("mary", left, "Org Admin", "PROe User")

    entry = AuditEntry.objects.get(action="user created", object_id=mary.pk)

    assert entry.after == {
        "org": "Left",
        "roles": ["Org Admin", "PROe User"],
        "managed_locally": False,
        "password": "set",
    }
    assert COMMAND_LINE.user_id is None
