"""Entries that are as they were are matched anew only when what they are matched by is not as it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.actions import stored_plans
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.search.raw_entry import RawEntry, decode
from directory.models import CachedDecision, LdapServer, Match, Run, RunServer, RunState, StoredEntry
from directory.sync import pipeline, rule_fingerprints
from directory.sync.identify import user_candidates
from directory.sync.plan import directory_view
from directory.sync.plan.rules import decision_table
from directory.sync.plan.rules.absence import ServerReading
from directory.sync.read import page_processor
from directory.values.ldap import Identity
from directory.values.plan import Candidate, Change, StoredUser
from orgs.actions.users import org_moves, user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.integration.employer import Employer
from tests.worlds import NOON, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
NAMES = [f"p{number:02}" for number in range(24)]


@pytest.fixture
def staff(employer: Employer) -> Employer:
    """People who are users, synchronized before, and one who is none."""
    for name in (*NAMES, "stranger"):
        employer.hires(name)
    for name in NAMES:
        user(name, last_name=name.title())
    employer.server(page_size=5, org_name_script="", role_name_script="")
    assert simulate_and_sync().state == RunState.APPLIED
    # From now on they are matched by their immutable ids.
    sync()
    return employer


@pytest.fixture
def looked_at(staff: Employer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The usernames of entries that runs match from now on."""
    found: list[str] = []
    candidates = user_candidates.candidates

    def noted(identities: Sequence[Identity], **more: Any) -> list[Candidate | None]:
        found.extend(name for identity in identities for name in identity.usernames)
        return candidates(identities, **more)

    monkeypatch.setattr(user_candidates, "candidates", noted)
    return found


def apply(planned: Run) -> None:
    run = stored_plans.apply_plan(run=planned, by=SYSTEM, at=NOON, wake=False)
    pipeline.execute(run.pk, clock=lambda: NOON)


def found_by(*, noted_on: LdapServer | None = None) -> set[str]:
    """By what everybody is found on the only server; ``noted_on`` is where they were matched last."""
    in_use, everyone = LdapServer.objects.order_by("pk")[0], User.objects.filter(username__in=NAMES)
    if noted_on is not None:
        Match.objects.update(server=noted_on)
    reading = ServerReading(in_use.pk, in_use.name, complete=True)
    lookup_results = directory_view.DirectoryView([reading], {}).lookup_results(
        {one.pk: [in_use.pk] for one in everyone}
    )
    return {lookup_result.matched_by for lookup_result in lookup_results.values()}


def everybody() -> list[str]:
    return [*NAMES, "stranger"]


def test_everybody_is_matched_again_once_a_rule_of_matching_is_another_one(
    looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_fingerprints, "MATCHES", "of other rules")

    simulate()

    assert sorted(looked_at) == everybody()


def test_nobody_is_matched_again_while_nothing_changes(looked_at: list[str]) -> None:
    run = simulate()

    assert looked_at == []
    row = run.readings.get()
    assert (row.entries, row.matched, row.complete) == (25, 24, True)


def test_an_entry_that_changes_is_matched_and_the_others_are_not(looked_at: list[str], staff: Employer) -> None:
    staff.directory.modify(staff.dn("p03"), {"sn": "Married"})

    simulate()

    assert looked_at == ["p03"]


