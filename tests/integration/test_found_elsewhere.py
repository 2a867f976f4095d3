"""Whoever was found in a server that their org does not ask is not absent, until an administrator decides so."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from directory import found_elsewhere
from directory.actions import servers
from directory.actions.users import noted_matches
from directory.input_errors import Refused
from directory.models import LastSeen, LdapServer, Match, OrgServer, Run
from directory.values.plan import Outcome
from orgs.actions.users import deactivation, org_moves
from orgs.models import AuditEntry, User
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import PASSWORD, make_server_administrator, make_sysadmin, signed_in
from tests.worlds import NOON, again, change_of, org, simulate_and_sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")
NAMES = [f"user{number}" for number in range(9)]
LIMITS = {"limit_entries_percent": 1}


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


@pytest.fixture
def nine(employer: Employer, branch: Employer) -> list[User]:
    """Nine people of Default, which asks Corp and then Branch, who are in Branch."""
    employer.hires("sean")
    user("sean", last_name="Sean")
    for name in NAMES:
        branch.hires(name)
    people = [user(name, last_name=name.title()) for name in NAMES]
    employer.server(**LIMITS)
    branch.server(name="Branch", **LIMITS)
    simulate_and_sync()
    assert Match.objects.filter(server__name="Branch").count() == 9
    return people


def delete_branch() -> None:
    servers.delete(server=LdapServer.objects.get(name="Branch"), by=SYSTEM, at=NOON)


def fates(run: Run) -> set[str]:
    return set(run.changes.filter(username__in=NAMES).values_list("outcome", flat=True))


class TestPeopleOfAServer:
    def test_that_was_deleted_are_not_checked_and_the_run_says_where_they_were(self, nine: list[User]) -> None:
        delete_branch()

        run = simulate_and_sync()

        assert fates(run) == {Outcome.NOT_CHECKED}
        assert not User.objects.filter(active=False).exists()
        step = change_of(run, "user0").steps[-1]
        assert "was last found in Branch (uid=user0,dc=example,dc=com), which Default does not ask" in step
        assert [(part["server"], part["users"]) for part in run.incomplete] == [("Branch", 9)]
        assert run.incomplete[0]["reason"] == found_elsewhere.SHARED

    def test_that_an_org_does_not_ask_any_more_are_not_checked(self, nine: list[User]) -> None:
        OrgServer.objects.filter(server__name="Branch").delete()

        assert fates(simulate_and_sync()) == {Outcome.NOT_CHECKED}
        assert not User.objects.filter(active=False).exists()

    def test_that_is_disabled_are_not_checked(self, nine: list[User]) -> None:
        branch = LdapServer.objects.get(name="Branch")
        servers.save(server=branch, values={"enabled": False}, by=SYSTEM, at=NOON)

        assert fates(simulate_and_sync()) == {Outcome.NOT_CHECKED}

    def test_who_were_moved_by_hand_to_an_org_that_asks_another_are_not_checked(
        self, employer: Employer, branch: Employer
    ) -> None:
        org("Lab")
        employer.hires("sean")
        branch.hires("zoe")
        user("sean", last_name="Sean")
        zoe = user("zoe", org_name="Lab", last_name="Zoe")
        employer.server(**LIMITS)
        branch.server(name="Branch", orgs=["Lab"], **LIMITS)
        simulate_and_sync()
        org_moves.move(moves={zoe.pk: org("Default").pk}, by=ADA, at=NOON)

        run = simulate_and_sync()

        assert change_of(run, "zoe").outcome == Outcome.NOT_CHECKED
        assert again(zoe).active

    def test_who_are_in_a_server_that_is_asked_are_found_there(self, nine: list[User], employer: Employer) -> None:
        employer.hires("user0")
        delete_branch()

        run = simulate_and_sync()

        assert not run.changes.filter(username="user0", outcome=Outcome.NOT_CHECKED).exists()
        assert again(nine[0]).match.server == LdapServer.objects.get(name="Corp")

    def test_who_are_deactivated_already_are_not_spoken_of(self, nine: list[User]) -> None:
        deactivation.deactivate(user_ids=[each.pk for each in nine], by=ADA, at=NOON)
        delete_branch()

        run = simulate_and_sync()

        assert fates(run) == set()
        assert run.incomplete == []

    def test_of_whom_nothing_was_noted_are_absent_as_ever(self, nine: list[User]) -> None:
        lee = user("lee")
        delete_branch()

        run = simulate_and_sync()

        assert change_of(run, "lee").outcome == Outcome.APPLIED
        assert not again(lee).active


class TestDecidingThatTheyAreGone:
    def test_lets_the_next_sync_prove_it(self, nine: list[User]) -> None:
        delete_branch()
        simulate_and_sync()
        [group] = found_elsewhere.groups()

        given_up = noted_matches.give_up(server=group, by=ADA, at=NOON)
        run = simulate_and_sync()

        assert (group.name, group.count, [each.name for each in group.orgs]) == ("Branch", 9, ["Default"])
        assert given_up == 9
        assert fates(run) == {Outcome.APPLIED}
        assert not User.objects.filter(username__in=NAMES, active=True).exists()
        assert found_elsewhere.groups() == []

    def test_is_for_the_named_alone(self, nine: list[User]) -> None:
        delete_branch()
        [group] = found_elsewhere.groups()

        given_up = noted_matches.give_up(server=group, user_ids=[nine[0].pk, nine[1].pk], by=ADA, at=NOON)
        run = simulate_and_sync()

        assert given_up == 2
        assert [each for each in NAMES if not User.objects.get(username=each).active] == NAMES[:2]
        assert run.incomplete[0]["users"] == 7

    def test_is_in_the_audit_trail_with_where_they_were(self, nine: list[User]) -> None:
        delete_branch()

        noted_matches.give_up(server=found_elsewhere.groups()[0], by=ADA, at=NOON)

        rows = AuditEntry.objects.filter(action="gone from LDAP server").order_by("object_id")
        assert [(row.object_label, row.actor_label) for row in rows] == [(name, "ada") for name in NAMES]
        assert rows[0].before["LDAP server"] == "Branch"
        assert rows[0].before["DN"] == "uid=user0,dc=example,dc=com"

    def test_forgets_nobodys_immutable_id(self, nine: list[User]) -> None:
        before = list(Match.objects.order_by("pk").values_list("user", "unique_id", "dn"))
        delete_branch()

        noted_matches.give_up(server=found_elsewhere.groups()[0], by=ADA, at=NOON)

        assert list(Match.objects.order_by("pk").values_list("user", "unique_id", "dn")) == before

    def test_forgets_where_that_server_had_them(self, nine: list[User]) -> None:
        branch = LdapServer.objects.get(name="Branch")
        corp = LdapServer.objects.get(name="Corp")
        OrgServer.objects.filter(server=branch).delete()
        for server in (branch, corp):
            LastSeen.objects.create(user=nine[0], server=server, dn=f"uid={NAMES[0]},dc=example,dc=com")

        noted_matches.give_up(server=found_elsewhere.groups()[0], user_ids=[nine[0].pk], by=ADA, at=NOON)

        assert LastSeen.objects.get().server == corp

    def test_does_nothing_for_whoever_is_asked_for_again_meanwhile(self, nine: list[User]) -> None:
        OrgServer.objects.filter(server__name="Branch").delete()
        [group] = found_elsewhere.groups()
        OrgServer.objects.create(org=org("Default"), server=LdapServer.objects.get(name="Branch"), position=1)

        with pytest.raises(Refused, match="nobody"):
            noted_matches.give_up(server=group, by=ADA, at=NOON)

    def test_counts_only_until_they_are_found_again(self, nine: list[User], branch: Employer) -> None:
        OrgServer.objects.filter(server__name="Branch").delete()
        noted_matches.give_up(server=found_elsewhere.groups()[0], by=ADA, at=NOON)
        branch.server(name="Branch", **LIMITS)
        simulate_and_sync()
        delete_branch()

        assert found_elsewhere.groups()[0].count == 9
        assert fates(simulate_and_sync()) == {Outcome.NOT_CHECKED}


def test_whoever_was_found_with_a_script_error_is_not_absent_elsewhere(employer: Employer, branch: Employer) -> None:
    employer.hires("sean")
    user("sean", last_name="Sean")
    branch.hires("user0")
    leaver = user("user0", last_name="User0")
    employer.server(**LIMITS)
    branch.server(name="Branch", active_script='function (entry) { throw new Error("no"); }', **LIMITS)
    simulate_and_sync()
    delete_branch()

    assert fates(simulate_and_sync()) == {Outcome.NOT_CHECKED}
    assert again(leaver).active


def test_whoever_was_found_with_a_conflict_is_not_absent_elsewhere(employer: Employer, branch: Employer) -> None:
    employer.hires("sean")
    user("sean", last_name="Sean")
    branch.hires("user0")
    branch.hires("twin")
    branch.directory.modify(branch.dn("twin"), {"uid": ["twin", "user0"]})
    leaver = user("user0", last_name="User0")
    employer.server(**LIMITS)
    branch.server(name="Branch", **LIMITS)
    assert change_of(simulate_and_sync(), "user0").outcome == Outcome.CONFLICT
    delete_branch()

    assert fates(simulate_and_sync()) == {Outcome.NOT_CHECKED}
    assert again(leaver).active


class TestThePage:
    def test_names_them_and_takes_the_decision_of_a_sysadmin(self, nine: list[User]) -> None:
        delete_branch()
        run = simulate_and_sync()
        client = signed_in(make_sysadmin("root"))
        page = reverse("ldap_servers:found-elsewhere")

        shown = client.get(page).content.decode()
        from_run = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
        from_org = client.get(reverse("orgs:detail", args=[org("Default").pk])).content.decode()
        confirm(client)
        answer = client.post(page, {"name": "Branch", "server": "", "user": [nine[0].pk, nine[3].pk]}, follow=True)

        assert "9 users were last found in Branch" in shown
        assert "user8" in shown
        assert page in from_run
        assert page in from_org
        assert "2 users count as gone from Branch" in answer.content.decode()
        assert [group.count for group in found_elsewhere.groups()] == [7]

    def test_takes_it_for_all_of_a_server(self, nine: list[User]) -> None:
        delete_branch()
        client = signed_in(make_sysadmin("root"))
        confirm(client)

        client.post(
            reverse("ldap_servers:found-elsewhere"), {"name": "Branch", "server": "", "all": "9", "user": [nine[0].pk]}
        )

        assert found_elsewhere.groups() == []

    def test_takes_no_decision_about_others_than_were_shown(self, nine: list[User]) -> None:
        delete_branch()
        client = signed_in(make_sysadmin("root"))
        confirm(client)

        answer = client.post(
            reverse("ldap_servers:found-elsewhere"), {"name": "Branch", "server": "", "all": "8"}, follow=True
        )

        assert "look at them first" in answer.content.decode()
        assert found_elsewhere.groups()[0].count == 9

    def test_says_that_nobody_was_ticked(self, nine: list[User]) -> None:
        delete_branch()
        client = signed_in(make_sysadmin("root"))
        confirm(client)

        answer = client.post(reverse("ldap_servers:found-elsewhere"), {"name": "Branch", "server": ""}, follow=True)

        assert "Nobody is ticked: tick those who are gone from there first." in answer.content.decode()
        assert found_elsewhere.groups()[0].count == 9

    def test_is_one_step_from_the_ldap_servers_for_whoever_may_decide(self, nine: list[User]) -> None:
        page, servers = reverse("ldap_servers:found-elsewhere"), reverse("ldap_servers:list")

        assert page in signed_in(make_sysadmin("root")).get(servers).content.decode()
        assert page not in signed_in(make_server_administrator()).get(servers).content.decode()

    def test_is_not_for_a_server_administrator(self, nine: list[User]) -> None:
        client = signed_in(make_server_administrator())

        assert client.get(reverse("ldap_servers:found-elsewhere")).status_code == 403
        assert client.post(reverse("ldap_servers:found-elsewhere"), {"name": "Branch"}).status_code == 403

    def test_says_that_there_is_nobody(self, nine: list[User]) -> None:
        client = signed_in(make_sysadmin("root"))

        shown = client.get(reverse("ldap_servers:found-elsewhere")).content.decode()
        assert "Nobody" in shown
        assert "These active users" not in shown


class TestTheCommand:
    def output(self, *arguments: str) -> str:
        out = StringIO()
        call_command("foundelsewhere", *arguments, stdout=out)
        return out.getvalue()

    def test_lists_them_and_changes_nothing(self, nine: list[User]) -> None:
        delete_branch()

        output = self.output()

        assert "9 users were last found in Branch, which their orgs do not ask (Default):" in output
        assert "user8" in output
        assert found_elsewhere.groups()[0].count == 9

    def test_decides_about_a_server(self, nine: list[User]) -> None:
        delete_branch()

        assert "9 users count as gone from Branch" in self.output("--server", "branch", "--gone")
        assert found_elsewhere.groups() == []

    def test_decides_about_users_by_name(self, nine: list[User]) -> None:
        delete_branch()

        assert "1 user counts as gone from Branch" in self.output("--server", "Branch", "--user", "USER4", "--gone")
        assert Match.objects.get(user__username="user4").deleted_server == ""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--gone"], "name the server"),
            (["--server", "Nowhere", "--gone"], "nobody was last found in Nowhere"),
            (["--server", "Branch", "--user", "sean", "--gone"], "sean was not last found in Branch"),
        ],
    )
    def test_refuses_what_is_not_so(self, nine: list[User], arguments: list[str], message: str) -> None:
        delete_branch()

        with pytest.raises(CommandError, match=message):
            self.output(*arguments)

        assert found_elsewhere.groups()[0].count == 9


def confirm(client: Client) -> None:
    """Give the password again."""
    client.post(reverse("session:confirm"), {"password": PASSWORD})
