"""An immutable id that was ever noted of a user counts, whatever a directory hides, gains or calls otherwise later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import stored_plans
from directory.actions.users import noted_matches
from directory.models import KnownId, LastSeen, Match, Run, RunState
from directory.sync import pipeline
from directory.sync.identify import known_ids
from directory.values.plan import Outcome
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.directories import ACCESS
from tests.fake_ldap import FakeDirectory
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
HIDDEN = ("to attrs=entryUUID by * none", *ACCESS)
FILTER = {"search_filter": "(objectClass=inetOrgPerson)", "bind_dn": "cn=reader", "bind_password": "x"}
Entry = tuple[str, dict[str, list[bytes]]]
NAMES = ("kim", "lee", "mia")


def quiet(run: Run) -> bool:
    """Return whether a run has neither a warning nor a conflict."""
    assert run.state == RunState.APPLIED, (run.error, run.held_back)
    return (run.counts["warnings"], run.counts["conflicts"]) == (0, 0)


def ids_of(username: str) -> list[str]:
    found = Match.objects.filter(user__username=username).values_list("unique_id", flat=True)
    further = KnownId.objects.filter(user__username=username).values_list("unique_id", flat=True)
    return [*found, *sorted(further)]


class TestAnIdThatAnAccessRuleHidesOnce:
    def test_is_still_known_when_the_person_is_renamed(self, employer: Employer) -> None:
        employer.hires("kim")
        kim = user("kim")
        employer.server()
        simulate_and_sync()
        known = ids_of("kim")
        employer.directory.allow(*HIDDEN)
        sync()
        assert ids_of("kim") == known

        employer.directory.allow()
        employer.directory.rename(employer.dn("kim"), "uid=kimberly")
        sync()

        assert (again(kim).active, again(kim).username) == (True, "kimberly")

    def test_of_a_user_under_another_name_is_a_conflict(self, employer: Employer) -> None:
        employer.hires("kim", givenName="Kim")
        kim = user("kim")
        employer.server()
        simulate_and_sync()
        employer.directory.allow(*HIDDEN)
        employer.directory.modify(employer.dn("kim"), {"givenName": "Kimberly", "employeeType": "inactive"})

        run = sync()

        assert run.changes.get().outcome == Outcome.CONFLICT
        assert again(kim).active

    def test_cuts_nobody_off_who_gets_a_username_that_was_a_leavers(self, employer: Employer) -> None:
        for name in ("kim", "leaver", "mia"):
            employer.hires(name, givenName=name.title())
            user(name)
        employer.server(limit_entries_percent=1)
        simulate_and_sync()
        employer.directory.delete(employer.dn("leaver"))
        sync()
        employer.directory.rename(employer.dn("kim"), "uid=leaver")
        employer.directory.allow(*HIDDEN)

        run = sync()

        assert run.changes.get(username="kim").outcome == Outcome.NOT_CHECKED
        assert again(User.objects.get(username="kim")).active

    def test_keeps_no_leaver_where_the_entries_that_have_none_are_their_users(self, employer: Employer) -> None:
        for name in ("kim", "former", "mia"):
            employer.hires(name, givenName=name.title())
            user(name)
        employer.server(limit_entries_percent=1)
        simulate_and_sync()
        employer.directory.modify(employer.dn("former"), {"employeeType": "inactive"})
        sync()
        rule = f'to dn.base="{employer.dn("former")}" attrs=entryUUID by * none'
        employer.directory.allow(ACCESS[0], rule, ACCESS[1])
        employer.directory.delete(employer.dn("mia"))

        sync()

        active = {each.username: each.active for each in User.objects.filter(username__in=("kim", "former", "mia"))}
        assert active == {"kim": True, "former": False, "mia": False}


def staff(**ids: str) -> list[Entry]:
    """Return entries; ``ids`` are attributes with the beginning of their values."""
    return [
        (
            f"uid={name},dc=example",
            {
                "objectClass": [b"inetOrgPerson"],
                "uid": [name.encode()],
                "sn": [name.encode()],
                **{attribute: [f"{start}-{name}".encode()] for attribute, start in ids.items()},
            },
        )
        for name in NAMES
    ]


class TestASecondKindOfId:
    def test_changes_nobody_and_counts_from_then_on(self) -> None:
        users = [user(name) for name in NAMES]
        with FakeDirectory(staff(nsUniqueId="ns")) as server:
            ldap_server(server.url, search_base=server.base, **FILTER)
            assert quiet(simulate_and_sync())
            assert ids_of("kim") == ["ns-kim"]

            server.entries = staff(nsUniqueId="ns", entryUUID="uuid")
            assert quiet(sync())
            assert quiet(sync())
            assert ids_of("kim") == ["uuid-kim", "ns-kim"]

            server.entries = [
                (dn, {**values, "uid": [b"new-" + values["uid"][0]]}) for dn, values in staff(entryUUID="uuid")
            ]
            assert quiet(sync())
        assert [again(one).username for one in users] == [f"new-{name}" for name in NAMES]

    def test_of_somebody_else_is_a_claim_and_is_not_noted(self) -> None:
        for name in NAMES:
            user(name)
        with FakeDirectory(staff(nsUniqueId="ns", entryUUID="uuid")) as server:
            ldap_server(server.url, search_base=server.base, **FILTER)
            simulate_and_sync()
            entries = staff(nsUniqueId="ns", entryUUID="uuid")
            entries[0][1]["entryUUID"] = [b"uuid-lee"]
            server.entries = entries
            sync()
            assert "uuid-lee" not in ids_of("kim")
            server.entries = entries[:1]

            run = sync()

        assert run.changes.get(username="kim").outcome == Outcome.CONFLICT
        assert "deactivate" not in run.changes.get(username="lee").actions


def test_another_attribute_for_the_immutable_id_changes_nobody(employer: Employer) -> None:
    for number, name in enumerate(NAMES):
        employer.hires(name, employeeNumber=str(number), departmentNumber=str(2 - number))
        user(name)
    scripts = {"org_name_script": ""}
    employer.server(**scripts)
    assert quiet(simulate_and_sync())

    for attribute in ("employeeNumber", "departmentNumber", "", "entryUUID"):
        employer.server(unique_id_attribute=attribute, **scripts)
        assert quiet(simulate_and_sync())

    assert {"departmentnumber: 2", "employeenumber: 0"} < set(ids_of("kim"))


def test_an_entry_that_gets_another_number_of_the_company_is_another_person_whatever_other_ids_it_has() -> None:
    """Some servers make their own identifiers of the DN."""
    for name in NAMES:
        user(name)
    with FakeDirectory(staff(entryUUID="uuid", employeeNumber="7")) as server:
        ldap_server(server.url, search_base=server.base, unique_id_attribute="employeeNumber", **FILTER)
        assert quiet(simulate_and_sync())
        entries = staff(entryUUID="uuid", employeeNumber="7")
        entries[0][1].update(uid=[b"newcomer"], employeeNumber=[b"8"])
        server.entries = entries

        run = sync()

    assert {row.username: row.outcome for row in run.changes.all()}.get("kim") != Outcome.UNCHANGED
    assert not any("rename" in row.actions for row in run.changes.all())


def test_an_id_that_is_too_long_is_not_used_and_never_cut(employer: Employer) -> None:
    long = "x" * 260
    for name in NAMES:
        employer.hires(name, description=long + name)
        user(name)
    employer.server(unique_id_attribute="description")

    assert quiet(simulate_and_sync())
    assert quiet(sync())

    assert not simulate().changes.exists()
    assert all(len(one) == 36 for name in NAMES for one in ids_of(name))


def test_forgetting_a_match_forgets_all_ids(employer: Employer) -> None:
    employer.hires("kim", employeeNumber="7")
    kim = user("kim")
    employer.server(unique_id_attribute="employeeNumber")
    simulate_and_sync()
    assert len(ids_of("kim")) == 2

    noted_matches.forget(user_ids=[kim.pk], by=SYSTEM, at=NOON)

    assert ids_of("kim") == []


def test_forgetting_a_match_forgets_where_a_server_had_them(employer: Employer) -> None:
    employer.hires("kim")
    employer.hires("sean")
    kim = user("kim")
    employer.server(limit_entries_percent=1)
    simulate_and_sync()
    employer.directory.allow(f'to dn.base="{employer.dn("kim")}" by * none', *ACCESS)
    simulate_and_sync()
    assert LastSeen.objects.get(user=kim).dn == employer.dn("kim")

    noted_matches.forget(user_ids=[kim.pk], by=SYSTEM, at=NOON)

    assert not LastSeen.objects.exists()


MANY = tuple(f"p{number:02}" for number in range(11))


@pytest.fixture
def crowd(employer: Employer) -> Employer:
    for name in MANY:
        employer.hires(name, givenName="Pat")
        user(name)
    employer.server(limit_entries_percent=1)
    simulate_and_sync()
    return employer


class TestManyIdsThatAreMissingOrOthers:
    def test_hold_the_run_back_when_they_are_hidden(self, crowd: Employer) -> None:
        crowd.directory.allow(*HIDDEN)

        plan, run = simulate(), sync()

        assert run.state == RunState.HELD_BACK
        assert plan.held_back == run.held_back
        assert any("the immutable ids of 11 of 11 active users are missing" in reason for reason in run.held_back)

    @pytest.mark.parametrize("given_name", ["Pat", "Someone Else"])
    def test_hold_the_run_back_when_the_directory_is_another_one(self, crowd: Employer, given_name: str) -> None:
        known = {name: ids_of(name) for name in MANY}
        for name in MANY:
            crowd.directory.delete(crowd.dn(name))
            crowd.hires(name, givenName=given_name)

        run = sync()

        assert run.state == RunState.HELD_BACK
        assert any("the immutable ids of 11 of 11" in reason for reason in run.held_back)
        assert {name: ids_of(name) for name in MANY} == known

    def test_are_noted_once_a_person_has_applied_the_plan(self, crowd: Employer) -> None:
        for name in MANY:
            crowd.directory.delete(crowd.dn(name))
            crowd.hires(name, givenName="Pat")
        held = sync()
        run = stored_plans.apply_plan(run=held, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(run.pk, clock=Clock())

        assert quiet(sync())
        assert all(len(ids_of(name)) == 2 for name in MANY)

    def test_hold_nothing_back_when_they_are_ten(self, crowd: Employer) -> None:
        for name in MANY[1:]:
            crowd.directory.delete(crowd.dn(name))
            crowd.hires(name, givenName="Pat")

        assert sync().state == RunState.APPLIED


def test_of_ids_that_are_made_anew_again_and_again_the_newest_stay() -> None:
    kim = user("kim")
    with FakeDirectory(staff(nsUniqueId="ns")) as server:
        ldap_server(server.url, search_base=server.base, **FILTER)
        simulate_and_sync()
        many = [(kim.pk, 0, f"id-{number:03}") for number in range(known_ids.MOST_IDS + 10)]
        known_ids.add(many, at=NOON - timedelta(days=1))
        server.entries = staff(nsUniqueId="ns", entryUUID="uuid")
        sync()

    assert KnownId.objects.count() == known_ids.MOST_IDS
    assert {"uuid-kim", "ns-kim"} < set(ids_of("kim"))


def test_an_id_by_which_two_users_were_found_is_noted_of_neither() -> None:
    """As where one directory was copied into another, and people have other usernames there."""
    for name in ("kim", "lee"):
        user(name)
    one, other = staff(entryUUID="uuid")[0], staff(entryUUID="uuid")[1]
    copied = (other[0], {**other[1], "entryUUID": one[1]["entryUUID"]})
    with FakeDirectory([one]) as corp, FakeDirectory([copied]) as branch:
        ldap_server(corp.url, search_base=corp.base, **FILTER)
        ldap_server(branch.url, name="Branch", search_base=branch.base, **FILTER)

        assert quiet(simulate_and_sync())
        assert quiet(sync())

    assert ids_of("kim") == ids_of("lee") == []