def test_entries_that_change_on_several_pages_are_matched_together(
    staff: Employer, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use: list[int] = []
    candidates = user_candidates.candidates

    def noted(identities: Sequence[Identity], **more: Any) -> list[Candidate | None]:
        in_use.append(len(identities))
        return candidates(identities, **more)

    monkeypatch.setattr(user_candidates, "candidates", noted)
    for name in ("p01", "p08", "p19"):
        staff.directory.modify(staff.dn(name), {"sn": "Married"})

    run = simulate()

    assert in_use == [3]
    assert sorted(run.changes.values_list("username", flat=True)) == ["p01", "p08", "p19"]


@pytest.mark.parametrize("happens", ["a new user", "a rename", "a match is forgotten", "a user leaves the scope"])
def test_all_are_matched_once_what_they_are_matched_by_changes(looked_at: list[str], happens: str) -> None:
    first = User.objects.get(username="p00")
    match happens:
        case "a new user":
            user("stranger")
        case "a rename":
            user_profiles.update_profiles(profiles={first.pk: Profile("p99", last_name="P00")}, by=SYSTEM, at=NOON)
        case "a match is forgotten":
            Match.objects.filter(user=first).delete()
        case _:
            org_moves.move(moves={first.pk: org("Elsewhere", parent="ADMIN").pk}, by=SYSTEM, at=NOON)

    simulate()

    assert sorted(looked_at) == everybody()
    looked_at.clear()
    simulate()
    assert looked_at == []


def test_all_are_matched_once_a_day(looked_at: list[str]) -> None:
    sync(simulated=True, at=NOON + timedelta(days=1))

    assert sorted(looked_at) == everybody()


def test_all_are_matched_after_a_reading_that_broke_off(looked_at: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read = page_processor.PageProcessor.read

    def broken_off(itself: page_processor.PageProcessor, pages: Any) -> None:
        read(itself, pages)
        raise DirectoryUnavailable("connection lost")

    with monkeypatch.context() as patch:
        patch.setattr(page_processor.PageProcessor, "read", broken_off)
        simulate()
    assert looked_at == []

    simulate()

    assert sorted(looked_at) == everybody()


def test_all_are_matched_after_somebody_was_renamed_while_they_were_read(
    looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = page_processor.PageProcessor.read

    def renamed_meanwhile(itself: page_processor.PageProcessor, pages: Any) -> None:
        read(itself, pages)
        User.objects.filter(username="p00").update(username="p77", username_key="p77")

    with monkeypatch.context() as patch:
        patch.setattr(page_processor.PageProcessor, "read", renamed_meanwhile)
        simulate()
    assert looked_at == []

    simulate()

    assert sorted(looked_at) == everybody()


def test_an_entry_with_two_claims_is_looked_at_each_time(looked_at: list[str]) -> None:
    other = user("other")
    unique_id = Match.objects.get(user__username="p05").unique_id
    Match.objects.create(user=other, server=LdapServer.objects.get(), dn="", unique_id=unique_id, matched_at=NOON)
    simulate()
    looked_at.clear()

    simulate()

    assert looked_at == ["p05"]


@pytest.mark.parametrize("canary", ["P20", "uid=p20,{base}"])
def test_the_canary_is_seen_although_nothing_changed(staff: Employer, looked_at: list[str], canary: str) -> None:
    server = LdapServer.objects.get()
    LdapServer.objects.filter(pk=server.pk).update(canary=canary.format(base=staff.directory.base))
    simulate()
    looked_at.clear()

    run = simulate()

    assert run.readings.get().canary_found
    assert "p20" in looked_at
    assert "p24" not in looked_at


def test_two_pages_more_take_no_more_than_two_questions_more(staff: Employer) -> None:
    simulate()
    with CaptureQueriesContext(connection) as few:
        simulate()
    LdapServer.objects.update(page_size=3)
    simulate()

    with CaptureQueriesContext(connection) as many:
        run = simulate()

    pages = run.readings.get().pages
    assert pages == 9
    assert len(many) - len(few) <= pages - 5


def test_what_a_page_left_alone_counts_as_seen_when_others_are_gone(staff: Employer) -> None:
    staff.directory.delete(staff.dn("p10"))
    staff.directory.delete(staff.dn("stranger"))

    simulate()

    kept = set(StoredEntry.objects.values_list("dn", flat=True))
    assert kept == {staff.dn(name) for name in NAMES if name != "p10"}


def test_entries_are_only_looked_into_where_they_changed(staff: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_into: list[str] = []

    def noted(raw: RawEntry, *given: Any) -> Any:
        looked_into.append(raw.dn)
        return decode(raw, *given)

    monkeypatch.setattr("directory.sync.read.page_processor.decode", noted)
    staff.directory.modify(staff.dn("p11"), {"sn": "Other"})

    simulate()

    assert looked_into == [staff.dn("p11")]


def test_matches_noted_for_the_first_time_leave_nothing_to_match_or_decide_again(
    staff: Employer, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Match.objects.all().delete()
    first = sync()
    looked_at.clear()
    decided: list[int] = []
    decide = decision_table.decide

    def noted(known: StoredUser, *parts: Any, **more: Any) -> Change:
        decided.append(known.id)
        return decide(known, *parts, **more)

    monkeypatch.setattr(decision_table, "decide", noted)

    second = sync()

    assert (looked_at, decided) == ([], [])
    assert second.counts == first.counts
    assert found_by() == {"immutable id"}
    # As if everybody had been matched and decided about anew.
    CachedDecision.objects.all().delete()
    RunServer.objects.update(match_fingerprint="")
    assert sync().counts == first.counts
    assert sorted(set(looked_at)) == everybody()


def test_an_id_that_is_noted_later_is_what_an_entry_is_found_by(staff: Employer) -> None:
    StoredEntry.objects.exclude(user=None).update(matched_by="username")
    elsewhere = staff.server(name="Branch")

    assert found_by() == {"immutable id"}
    assert found_by(noted_on=elsewhere) == {"immutable id"}
    Match.objects.update(unique_id="another")
    assert found_by() == {"username"}


def test_entries_are_not_written_again_for_an_id_that_is_noted_later(staff: Employer) -> None:
    StoredEntry.objects.exclude(user=None).update(matched_by="username")
    RunServer.objects.update(match_fingerprint="")

    run = sync()

    assert not StoredEntry.objects.filter(run_id=run.pk).exists()


def test_matches_of_a_simulation_are_noted_nowhere_and_decided_again(staff: Employer) -> None:
    Match.objects.all().delete()
    simulate()

    sync()

    assert Match.objects.count() == len(NAMES)


@pytest.mark.parametrize("happens", ["a new user", "a rename", "a plan that renames"])
def test_all_are_matched_again_when_more_has_changed_than_first_matches(
    looked_at: list[str], staff: Employer, happens: str
) -> None:
    Match.objects.all().delete()
    if happens == "a plan that renames":
        Match.objects.create(
            user=User.objects.get(username="p07"),
            server=LdapServer.objects.get(),
            dn=staff.dn("p07"),
            unique_id=StoredEntry.objects.get(user__username="p07").unique_id,
            matched_at=NOON,
        )
        user_profiles.update_profiles(
            profiles={User.objects.get(username="p07").pk: Profile("old", last_name="P07")}, by=SYSTEM, at=NOON
        )
    planned = simulate()
    if happens == "a new user":
        user("stranger")
    if happens == "a rename":
        first = User.objects.get(username="p00")
        user_profiles.update_profiles(profiles={first.pk: Profile("p99", last_name="P00")}, by=SYSTEM, at=NOON)
    apply(planned)
    looked_at.clear()

    simulate()

    assert sorted(looked_at) == everybody()


def test_an_id_that_somebody_elses_entry_carries_has_all_matched_again(looked_at: list[str], staff: Employer) -> None:
    Match.objects.all().delete()
    StoredEntry.objects.filter(user=None).update(unique_id=StoredEntry.objects.get(user__username="p05").unique_id)
    planned = simulate()
    apply(planned)
    looked_at.clear()

    simulate()

    assert sorted(looked_at) == everybody()
