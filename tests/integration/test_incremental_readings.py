"""Runs that ask a directory only for what has changed see what a full reading would, but never take anybody for absent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from directory.actions import run_start_and_cancel
from directory.models import LdapServer, Run, RunState, StoredEntry, Trigger
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.directories import ACCESS, Directory
from tests.fake_ldap import PAGED_RESULTS, FakeDirectory
from tests.integration.changes import (
    IN_HELPDESK,
    NAMES,
    SETTINGS,
    SYNCPROV,
    accounts,
    changes,
    controlled,
    reading_of,
    roles_of,
    was_incremental,
)
from tests.integration.employer import ROLE_NAME, Employer
from tests.worlds import NOON, Clock, again, change_of, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(request: pytest.FixtureRequest) -> Iterator[Employer]:
    """Nine people who are users, in a directory that tells changes by this or that, read in full and applied."""
    kind_of_cursor = getattr(request, "param", "syncrepl")
    with Directory(memberof=True, extra=SYNCPROV if kind_of_cursor == "syncrepl" else "") as directory:
        employer = Employer(directory)
        for name in (*NAMES, "stranger"):
            employer.hires(name)
        for name in NAMES:
            user(name, last_name=name.title())
        employer.server(full_reading_every=4, page_size=4, limit_org_deactivations_percent=100)
        assert simulate_and_sync().state == RunState.APPLIED
        assert reading_of(Run.objects.latest("pk")).cursor["by"] == kind_of_cursor
        yield employer


either = pytest.mark.parametrize("staff", ["modifyTimestamp", "syncrepl"], indirect=True)


@either
def test_what_has_changed_is_read_and_applied_and_the_rest_stays(staff: Employer) -> None:
    staff.directory.modify(staff.dn("p3"), {"sn": "Married"})

    run = changes()

    assert was_incremental(run)
    assert run.state == RunState.APPLIED
    assert [row.username for row in run.changes.all()] == ["p3"]
    assert User.objects.get(username="p3").last_name == "Married"
    row = reading_of(run)
    assert (row.entries, row.matched, row.complete) == (10, 9, True)
    assert row.proof["entries"] < 10 or row.cursor["by"] == "modifyTimestamp"
    assert run.counts["users"] == 9


def test_a_run_that_was_not_asked_to_reads_everything(staff: Employer) -> None:
    run = sync()

    assert not was_incremental(run)
    assert reading_of(run).read_scope == ""


def test_whoever_becomes_inactive_is_deactivated(staff: Employer) -> None:
    staff.directory.modify(staff.dn("p4"), {"employeeType": "inactive"})

    run = changes()

    assert was_incremental(run)
    assert not User.objects.get(username="p4").active


@either
def test_whoever_is_gone_stays_until_everything_is_read(staff: Employer) -> None:
    staff.directory.delete(staff.dn("p5"))

    run = changes()

    assert was_incremental(run)
    assert not run.changes.exists()
    assert User.objects.get(username="p5").active
    assert change_of(sync(), "p5").outcome == Outcome.APPLIED
    assert not User.objects.get(username="p5").active


def test_a_user_without_an_entry_is_not_looked_for_and_the_steps_say_so(staff: Employer) -> None:
    user("nobody")

    run = changes()

    assert was_incremental(run)
    assert not run.changes.exists()
    assert again(User.objects.get(username="nobody")).active
    assert change_of(sync(simulated=True), "nobody").outcome == Outcome.PLANNED


@either
def test_a_new_entry_becomes_its_users(staff: Employer) -> None:
    user("late", last_name="Late")
    staff.hires("late", employeeType="inactive")

    run = changes()

    assert was_incremental(run)
    assert not User.objects.get(username="late").active


def test_a_user_who_comes_later_than_the_entry_is_found_in_what_is_stored(staff: Employer) -> None:
    user("stranger", last_name="Elsewhere")

    run = changes()

    assert was_incremental(run)
    assert change_of(run, "stranger").after["last_name"] == "Stranger"


@either
def test_a_renamed_entry_is_the_same_person(staff: Employer) -> None:
    staff.directory.rename(staff.dn("p6"), "uid=p6new")

    run = changes()

    assert was_incremental(run)
    assert change_of(run, "p6").after["username"] == "p6new"
    assert StoredEntry.objects.count() == 10


def test_a_renamed_entry_is_the_same_person_after_a_run_that_died_on_the_way(
    staff: Employer, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.directory.rename(staff.dn("p6"), "uid=p6new")
    with monkeypatch.context() as patch:
        patch.setattr("directory.sync.entries.entry_store.EntryStore.forget", dies)
        with pytest.raises(Died):
            changes()
    dead = Run.objects.latest("pk")
    pipeline.execute(dead.pk, clock=lambda: NOON)

    dead.refresh_from_db()
    assert was_incremental(dead)
    assert change_of(dead, "p6").after["username"] == "p6new"
    assert StoredEntry.objects.count() == 10


def test_a_new_entry_with_the_id_of_one_that_is_still_there_is_nobody_renamed(staff: Employer) -> None:
    staff.directory.modify(staff.dn("p6"), {"employeeNumber": "6"})
    LdapServer.objects.update(unique_id_attribute="employeeNumber")
    simulate_and_sync()
    staff.hires("other", employeeNumber="6")

    run = changes()

    assert was_incremental(run)
    assert change_of(run, "p6").outcome == Outcome.CONFLICT
    assert User.objects.get(username="p6").last_name == "P6"
    assert change_of(sync(simulated=True), "p6").outcome == Outcome.CONFLICT


class Died(Exception):
    """The worker is gone."""


def dies(*_given: object) -> None:
    raise Died


@either
def test_whoever_comes_into_a_group_or_leaves_it_has_other_roles(staff: Employer) -> None:
    LdapServer.objects.update(role_name_script=IN_HELPDESK)
    staff.directory.add(
        f"cn=helpdesk,{staff.directory.base}",
        {"objectClass": "groupOfNames", "cn": "helpdesk", "member": [staff.dn("p1"), staff.dn("p2")]},
    )
    simulate_and_sync()
    assert "Org Admin" in roles_of("p1")
    staff.directory.modify(f"cn=helpdesk,{staff.directory.base}", {"member": [staff.dn("p2"), staff.dn("p7")]})

    run = changes()

    assert was_incremental(run)
    if reading_of(run).since["by"] == "syncrepl":
        assert "and 2 entries whose groups have changed" in reading_of(run).read_scope
    assert "Org Admin" not in roles_of("p1")
    assert "Org Admin" in roles_of("p2")
    assert "Org Admin" in roles_of("p7")


@either
def test_a_branch_that_changes_has_everything_read(staff: Employer) -> None:
    staff.directory.add(f"ou=new,{staff.directory.base}", {"objectClass": "organizationalUnit", "ou": "new"})
    person = {"objectClass": "inetOrgPerson", "uid": "deep", "cn": "deep", "sn": "Deep"}
    staff.directory.add(f"uid=deep,ou=new,{staff.directory.base}", person)
    sync()
    # Time stamps of entries tell seconds.
    time.sleep(1.1)
    staff.directory.rename(f"ou=new,{staff.directory.base}", "ou=newer")

    run = changes()

    assert not was_incremental(run)
    assert f"the branch ou=newer,{staff.directory.base} has changed" in reading_of(run).read_scope


def test_everything_is_read_every_so_many_times(staff: Employer) -> None:
    read = [was_incremental(changes()) for _ in range(6)]

    assert read == [True, True, True, False, True, True]


def test_simulations_do_not_count(staff: Employer) -> None:
    assert all(was_incremental(changes(simulated=True)) for _ in range(6))


def test_a_full_simulation_that_nobody_applied_has_everything_read(staff: Employer) -> None:
    # It has forgotten somebody, whom no change would tell of.
    base = staff.directory.base
    LdapServer.objects.update(search_filter="(&(objectClass=inetOrgPerson)(!(uid=p4)))")
    sync(simulated=True)
    LdapServer.objects.update(search_filter="(objectClass=inetOrgPerson)")
    sync(simulated=True)
    assert StoredEntry.objects.filter(dn=f"uid=p4,{base}").exists()

    run = changes()

    assert not was_incremental(run)
    assert "it has been read in full since the last sync" in reading_of(run).read_scope
    assert was_incremental(changes())


def test_what_was_only_simulated_is_read_again(staff: Employer) -> None:
    before = reading_of(Run.objects.latest("pk")).cursor
    staff.directory.modify(staff.dn("p3"), {"sn": "Married"})
    assert change_of(changes(simulated=True), "p3").outcome == Outcome.PLANNED

    run = changes()

    assert reading_of(run).since == before
    assert change_of(run, "p3").outcome == Outcome.APPLIED


@pytest.mark.parametrize("what", ["a script", "a setting", "Rollcall itself"])
def test_everything_is_read_when_something_else_is_made_of_it(
    staff: Employer, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "a script":
        LdapServer.objects.update(role_name_script=f"/* other */ {ROLE_NAME}")
    elif what == "a setting":
        LdapServer.objects.update(last_name_attribute="cn")
    else:
        monkeypatch.setattr("directory.sync.rule_fingerprints.ENTRIES", "other")

    run = changes(simulated=True)

    assert not was_incremental(run)
    assert reading_of(run).read_scope.startswith("everything, because ")


def test_scripts_that_look_at_the_time_are_asked_about_everybody_each_time(staff: Employer) -> None:
    LdapServer.objects.update(active_script="function (entry) { return entry.uid != 'p8' || new Date() > 0 }")
    simulate_and_sync()
    # As if the script had said something else on another day.
    stored = StoredEntry.objects.get(user__username="p8")
    StoredEntry.objects.filter(pk=stored.pk).update(verdict={**stored.verdict, "active": False})

    run = changes()

    assert was_incremental(run)
    assert not run.changes.exists()
    assert reading_of(run).counts["scriptEntries"] == 1


def test_a_new_entry_without_an_immutable_id_has_everything_read(staff: Employer) -> None:
    LdapServer.objects.update(limit_vanished_attributes_percent=100)
    staff.directory.allow("to attrs=entryUUID by * none", *ACCESS)
    simulate_and_sync()
    staff.directory.rename(staff.dn("p6"), "uid=p6new")

    run = changes()

    assert not was_incremental(run)
    assert "p6new" in reading_of(run).read_scope
    assert StoredEntry.objects.count() == 10


@either
@pytest.mark.parametrize("gone", ["hidden", "deleted"])
def test_the_canary_is_asked_for(staff: Employer, gone: str) -> None:
    LdapServer.objects.update(canary="p2")
    assert reading_of(changes()).canary_found
    staff.directory.modify(staff.dn("p3"), {"sn": "Married"})
    if gone == "hidden":
        staff.directory.allow(f'to dn.base="{staff.dn("p2")}" by * none', "to * by * read")
    else:
        staff.directory.delete(staff.dn("p2"))

    run = changes()

    assert was_incremental(run)
    assert run.held_back == ["Corp: the canary entry p2 was not found."]


def test_the_canary_counts_as_seen_where_it_is_stored(staff: Employer) -> None:
    LdapServer.objects.update(canary="p2")
    run = changes()
    assert was_incremental(run)
    assert reading_of(run).canary_found

    LdapServer.objects.update(canary="gone")
    assert changes().state == RunState.HELD_BACK


def test_the_absence_grace_neither_ends_nor_goes_on_while_nobody_is_looked_for(staff: Employer) -> None:
    LdapServer.objects.update(absence_runs=3)
    staff.directory.delete(staff.dn("p5"))
    assert change_of(sync(), "p5").outcome == Outcome.WAITING
    # Nobody was asked for p5 yet, so everything is read once more before changes are.
    assert change_of(changes(), "p5").outcome == Outcome.WAITING

    assert was_incremental(changes())
    assert was_incremental(changes())

    assert User.objects.get(username="p5").active
    assert change_of(sync(), "p5").outcome == Outcome.APPLIED


@either
def test_a_run_of_changes_plans_what_one_of_everything_would(staff: Employer) -> None:
    for number, edit in enumerate(({"sn": "New"}, {"mail": "x@example.com"}, {"employeeType": "inactive"})):
        staff.directory.modify(staff.dn(f"p{number}"), edit)
    staff.directory.rename(staff.dn("p7"), "uid=seven")
    user("stranger")

    only_changes, everything = changes(simulated=True), sync(simulated=True)

    assert was_incremental(only_changes)
    assert plan_of(only_changes) == plan_of(everything)


def plan_of(run: Run) -> list[tuple[Any, ...]]:
    return list(run.changes.order_by("username").values_list("username", "actions", "before", "after", "steps"))


@pytest.fixture
def controller() -> Iterator[FakeDirectory]:
    with controlled() as server:
        yield server


def test_a_domain_controller_is_asked_by_its_own_count(controller: FakeDirectory) -> None:
    controller.entries = [*accounts(p2={"sn": [b"Married"], "uSNChanged": [b"2001"]}), SETTINGS]

    run = changes()

    row = reading_of(run)
    assert row.since == {"by": "uSNChanged", "of": f"{SETTINGS[0]} {'01' * 16}", "at": "2000"}
    assert row.proof["entries"] == 1
    assert [row.username for row in run.changes.all()] == ["p2"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("another controller", "it is another server"),
        ("a restored one", "it is another server"),
        ("an older count", "count of changes has gone back"),
        ("no count", "the server tells changes otherwise"),
    ],
)
def test_a_count_that_is_not_the_same_has_everything_read(controller: FakeDirectory, what: str, words: str) -> None:
    root = dict(controller.root or {})
    match what:
        case "another controller":
            controller.root = {**root, "dsServiceName": [b"CN=NTDS Settings,CN=DC2,DC=example"]}
        case "a restored one":
            controller.entries = [*accounts(), (SETTINGS[0], {**SETTINGS[1], "invocationId": [b"\x02" * 16]})]
        case "an older count":
            controller.root = {**root, "highestCommittedUSN": [b"1500"]}
        case _:
            controller.root = {"supportedControl": [PAGED_RESULTS]}

    run = changes()

    assert not was_incremental(run)
    assert words in reading_of(run).read_scope
    assert run.state == RunState.APPLIED


def test_a_claim_that_only_the_changes_showed_is_forgotten_when_everything_is_read_after_all() -> None:
    with Directory() as directory:
        employer = Employer(directory)
        for number, name in enumerate(["lee", *(f"stranger{number}" for number in range(210))]):
            employer.hires(name, employeeNumber=str(number))
        user("lee", last_name="Lee")
        # Without an immutable id of the server's own, as access rules may have it.
        directory.allow("to attrs=entryUUID by * none", *ACCESS)
        employer.server(full_reading_every=4, page_size=50, unique_id_attribute="employeeNumber")
        simulate_and_sync()
        kim = user("kim")
        directory.modify(employer.dn("lee"), {"uid": ["lee", "kim"]})
        # Reading everything begins with an entry that has no id, after the claim has been noted.
        employer.hires("nameless")
        run = run_start_and_cancel.start(
            servers=(), simulated=False, trigger=Trigger.COMMAND, by=SYSTEM, at=NOON, wake=False, incremental=True
        )
        noted = [lambda: directory.modify(employer.dn("lee"), {"uid": "lee"})]

        def follow(phase: str, done: int, _total: int | None) -> None:
            if phase.startswith("reading") and done >= 200 and noted:
                noted.pop()()

        pipeline.execute(run.pk, clock=Clock(), progress=follow)

        assert "nameless" in reading_of(run).read_scope
        assert change_of(run, "kim").outcome == Outcome.APPLIED
        assert not again(kim).active
