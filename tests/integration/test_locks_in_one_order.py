"""Runs and administrators take servers, orgs and users in one order, so that neither waits for the other in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from directory.actions import org_servers, servers
from directory.actions.users import namesake_usernames
from directory.management import servers_json
from directory.models import LdapServer, RunChange
from directory.sync.plan import precondition_facts
from orgs.actions import locks, org_tree, orgs, roles
from orgs.actions.users import blocking, deactivation, org_moves, role_grants, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.rules.actors import SYSTEM, person
from orgs.rules.local_sign_in import with_a_local_way_in
from tests.makers import PASSWORD, make_role, make_run, make_server, make_sysadmin, make_user, signed_in
from tests.worlds import NOON, org

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
    pytest.mark.database,
]
WAITS = 20.0


def waiting() -> int:
    """Return how many wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def behind(rows: QuerySet[Model], *acts: Callable[[], object]) -> list[str]:
    """Hold these rows until all of these wait, each begun when the one before it waits; return what went wrong then."""
    return between(lambda: list(rows.select_for_update(no_key=True)), *acts)


def between(
    hold: Callable[[], object], *acts: Callable[[], object], meanwhile: Callable[[], object] | None = None
) -> list[str]:
    """Hold something until all of these wait, each begun when the one before it waits; return what went wrong then.

    Whoever holds it does ``meanwhile`` once the first of them waits.
    """
    troubles: list[str] = []

    def work(act: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                act()
        except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
            troubles.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    with transaction.atomic():
        hold()
        for number, thread in enumerate(threads, 1):
            thread.start()
            for _ in range(200):
                if waiting() >= number:
                    break
                threading.Event().wait(0.01)
            if number == 1 and meanwhile is not None:
                meanwhile()
    for thread in threads:
        thread.join(WAITS)
        if thread.is_alive():
            troubles.append("still waiting")
    return troubles


def with_password(username: str, org_: Org, role: str) -> User:
    """Make a user with a local password who is not managed locally."""
    new = NewUser(Profile(username), org_.pk, frozenset({Role.objects.get(name=role).pk}), password=PASSWORD)
    return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=SYSTEM, at=NOON)[0]


def as_a_run_does(*ids: int) -> None:
    precondition_facts._lock_orgs([RunChange(org_id=pk) for pk in ids])


def read_servers(*ids: int) -> None:
    precondition_facts._locked_servers(ids)


def test_an_org_is_brought_back_into_use_while_a_run_changes_users_of_it() -> None:
    lab = org("Lab")
    orgs.set_active(org=lab, active=False, by=SYSTEM, at=NOON)
    above = Org.objects.filter(name="Default")

    troubles = behind(
        above,
        partial(as_a_run_does, lab.pk),
        partial(orgs.set_active, org=lab, active=True, by=SYSTEM, at=NOON),
    )

    assert troubles == []
    assert Org.objects.get(pk=lab.pk).active


def test_servers_are_ordered_while_a_run_applies_what_they_decided() -> None:
    first, second = make_server("First", position=1), make_server("Second", position=0)

    troubles = behind(
        LdapServer.objects.filter(pk=second.pk),
        partial(servers.reorder, ids=[first.pk, second.pk], by=SYSTEM, at=NOON),
        partial(read_servers, first.pk, second.pk),
    )

    assert troubles == []
    assert list(LdapServer.objects.in_order()) == [first, second]


def test_orgs_are_taken_from_a_server_while_a_run_changes_users_of_them() -> None:
    lab, corp = org("Lab"), make_server("Corp")
    with transaction.atomic():
        org_servers.serve(corp, [lab], by=SYSTEM, at=NOON)

    troubles = behind(
        Org.objects.filter(pk=lab.pk),
        partial(as_a_run_does, lab.pk),
        partial(org_servers.serve, corp, [], by=SYSTEM, at=NOON),
    )

    assert troubles == []
    assert Org.objects.get(pk=lab.pk).directory_service != "ldap"


