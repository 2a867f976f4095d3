"""What an edit of the scripts would change, told from what was read last: without the directory, and without a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from directory.impact import script_impact
from directory.impact.basis import NEVER_READ
from directory.impact.script_impact import Impact
from directory.impact.verdict_diff import Difference
from directory.models import LdapServer, Run, StoredEntry
from directory.scripts import server_sandbox
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.values.plan import Action, Outcome
from directory.values.scripts import Scripts
from orgs.actions import legal_holds
from orgs.actions.users import local_passwords, org_moves
from orgs.models import AuditEntry, User
from orgs.rules.actors import SYSTEM
from tests.integration.employer import ACTIVE, ORG_NAME, ROLE_NAME, Employer
from tests.worlds import NOON, again, change_of, ldap_server, org, simulate, simulate_and_sync, user

pytestmark = pytest.mark.django_db

SAVED = Scripts(ACTIVE, ORG_NAME, ROLE_NAME)


def saved_but(**sources: str) -> Scripts:
    """Return the saved scripts, with others in the place of some."""
    return Scripts(**{script.key: source for script, source in SAVED.items()} | sources)


ROLES = ["PROe User", "Desktop User"]
# Mia, Sean and Ina are as the saved scripts want them; Ina has left.
STAFF = {
    "mia": {"departmentNumber": "Berlin", "title": "Desktop User", "employeeNumber": "1"},
    "sean": {"departmentNumber": "Berlin", "title": "PROe User, Desktop User", "employeeNumber": "2"},
    "ina": {"departmentNumber": "Berlin", "employeeType": "inactive", "employeeNumber": "3"},
    "bob": {"departmentNumber": "Lyon", "employeeNumber": "4"},
}


@pytest.fixture
def server(employer: Employer) -> LdapServer:
    """Give a server that was read, with its users as it wants them."""
    org("Lyon"), org("Berlin")
    for uid, attributes in STAFF.items():
        employer.hires(uid, **attributes)
        user(uid, org_name=attributes["departmentNumber"], last_name=uid.title())
    server = employer.server(orgs=("Lyon", "Berlin"), grantable_roles=ROLES)
    simulate_and_sync(server)
    # By now everybody is known by immutable id.
    simulate(server)
    return server


def last(server: LdapServer, scripts: Scripts) -> tuple[Impact, dict[str, Difference]]:
    """Return what is known at the end, and all differences by username."""
    snapshots = list(script_impact.impact(server, scripts))
    found = [each for snapshot in snapshots for each in snapshot.new]
    assert [snapshot.finished for snapshot in snapshots] == [False] * (len(snapshots) - 1) + [True]
    assert len(found) == snapshots[-1].users
    return snapshots[-1], {each.edited.before.username: each for each in found}


def nonzero(counts: object) -> dict[str, int]:
    assert isinstance(counts, dict)
    return {key: count for key, count in counts.items() if count}


class TestAnEdit:
    def test_that_changes_nothing_has_no_impact(self, server: LdapServer) -> None:
        result, found = last(server, SAVED)

        assert (result.basis.total, result.done, result.verdicts, result.users, found) == (4, 4, 0, 0, {})
        assert not result.basis.outdated
        assert result.basis.read_at is not None

    def test_shows_who_would_be_moved_and_why(self, server: LdapServer) -> None:
        result, found = last(server, saved_but(org_name="e => e.uid == 'mia' ? 'Lyon' : e.departmentNumber"))

        assert nonzero(result.edited) == {"users": 1, "moved": 1}
        assert nonzero(result.stored) == {"users": 1}
        assert list(found) == ["mia"]
        assert (found["mia"].stored.after.org, found["mia"].edited.after.org) == ("Berlin", "Lyon")
        assert "The org name script says Lyon." in found["mia"].edited.steps
        assert "The org name script says Berlin." in found["mia"].stored.steps

    def test_shows_that_somebody_on_legal_hold_would_only_be_blocked(self, server: LdapServer) -> None:
        matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
        legal_holds.add_custodians(matter=matter, user_ids=[User.objects.get(username="sean").pk], by=SYSTEM, at=NOON)

        result, found = last(server, saved_but(active="e => e.uid == 'bob'"))

        assert nonzero(result.edited) == {"users": 2, "deactivated": 1, "blocked": 1}
        assert found["mia"].edited.actions == (Action.BLOCK, Action.DEACTIVATE)
        assert Action.SET_PENDING in found["sean"].edited.actions

    def test_leaves_alone_who_is_managed_locally(self, server: LdapServer) -> None:
        mia = User.objects.get(username="mia")
        local_passwords.set_managed_locally(user_ids=[mia.pk], managed_locally=True, by=SYSTEM, at=NOON)

        _, found = last(server, saved_but(active="e => e.uid != 'mia'"))

        assert found["mia"].edited.outcome is Outcome.KEPT
        assert found["mia"].edited.before == found["mia"].edited.after

    def test_of_the_active_script_alone_asks_the_others_about_who_would_come_back(self, server: LdapServer) -> None:
        result, found = last(server, saved_but(active="e => true"))

        assert nonzero(result.edited) == {"users": 1, "activated": 1}
        assert "The org name script says Berlin." in found["ina"].edited.steps

    def test_counts_errors_and_orgs_that_do_not_exist(self, server: LdapServer) -> None:
        result, found = last(
            server, saved_but(org_name="e => { if (e.uid == 'sean') throw new Error('no'); return 'Oslo' }")
        )

        assert nonzero(result.edited) == {"users": 3, "scriptErrors": 1, "warnings": 2}
        assert result.unknown_orgs == {"Oslo": 2}
        assert found["sean"].edited.outcome is Outcome.SCRIPT_ERROR

    @pytest.mark.parametrize(
        "edited",
        [
            saved_but(active="e => e.employeeNumber != 2"),
            saved_but(active=""),
            saved_but(org_name="e => e.employeeNumber % 2 ? 'Lyon' : 'Nowhere'"),
            saved_but(role_name="e => e.uid == 'bob' ? ['PROe User', 'SYSADMIN'] : []"),
            Scripts("e => e.uid != 'mia'", "e => 'Berlin'", "e => null"),
            saved_but(role_name="e => e.nothing.length"),
            saved_but(active="e => Date.now() > 0", org_name="e => Date.now() ? 'Lyon' : ''"),
        ],
    )
    def test_does_what_a_simulation_with_the_saved_edit_says(
        self, employer: Employer, server: LdapServer, edited: Scripts
    ) -> None:
        result, found = last(server, edited)

        texts = {script.column: source for script, source in edited.items()}
        run = simulate(employer.server(orgs=("Lyon", "Berlin"), grantable_roles=ROLES, **texts))

        counted = ("deactivated", "blocked", "activated", "moved", "rolesChanged", "scriptErrors", "warnings")
        assert {key: result.edited[key] for key in counted} == {key: run.counts[key] for key in counted}
        for username, difference in found.items():
            change = change_of(run, username)
            assert (change.outcome, change.actions) == (difference.edited.outcome, list(difference.edited.actions))
            assert [step for step in change.steps if not step.startswith("Confirmed")] == list(difference.edited.steps)
        assert result.unknown_orgs == run.unknown_orgs

    def test_is_told_without_the_directory_and_without_writing(self, employer: Employer, server: LdapServer) -> None:
        def state() -> list[object]:
            entries = list(StoredEntry.objects.order_by("pk").values())
            return [
                entries,
                list(User.objects.order_by("pk").values()),
                AuditEntry.objects.count(),
                Run.objects.count(),
            ]

        employer.directory.stop(remove=False)
        before = state()

        result, _ = last(server, saved_but(active="e => false"))

        assert nonzero(result.edited)["deactivated"] == 3
        assert state() == before


class TestTheFirstNumbers:
    def test_come_with_the_total_before_any_script_has_run(self, server: LdapServer) -> None:
        first = next(iter(script_impact.impact(server, saved_but(active="e => false"))))

        assert (first.basis.total, first.done, first.finished) == (4, 0, False)

    def test_come_before_the_last_entry_is_asked_about(
        self, server: LdapServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(script_impact, "FIRST_PAGE", 1)
        monkeypatch.setattr(script_impact, "PAGE", 1)

        done = [snapshot.done for snapshot in script_impact.impact(server, saved_but(active="e => e.uid == 'mia'"))]

        assert done[:2] == [0, 1]
        assert done[-1] == 4

    def test_may_be_all_that_somebody_wants(self, server: LdapServer) -> None:
        snapshots = script_impact.impact(server, saved_but(active="e => false"))
        next(snapshots)
        assert isinstance(snapshots, Iterator)
        del snapshots

        assert last(server, SAVED)[0].users == 0


class TestNothingCanBeSaid:
    def test_of_a_server_that_was_never_read(self) -> None:
        never = ldap_server("ldap://127.0.0.1:1")

        result, _ = last(never, Scripts(active="e => false"))

        assert result.basis.total == 0
        assert result.basis.problem == NEVER_READ

    def test_of_a_server_that_no_org_asks_any_more(self, employer: Employer, server: LdapServer) -> None:
        server.org_links.all().delete()

        result, _ = last(server, Scripts(active="e => false"))

        assert result.basis.problem == NEVER_READ

    def test_of_a_script_that_does_not_compile(self, server: LdapServer) -> None:
        result, _ = last(server, saved_but(org_name="e =>"))

        assert [script.name for script in result.errors] == ["org name"]
        assert result.done == 0

    def test_of_scripts_that_have_to_be_stopped_again_and_again(
        self, server: LdapServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        quick = replace(server_sandbox.limits(), cpu_seconds_per_entry=0.1, culprits=1)
        monkeypatch.setattr(server_sandbox, "limits", lambda: quick)

        with pytest.raises(SandboxBroken, match="active script"):
            last(server, saved_but(active="e => { for (;;); }"))


class TestWhatIsStored:
    def test_is_by_other_scripts_when_the_saved_ones_were_never_run(
        self, employer: Employer, server: LdapServer
    ) -> None:
        saved = "e => true"
        changed = employer.server(orgs=("Lyon", "Berlin"), active_script=saved)

        result, found = last(changed, saved_but(active=saved))

        assert result.basis.outdated
        assert list(found) == ["ina"]

    def test_may_depend_on_the_time_and_is_asked_about_again(self, employer: Employer, server: LdapServer) -> None:
        looks = "e => Date.now() ? ['Desktop User'] : []"
        changed = employer.server(orgs=("Lyon", "Berlin"), role_name_script=looks)
        simulate_and_sync(changed)

        result, found = last(changed, saved_but(role_name=looks, org_name="e => 'Lyon'"))

        assert sorted(found) == ["mia", "sean"]
        assert nonzero(result.edited) == {"users": 2, "moved": 2}

    def test_counts_for_nothing_where_two_entries_claim_one_user(self, employer: Employer, server: LdapServer) -> None:
        mia = StoredEntry.objects.get(dn=employer.dn("mia"))
        double = {"pk": None, "dn": "uid=mia,ou=elsewhere", "dn_key": "x", "unique_id": "x"}
        StoredEntry.objects.filter(pk=mia.pk).update(matched_by="username")
        mia.matched_by = "username"
        for name, value in double.items():
            setattr(mia, name, value)
        mia.save(force_insert=True)

        result, found = last(server, saved_but(active="e => e.uid != 'mia' && e.uid != 'ina'"))

        assert (result.verdicts, result.users, found) == (2, 0, {})

    def test_counts_for_nothing_where_the_user_has_left_the_scope(self, server: LdapServer) -> None:
        mia = User.objects.get(username="mia")
        org_moves.move(moves={mia.pk: org("Outside", parent="ADMIN").pk}, by=SYSTEM, at=NOON)

        result, found = last(server, saved_but(active="e => e.uid != 'mia' && e.uid != 'ina'"))

        assert again(mia).org.name == "Outside"
        assert (result.verdicts, found) == (1, {})
