"""Signing in with a directory's password: who comes in, as whom, what is kept of it, and when a session ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from directory.actions import servers as server_actions
from directory.models import LdapServer, Match
from directory.servers.setting_questions import Confirmed
from orgs.actions import orgs as org_actions
from orgs.actions.users import blocking, deactivation, local_passwords, org_moves, role_grants
from orgs.models import AuditEntry, Org, User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.makers import NOW, PASSWORD, make_org, make_sysadmin, make_user
from tests.sign_ins import (
    ADDRESS,
    PEOPLE,
    WRONG,
    asks,
    is_in,
    matched,
    password_of,
    people_ldif,
    person,
    try_in,
    user_of,
)
from tests.state import differences, snapshot
from tests.worlds import again, simulate_and_sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann", "bob", "cyd")) as directory:
        yield directory


@pytest.fixture
def server(directory: Directory) -> LdapServer:
    return asks(directory)


@pytest.fixture
def ann(server: LdapServer, directory: Directory) -> User:
    """A user who was found in the directory."""
    return matched(user_of("ann"), server, directory)


class TestSomebodyOfTheDirectory:
    @pytest.mark.parametrize("username", ["ann", "ANN", " Ann "])
    def test_comes_in_with_the_directorys_password(self, ann: User, username: str) -> None:
        browser, _ = try_in(username, password_of("ann"))

        assert is_in(browser)
        assert b"ann" in browser.get("/").content

    @pytest.mark.parametrize(
        "password", ["wrong", "", " ", "\t", "\u00a0", "\u200b", "\u00ad", "\0", f"{password_of('ann')}\0", "x" * 5000]
    )
    def test_does_not_come_in_with_another(self, ann: User, password: str) -> None:
        browser, shown = try_in("ann", password)

        assert shown
        assert not is_in(browser)

    def test_comes_in_before_any_sync_if_the_username_is_theirs_alone(self, server: LdapServer) -> None:
        user_of("bob")

        assert is_in(try_in("bob", password_of("bob"))[0])

    def test_comes_in_after_a_sync_has_found_them(self, server: LdapServer, directory: Directory) -> None:
        user_of("bob")
        simulate_and_sync(server)
        directory.rename(f"uid=bob,{PEOPLE}", "uid=robert")

        assert is_in(try_in("bob", password_of("bob"))[0])

    def test_is_neither_made_nor_changed_by_it(self, ann: User) -> None:
        before = snapshot()

        assert is_in(try_in("ann", password_of("ann"))[0])
        assert WRONG in try_in("cyd", password_of("cyd"))[1]
        assert differences(before, snapshot()) == []
        assert not User.objects.filter(username="cyd").exists()

    def test_does_not_come_in_with_a_local_password(self, ann: User) -> None:
        ann.set_password(PASSWORD)
        ann.save()

        assert WRONG in try_in("ann", PASSWORD)[1]

    def test_who_is_managed_locally_comes_in_with_the_local_password_only(self, ann: User) -> None:
        local_passwords.set_managed_locally(user_ids=[ann.pk], managed_locally=True, by=SYSTEM, at=NOW)
        local_passwords.set_password(user=again(ann), password=PASSWORD, by=SYSTEM, at=NOW)

        assert WRONG in try_in("ann", password_of("ann"))[1]
        assert is_in(try_in("ann", PASSWORD)[0])

    def test_of_an_org_that_is_local_does_not_come_in(self, server: LdapServer) -> None:
        user_of("bob", org=make_org("Elsewhere"))

        assert WRONG in try_in("bob", password_of("bob"))[1]

    def test_confirms_with_the_directorys_password(self, ann: User) -> None:
        browser, _ = try_in("ann", password_of("ann"))

        wrong = browser.post("/confirm/", {"password": "wrong"}, REMOTE_ADDR=ADDRESS)
        right = browser.post("/confirm/", {"password": password_of("ann")}, REMOTE_ADDR=ADDRESS)

        assert WRONG in wrong.content.decode()
        assert right.status_code == 302


class TestWhoseEntryItIs:
    def test_is_told_by_the_immutable_id_although_entry_and_username_were_renamed(
        self, ann: User, directory: Directory
    ) -> None:
        directory.rename(f"uid=ann,{PEOPLE}", "uid=anna", parent=directory.base)

        assert is_in(try_in("ann", password_of("ann"))[0])

    def test_nobody_comes_in_with_a_username_that_was_given_to_them(self, ann: User, directory: Directory) -> None:
        directory.delete(f"uid=ann,{PEOPLE}")
        directory.add_ldif(person("ann", givenName="Another"))

        assert WRONG in try_in("ann", password_of("ann"))[1]

    def test_nobody_comes_in_by_a_username_that_two_entries_have(
        self, server: LdapServer, directory: Directory
    ) -> None:
        user_of("bob")
        directory.add_ldif(person("bob", dn=f"cn=second,{PEOPLE}", cn="second"))

        assert WRONG in try_in("bob", password_of("bob"))[1]
        assert "2 entries have the username bob" in AuditEntry.objects.get(action="sign-in refused").after["reason"]

    def test_nobody_comes_in_by_an_entry_that_has_the_usernames_of_two_users(
        self, server: LdapServer, directory: Directory
    ) -> None:
        user_of("bob")
        user_of("eve")
        directory.modify(f"uid=bob,{PEOPLE}", {"uid": ["bob", "eve"]})

        assert WRONG in try_in("eve", password_of("bob"))[1]
        assert WRONG in try_in("bob", password_of("bob"))[1]

    def test_nobody_comes_in_by_an_entry_with_an_immutable_id_of_another_user(
        self, ann: User, server: LdapServer, directory: Directory
    ) -> None:
        user_of("eve")
        directory.modify(f"uid=ann,{PEOPLE}", {"uid": ["ann", "eve"]})

        assert WRONG in try_in("eve", password_of("ann"))[1]
        assert is_in(try_in("ann", password_of("ann"))[0])

    def test_nobody_comes_in_whom_the_filter_leaves_out(self, ann: User, server: LdapServer) -> None:
        LdapServer.objects.filter(pk=server.pk).update(search_filter="(employeeType=staff)")

        assert WRONG in try_in("ann", password_of("ann"))[1]

    @pytest.mark.parametrize("username", ["*", "an*", "ann)(uid=*", "ann)(|(uid=*))", "uid=ann,ou=People"])
    def test_is_not_told_by_what_means_something_in_a_filter(self, server: LdapServer, username: str) -> None:
        user_of(username)

        assert WRONG in try_in(username, password_of("ann"))[1]


CLOSED: dict[str, Callable[[User], Any]] = {
    "blocked": lambda user: blocking.block(user_ids=[user.pk], by=SYSTEM, at=NOW),
    "deactivated": lambda user: deactivation.deactivate(user_ids=[user.pk], by=SYSTEM, at=NOW),
    "no role that opens the console": lambda user: role_grants.set_roles(
        roles={user.pk: frozenset()}, by=SYSTEM, at=NOW
    ),
}


def _moved_to_a_local_org(user: User) -> None:
    org_moves.move(moves={user.pk: make_org("Elsewhere").pk}, by=SYSTEM, at=NOW)


def _moved_to_an_org_of_another_server(user: User) -> None:
    other = make_org("Branch")
    server = LdapServer.objects.create(name="Branch", urls=["ldaps://branch.invalid"], search_base="dc=branch")
    server.org_links.create(org=other)
    Org.objects.filter(pk=other.pk).update(directory_service="ldap")
    org_moves.move(moves={user.pk: other.pk}, by=SYSTEM, at=NOW)


def _server_disabled(user: User) -> None:
    server = LdapServer.objects.get()
    server_actions.save(
        server=server, values={"enabled": False}, by=SYSTEM, at=NOW, confirmed=Confirmed(approval_may_end=True)
    )


def _managed_locally(user: User) -> None:
    local_passwords.set_managed_locally(user_ids=[user.pk], managed_locally=True, by=SYSTEM, at=NOW)


def _blocked_by_sql(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orgs_user SET blocked = %s, blocked_by = 'sync' WHERE id = %s", [True, user.pk])


def _org_is_local(user: User) -> None:
    org_actions.change(org=user.org, by=SYSTEM, at=NOW, directory_service="local")


OUT: dict[str, Callable[[User], Any]] = CLOSED | {
    "blocked in the database": _blocked_by_sql,
    "moved to a local org": _moved_to_a_local_org,
    "moved to an org that asks another server": _moved_to_an_org_of_another_server,
    "server disabled": _server_disabled,
    "managed locally": _managed_locally,
    "org made local": _org_is_local,
}


class TestASession:
    @pytest.mark.parametrize("ending", OUT)
    def test_ends_at_once_when(self, ann: User, ending: str) -> None:
        browsers = [try_in("ann", password_of("ann"))[0] for _ in range(2)]
        assert all(map(is_in, browsers))

        OUT[ending](again(ann))

        assert not any(map(is_in, browsers))

    @pytest.mark.parametrize("state", CLOSED)
    def test_does_not_begin_for_who_is(self, ann: User, state: str) -> None:
        CLOSED[state](again(ann))

        assert WRONG in try_in("ann", password_of("ann"))[1]

    def test_goes_on_while_nothing_changes(self, ann: User) -> None:
        browser, _ = try_in("ann", password_of("ann"))

        assert [is_in(browser) for _ in range(3)] == [True] * 3

    def test_ends_with_a_sync_that_finds_nobody(self, ann: User, directory: Directory) -> None:
        browser, _ = try_in("ann", password_of("ann"))
        directory.delete(f"uid=ann,{PEOPLE}")

        simulate_and_sync()

        assert not again(ann).active
        assert not is_in(browser)


class TestTheAuditTrail:
    def test_has_who_signed_in_from_where_and_who_checked_the_password(self, ann: User) -> None:
        make_sysadmin("ada")
        try_in("ann", password_of("ann"))
        try_in("ada", PASSWORD)

        entries = AuditEntry.objects.filter(action="signed in").order_by("pk")

        said = {"address": ADDRESS, "browser": "", "second_factor": "none"}
        assert [(each.actor_label, each.object_label, each.after) for each in entries] == [
            ("ann", "ann", {**said, "checked by": "LDAP server Corp"}),
            ("ada", "ada", {**said, "checked by": "local password"}),
        ]

    def test_has_what_was_refused_and_why(self, ann: User) -> None:
        make_user("dora", password=PASSWORD)
        for username, password in (("ann", "wrong"), ("nobody at all", "wrong"), ("dora", "wrong"), ("dora", PASSWORD)):
            try_in(username, password)

        entries = AuditEntry.objects.filter(action="sign-in refused").order_by("pk")

        assert [(each.object_label, each.after.get("reason", "")) for each in entries] == [
            ("ann", "Corp: the server says that the password is wrong (LDAP result 49)"),
            ("a username that nobody has", ""),
            ("dora", "wrong local password"),
            ("dora", "the account has no role that opens the console"),
        ]
        assert {each.after["address"] for each in entries} == {ADDRESS}
        assert {each.actor_label for each in entries} == {"not signed in"}

    def test_and_the_log_have_no_password(self, ann: User, caplog: pytest.LogCaptureFixture) -> None:
        secrets = (password_of("ann"), "wr0ng-secret-4711")
        with caplog.at_level(logging.DEBUG):
            for password in secrets:
                try_in("ann", password)

        kept = f"{list(AuditEntry.objects.values_list('before', 'after'))}{list(Match.objects.values())}{caplog.text}"
        assert "refused by the directory" in caplog.text
        assert not [secret for secret in secrets if secret in kept]


def test_a_browser_that_is_signed_in_needs_few_queries_more(ann: User, django_assert_max_num_queries: Any) -> None:
    browser, _ = try_in("ann", password_of("ann"))
    local = Client()
    make_user("eve", roles=["PROe User"], password=PASSWORD)
    local.post("/sign-in/", {"username": "eve", "password": PASSWORD})
    with django_assert_max_num_queries(100) as of_local:
        assert is_in(local)

    with django_assert_max_num_queries(len(of_local) + 2):
        assert is_in(browser)