class TestAnOrgThatLeavesLdapBesideSomebodyOfIt:
    """It forgets the password of an administrator, whom another transaction holds and for whom it wants the org."""

    @pytest.fixture
    def lab(self) -> Org:
        return org("Lab")

    @pytest.fixture
    def boss(self, lab: Org) -> User:
        """An administrator with a local password that counts for nothing."""
        make_sysadmin()
        found = with_password("boss", lab, "Org Admin")
        orgs.change(org=lab, directory_service="ldap", by=SYSTEM, at=NOON)
        return found

    @staticmethod
    def leaves_ldap(*orgs_: Org) -> None:
        for each in orgs_:
            orgs.change(org=each, directory_service="local", by=SYSTEM, at=NOON)

    @staticmethod
    def row_of(user: User) -> QuerySet[User]:
        found: QuerySet[User] = User.objects.filter(pk=user.pk)
        return found

    @staticmethod
    def forgotten(user: User) -> bool:
        return not User.objects.get(pk=user.pk).has_usable_password()

    def test_who_is_changed_on_their_page(self, lab: Org, boss: User) -> None:
        given = {"username": "boss", "last_name": "New", "org": lab.pk, "granted_roles": [boss.roles.get().pk]}
        browser = signed_in(User.objects.get(username="ada"))

        troubles = behind(
            self.row_of(boss),
            partial(browser.post, f"/data-fixes/orgs/user/{boss.pk}/change/", given),
            partial(self.leaves_ldap, lab),
        )

        assert troubles == []
        assert User.objects.get(pk=boss.pk).last_name == "New"
        assert self.forgotten(boss)

    def test_who_is_let_in_from_the_command_line(self, lab: Org, boss: User) -> None:
        User.objects.filter(pk=boss.pk).update(active=False, deactivated_by="sync")

        troubles = behind(
            self.row_of(boss),
            partial(call_command, "localadmin", "boss", stdout=StringIO()),
            partial(self.leaves_ldap, lab),
        )

        assert troubles == []
        assert User.objects.get(pk=boss.pk).active

    def test_who_was_moved_there_as_somebody_was_about_to_bring_them_back(self, lab: Org, boss: User) -> None:
        old = org("Old")
        orgs.change(org=old, directory_service="ldap", by=SYSTEM, at=NOON)
        User.objects.filter(pk=boss.pk).update(active=False, deactivated_by="person", org=old)

        troubles = between(
            lambda: list(self.row_of(boss).select_for_update()),
            partial(deactivation.reactivate, user_ids=[boss.pk], by=SYSTEM, at=NOON),
            partial(self.leaves_ldap, lab),
            meanwhile=partial(org_moves.move, moves={boss.pk: lab.pk}, by=SYSTEM, at=NOON),
        )

        assert troubles == []
        assert User.objects.get(pk=boss.pk).active
        assert self.forgotten(boss)

    def test_with_another_into_which_they_are_moved(self) -> None:
        one, other, corp = org("One"), org("Other"), make_server("Corp")
        boss = with_password("boss", one, "Org Admin")
        with transaction.atomic():
            org_servers.serve(corp, [one, other], by=SYSTEM, at=NOON)

        troubles = between(
            lambda: locks.orgs([other.pk]),
            partial(org_servers.serve, corp, [], by=SYSTEM, at=NOON),
            partial(org_moves.move, moves={boss.pk: other.pk}, by=SYSTEM, at=NOON),
        )

        assert troubles == []
        assert self.forgotten(boss)


def test_nobody_is_moved_below_an_org_that_comes_to_follow_ldap() -> None:
    """The last SYSADMIN with a local way in would be locked out by the two together."""
    lab, lower = org("Lab"), org("Lower", "Lab")
    sam = with_password("sam", org("Else"), "SYSADMIN")

    troubles = between(
        partial(org_moves.move, moves={sam.pk: lower.pk}, by=SYSTEM, at=NOON),
        partial(orgs.change, org=lab, directory_service="ldap", by=SYSTEM, at=NOON),
    )

    assert [each for each in troubles if "no SYSADMIN could sign in" not in each] == []
    assert with_a_local_way_in().sysadmins().exists()


