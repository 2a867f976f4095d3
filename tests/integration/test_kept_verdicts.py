"""Entries that are as they were: no script is asked again, nothing is written, and whatever could change a verdict asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from directory.actions import sync_settings
from directory.actions.users import noted_matches
from directory.models import LdapServer, Match, PlannedMatch, Run, RunState, StoredEntry
from directory.scripts import server_sandbox
from directory.sync import rule_fingerprints
from directory.sync.plan.rules import decision_table
from directory.values.plan import Change, Outcome, StoredUser
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.users import blocking, local_passwords, org_moves, role_grants, user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import make_matter
from tests.worlds import NOON, change_of, ldap_server, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
EXPIRES = "function (entry) { return entry.uid != 'sean' || Date.now() > 0 }"
BREAKS = "function (entry) { if (entry.uid == 'sean') { throw new Error('no') } return true }"


@pytest.fixture
def staff(employer: Employer) -> Employer:
    """Two people who are users, synchronized before, and one who is none."""
    for name in ("sean", "mia", "stranger"):
        employer.hires(name, departmentNumber="Staff", title="PROe User")
    org("Staff")
    for name in ("sean", "mia"):
        user(name)
    employer.server()
    assert simulate_and_sync().state == RunState.APPLIED
    # From now on they are matched by their immutable ids.
    sync()
    return employer


def evaluated_and_kept(run: Run) -> tuple[int, int]:
    counts: Mapping[str, int] = run.readings.get().counts
    return counts["scriptEntries"], counts["verdictsKept"]


def rows() -> list[tuple[object, ...]]:
    return list(StoredEntry.objects.order_by("pk").values_list())


class TestAnEntryThatIsAsItWas:
    def test_keeps_its_verdict_and_its_row(self, staff: Employer) -> None:
        before = rows()

        run = sync()

        assert evaluated_and_kept(run) == (0, 2)
        assert (rows(), run.changes.count()) == (before, 0)

    def test_is_evaluated_once_it_changes(self, staff: Employer) -> None:
        staff.directory.modify(staff.dn("sean"), {"departmentNumber": "Default"})

        run = sync()

        assert evaluated_and_kept(run) == (1, 1)
        assert change_of(run, "sean").after["org"] == "Default"

    @pytest.mark.parametrize(
        "setting",
        [
            {"role_name_script": "function (entry) { return null }"},
            {"email_attribute": "uid"},
            {"always_list_attributes": ["memberOf", "description"]},
        ],
        ids=lambda setting: next(iter(setting)),
    )
    def test_is_evaluated_again_under_another_setting(self, staff: Employer, setting: dict[str, object]) -> None:
        staff.server(**setting)

        run = simulate()

        assert evaluated_and_kept(run) == (2, 0)
        assert evaluated_and_kept(simulate()) == (0, 2)

    def test_is_evaluated_again_by_another_engine(self, staff: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_sandbox, "version", lambda: "the next one")

        assert evaluated_and_kept(simulate()) == (2, 0)

    def test_is_evaluated_each_time_where_the_script_looked_at_the_time(self, staff: Employer) -> None:
        staff.server(active_script=EXPIRES)
        simulate()
        before = rows()

        run = simulate()

        assert evaluated_and_kept(run) == (1, 1)
        assert rows() == before

    def test_is_evaluated_once_what_makes_entries_is_another_one(
        self, staff: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rule_fingerprints, "ENTRIES", "of other rules")

        assert (evaluated_and_kept(simulate()), evaluated_and_kept(simulate())) == ((2, 0), (0, 2))

    def test_is_evaluated_each_time_while_its_script_fails(self, staff: Employer) -> None:
        staff.server(active_script=BREAKS)
        simulate()

        run = simulate()

        assert evaluated_and_kept(run) == (1, 1)
        assert run.counts["scriptErrors"] == 1

    def test_is_taken_for_whoever_carries_its_username_by_now(self, staff: Employer) -> None:
        stranger = user("stranger")

        first, second = simulate(), simulate()

        assert (evaluated_and_kept(first), evaluated_and_kept(second)) == ((1, 2), (0, 3))
        assert change_of(second, "stranger").after["org"] == "Staff"
        org_moves.move(moves={stranger.pk: org("Elsewhere", parent="ADMIN").pk}, by=SYSTEM, at=NOON)
        assert evaluated_and_kept(simulate()) == (0, 2)
        assert StoredEntry.objects.get(dn=staff.dn("stranger")).user is None
        org_moves.move(moves={stranger.pk: org("Default").pk}, by=SYSTEM, at=NOON)
        assert evaluated_and_kept(simulate()) == (0, 3)

    def test_is_dropped_once_a_complete_reading_does_not_find_it(self, staff: Employer) -> None:
        staff.directory.delete(staff.dn("stranger"))

        simulate()

        assert set(StoredEntry.objects.values_list("dn", flat=True)) == {staff.dn("sean"), staff.dn("mia")}

    def test_counts_for_nothing_before_it_is_read_again(self, staff: Employer) -> None:
        staff.directory.delete(staff.dn("sean"))

        run = sync()

        assert change_of(run, "sean").after["active"] is False


class TestThePlannedMatch:
    def test_is_noted_when_the_plan_is_applied_and_gone_then(self, staff: Employer) -> None:
        staff.directory.add(f"ou=Moved,{staff.directory.base}", {"objectClass": "organizationalUnit", "ou": "Moved"})
        moved = f"uid=sean,ou=Moved,{staff.directory.base}"
        staff.directory.rename(staff.dn("sean"), "uid=sean", parent=f"ou=Moved,{staff.directory.base}")
        simulate()
        assert [planned.dn for planned in PlannedMatch.objects.all()] == [moved]

        sync()

        assert Match.objects.get(user__username="sean").dn == moved
        assert not PlannedMatch.objects.exists()


class TestAUserForWhomThereWasNothingToDo:
    @pytest.fixture
    def decided(self, staff: Employer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Whom runs decide about from now on; so far there was nothing to do for anybody."""
        names: list[str] = []
        decide = decision_table.decide

        def noted(known: StoredUser, *rest: Any, **more: Any) -> Change:
            names.append(known.account.username)
            return decide(known, *rest, **more)

        monkeypatch.setattr(decision_table, "decide", noted)
        return names

    def test_is_not_decided_about_again_and_counts_as_ever(self, decided: list[str]) -> None:
        run = sync()

        assert decided == []
        assert (run.counts["users"], [part["users"] for part in run.org_counts]) == (2, [0, 2])

    @pytest.mark.parametrize(
        "happens",
        [
            lambda sean: blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON),
            lambda sean: role_grants.set_roles(roles={sean.pk: frozenset()}, by=SYSTEM, at=NOON),
            lambda sean: org_moves.move(moves={sean.pk: org("Default").pk}, by=SYSTEM, at=NOON),
            lambda sean: user_profiles.update_profiles(profiles={sean.pk: Profile("sean", "new")}, by=SYSTEM, at=NOON),
            lambda sean: local_passwords.set_managed_locally(
                user_ids=[sean.pk], managed_locally=True, by=SYSTEM, at=NOON
            ),
            lambda sean: make_matter("Inquiry", sean),
            lambda sean: noted_matches.forget(user_ids=[sean.pk], by=SYSTEM, at=NOON),
        ],
        ids=["blocked", "re-roled", "moved", "renamed", "managed locally", "on hold", "match forgotten"],
    )
    def test_is_decided_about_once_a_person_changes_them(
        self, decided: list[str], happens: Callable[[User], object]
    ) -> None:
        happens(User.objects.get(username="sean"))

        simulate()

        assert decided == ["sean"]

    def test_is_decided_about_once_the_entry_changes(self, decided: list[str], staff: Employer) -> None:
        staff.directory.modify(staff.dn("sean"), {"title": "Desktop User"})

        assert change_of(sync(), "sean").after["roles"] == ["Desktop User"]
        assert decided == ["sean"]

    def test_is_decided_about_once_a_second_entry_claims_the_user(self, decided: list[str], staff: Employer) -> None:
        staff.directory.add(
            f"cn=other,{staff.directory.base}",
            {"objectClass": "inetOrgPerson", "cn": "other", "sn": "o", "uid": "sean"},
        )

        simulate()

        assert "sean" in decided

    @pytest.mark.parametrize(
        "happens",
        [
            lambda: org("Another"),
            lambda: org_actions.change(org=org("Staff"), by=SYSTEM, at=NOON, name="Team"),
            lambda: role_actions.save(
                role=None, name="Auditor", permissions=[Permission.USER_READ], by=SYSTEM, at=NOON
            ),
            lambda: ldap_server("ldap://127.0.0.1:1", name="Another", enabled=False),
            lambda: sync_settings.save(values={"reactivate_set_by_person": True}, by=SYSTEM, at=NOON),
        ],
        ids=["an org", "an org's name", "a role", "a server of the org", "a setting"],
    )
    def test_is_decided_about_once_what_decides_changes(
        self, decided: list[str], happens: Callable[[], object]
    ) -> None:
        happens()

        simulate()

        assert sorted(decided) == ["mia", "sean"]

    def test_is_decided_about_once_a_rule_is_another_one(
        self, decided: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rule_fingerprints, "DECISIONS", "of other rules")

        simulate()

        assert sorted(decided) == ["mia", "sean"]

    def test_is_decided_about_while_a_server_of_the_org_is_not_read(self, decided: list[str], staff: Employer) -> None:
        with Directory() as directory:
            Employer(directory).server(name="Second", orgs=("Staff",))
            simulate()
            sync()
        decided.clear()

        run = simulate()

        assert sorted(decided) == ["mia", "sean"]
        assert run.counts["notChecked"] == 2

    def test_is_decided_about_once_somebody_else_has_a_claim_to_the_entry(
        self, decided: list[str], staff: Employer
    ) -> None:
        other = user("other")
        Match.objects.create(
            user=other, server=LdapServer.objects.get(), dn="", unique_id=_unique_id("sean"), matched_at=NOON
        )

        run = simulate()

        assert {"sean", "other"} <= set(decided)
        assert change_of(run, "sean").outcome == Outcome.CONFLICT


def _unique_id(name: str) -> str:
    return Match.objects.get(user__username=name).unique_id