class TestAnOrgIsMoved:
    """Each of two acts is checked against the tree that the other one leaves behind."""

    def test_while_somebody_is_moved_into_it(self) -> None:
        boss = make_sysadmin()
        lower, right = org("Lower", "Default"), org("Right", "ADMIN")
        mover = make_user("mover", org=Org.objects.get(depth=1), roles=["Org Admin"])
        sam = make_user("sam", org=right, roles=["Server Administrator"])

        troubles = between(
            partial(org_moves.move, moves={sam.pk: lower.pk}, by=person(boss), at=NOON),
            partial(org_tree.move, org=lower, parent=right, by=person(mover), at=NOON),
        )

        assert troubles == []
        assert Org.objects.get(pk=lower.pk).path.startswith(Org.objects.get(pk=right.pk).path)

    def test_while_somebody_above_is_given_a_role(self) -> None:
        boss, lower, right = make_sysadmin(), org("Lower", "Default"), org("Right", "ADMIN")
        make_role("Mover", "admin.allorg", "admin.alluser.read")
        mover, clerk = make_user("mover", org=right, roles=["Mover"]), make_user("clerk", org=right)
        admin = frozenset({Role.objects.get(name="Org Admin").pk})

        troubles = between(
            partial(role_grants.set_roles, roles={clerk.pk: admin}, by=person(boss), at=NOON),
            partial(org_tree.move, org=lower, parent=right, by=person(mover), at=NOON),
        )

        assert len(troubles) == 1
        assert "clerk would hold more than you do" in troubles[0]

    def test_below_an_org_that_is_moved_below_it_at_the_same_moment(self) -> None:
        left, right = org("Left", "ADMIN"), org("Right", "ADMIN")

        troubles = between(
            partial(org_tree.move, org=left, parent=right, by=SYSTEM, at=NOON),
            partial(org_tree.move, org=right, parent=left, by=SYSTEM, at=NOON),
        )

        assert len(troubles) == 1
        assert "lies below it" in troubles[0]

    def test_below_an_org_whose_settings_change(self) -> None:
        left, lower = org("Left", "ADMIN"), org("Lower", "ADMIN")
        sam = with_password("sam", lower, "SYSADMIN")

        troubles = between(
            partial(org_tree.move, org=lower, parent=left, by=SYSTEM, at=NOON),
            partial(orgs.change, org=left, directory_service="ldap", by=SYSTEM, at=NOON),
        )

        assert len(troubles) == 1
        assert "no SYSADMIN could sign in" in troubles[0]
        assert User.objects.get(pk=sam.pk).has_usable_password()

    def test_while_a_run_changes_users_of_it(self) -> None:
        left, lower = org("Left", "ADMIN"), org("Lower", "ADMIN")

        def run() -> None:
            locks.roles()
            as_a_run_does(lower.pk, left.pk)

        troubles = behind(
            Org.objects.filter(pk=left.pk), run, partial(org_tree.move, org=lower, parent=left, by=SYSTEM, at=NOON)
        )

        assert troubles == []

    def test_while_it_is_brought_back_into_use(self) -> None:
        left, lower = org("Left", "ADMIN"), org("Lower", "ADMIN")
        orgs.set_active(org=lower, active=False, by=SYSTEM, at=NOON)

        troubles = behind(
            Org.objects.filter(pk=lower.pk),
            partial(org_tree.move, org=lower, parent=left, by=SYSTEM, at=NOON),
            partial(orgs.set_active, org=lower, active=True, by=SYSTEM, at=NOON),
        )

        assert troubles == []
        assert Org.objects.get(pk=lower.pk).active


def test_a_username_of_an_administrator_is_freed_while_another_is_blocked() -> None:
    first, second = (make_sysadmin(name) for name in ("ada", "bea"))
    make_sysadmin("eve")

    troubles = behind(
        User.objects.filter(pk=second.pk),
        partial(namesake_usernames.free_username, user_id=second.pk, by=SYSTEM, at=NOON),
        partial(blocking.block, user_ids=[first.pk], by=SYSTEM, at=NOON),
    )

    assert troubles == []


def test_servers_are_deployed_while_a_run_applies_what_they_decided() -> None:
    first, second, lab = make_server("First"), make_server("Second"), org("Lab")
    listed = [{"name": "Second", "orgs": ["Lab"]}, {"name": "First", "orgs": ["Lab"]}]

    def run() -> None:
        read_servers(first.pk, second.pk)
        as_a_run_does(lab.pk)

    troubles = behind(Org.objects.filter(pk=lab.pk), partial(servers_json.apply, listed, by=SYSTEM, at=NOON), run)

    assert troubles == []
    assert lab.server_links.count() == 2


class TestARoleIsChangedWhileItIsGiven:
    """Whoever looks at what a role allows, and gives it, must not give what it comes to allow at the same moment."""

    def test_the_local_password_of_who_was_just_given_it_is_forgotten(self) -> None:
        clerk, boss = make_role("Clerk", "admin.computer.read"), make_sysadmin()
        helper = make_user("helper", roles=["All Org Admin"], password=PASSWORD)
        mia = user_creation.create(
            users=[NewUser(Profile("mia"), helper.org_id, password=PASSWORD)],
            created_by=CreatedBy.HAND, by=person(helper), at=NOON,
        )[0]  # fmt: skip

        troubles = between(
            partial(role_grants.set_roles, roles={mia.pk: frozenset({clerk.pk})}, by=person(helper), at=NOON),
            partial(roles.save, role=clerk, name="Clerk", permissions=["admin"], by=person(boss), at=NOON),
        )

        assert troubles == []
        mia.refresh_from_db()
        assert mia.may("admin")
        assert not mia.has_usable_password()

    def test_who_does_not_hold_what_it_comes_to_allow_may_not_give_it(self) -> None:
        clerk, boss = make_role("Clerk", "admin.computer.read"), make_sysadmin()
        helper, mia = make_user("helper", roles=["All Org Admin"]), make_user("mia")

        troubles = between(
            partial(roles.save, role=clerk, name="Clerk", permissions=["admin"], by=person(boss), at=NOON),
            partial(role_grants.set_roles, roles={mia.pk: frozenset({clerk.pk})}, by=person(helper), at=NOON),
        )

        assert len(troubles) == 1
        assert "would hold more than you do" in troubles[0]
        assert not mia.grants.exists()

    def test_who_does_not_hold_it_may_not_make_users_with_it(self) -> None:
        clerk, boss = make_role("Clerk", "admin.computer.read"), make_sysadmin()
        helper = make_user("helper", roles=["All Org Admin"])
        new = NewUser(Profile("mia"), helper.org_id, frozenset({clerk.pk}))

        troubles = between(
            partial(roles.save, role=clerk, name="Clerk", permissions=["admin"], by=person(boss), at=NOON),
            partial(user_creation.create, users=[new], created_by=CreatedBy.HAND, by=person(helper), at=NOON),
        )

        assert len(troubles) == 1
        assert "would give more than you hold" in troubles[0]
        assert not User.objects.filter(username="mia").exists()

    def test_a_run_sees_that_it_is_another_one_than_in_the_plan(self) -> None:
        clerk, planned = make_role("Clerk", "admin.computer.read"), make_run(make_server("Corp"))
        work: Any = SimpleNamespace(readings=[], run=planned)
        before, seen = precondition_facts._roles(), []

        troubles = between(
            partial(roles.save, role=clerk, name="Clerk", permissions=["admin"], by=SYSTEM, at=NOON),
            lambda: seen.append(precondition_facts.now(work, []).roles),
        )

        assert troubles == []
        assert seen[0]["Clerk"] != before["Clerk"]

    def test_two_who_change_it_come_one_after_the_other(self) -> None:
        clerk, boss = make_role("Clerk", "admin.computer.read"), make_sysadmin()
        helper = make_user("helper", roles=["All Org Admin"])

        troubles = between(
            partial(roles.save, role=clerk, name="Clerk", permissions=["admin"], by=person(boss), at=NOON),
            partial(
                roles.save, role=clerk, name="Clerk", permissions=["admin.computer.read"], by=person(helper), at=NOON
            ),
        )

        assert len(troubles) == 1
        assert "more than you hold" in troubles[0]
        assert Role.objects.get(pk=clerk.pk).permissions == ["admin"]
