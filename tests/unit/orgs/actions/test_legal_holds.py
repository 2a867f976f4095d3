"""Legal holds: who is on hold by which matter, what a release, a closing and a reopening do, and who may act on whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.invariants import broken
from orgs.actions import archives, legal_holds
from orgs.actions.errors import Refused
from orgs.actions.matters import matter_edits, policies
from orgs.actions.matters.matter_edits import MatterChangedMeanwhile, MatterText
from orgs.actions.users import blocking, deactivation
from orgs.models import (
    Archive,
    ArchiveState,
    AuditEntry,
    Custodian,
    Matter,
    MatterEvent,
    MatterEventKind,
    Org,
    PreservationPolicy,
    User,
)
from orgs.rules.actors import SYSTEM, Actor, person
from tests.makers import NOW, make_device, make_matter, make_org, make_policy, make_sysadmin, make_user, make_users

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> Actor:
    """The administrator of the org Left."""
    return person(make_user("olga", org=left, roles=["Org Admin"]))


@pytest.fixture
def wendy(left: Org) -> User:
    return make_user("wendy", org=left)


@pytest.fixture
def stan() -> User:
    """A user of another org."""
    return make_user("stan", org=make_org("Right"))


def events(matter: Matter) -> list[tuple[str, str]]:
    """Return the events of a matter, oldest first, with whom they are about."""
    rows = MatterEvent.objects.filter(matter=matter).order_by("pk").select_related("user")
    return [(row.kind, row.user.username if row.user else "") for row in rows]


def on_hold() -> set[str]:
    return set(User.objects.on_legal_hold().values_list("username", flat=True))


class TestEvents:
    def test_tell_the_whole_story_of_a_matter(self, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=LATER)

        assert events(matter) == [
            ("opened", ""),
            ("custodian added", "wendy"),
            ("blocked instead of deactivated", "wendy"),
            ("closed", ""),
            ("custodian released", "wendy"),
            ("pending deactivation carried out", "wendy"),
        ]

    def test_are_written_once_for_each_matter_that_holds_the_user(self, wendy: User) -> None:
        first, second, closed = (make_matter(name, wendy) for name in ("First", "Second", "Closed"))
        legal_holds.close_matter(matter=closed, by=SYSTEM, at=NOW)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        blocking.unblock(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        for matter in (first, second):
            assert events(matter)[2:] == [
                ("blocked instead of deactivated", "wendy"),
                ("deactivation cancelled", "wendy"),
            ]
        assert events(closed)[2:] == [("closed", ""), ("custodian released", "wendy")]

    def test_name_the_run_of_a_sync(self, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=Actor("sync", run_id=7), at=NOW)

        assert MatterEvent.objects.get(matter=matter, kind=MatterEventKind.BLOCKED).run_id == 7


class TestAnActThatHadToWait:
    """An act has a moment before it gets its locks: what it waited for may have a later one."""

    def held_from(self, wendy: User) -> Matter:
        matter = make_matter("Inquiry", wendy)
        Custodian.objects.update(added_at=LATER)
        return matter

    def test_releases_nobody_before_the_hold_began(self, wendy: User) -> None:
        matter = self.held_from(wendy)

        legal_holds.release(matter=matter, user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        assert Custodian.objects.get().released_at == LATER
        assert MatterEvent.objects.get(kind=MatterEventKind.RELEASED).at == LATER

    def test_closes_at_the_moment_at_which_it_releases(self, wendy: User) -> None:
        matter = self.held_from(wendy)

        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)

        stored = Matter.objects.get()
        assert matter.closed_at == stored.closed_at == Custodian.objects.get().released_at == LATER
        assert legal_holds.reopen_matter(matter=stored, by=SYSTEM, at=LATER).on_hold == {wendy.pk}

    def test_does_not_reopen_before_the_closing(self, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=LATER)

        legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=NOW)

        assert Custodian.objects.get(released_at=None).added_at == LATER
        assert MatterEvent.objects.get(kind=MatterEventKind.REOPENED).at == LATER


class TestReopening:
    def test_holds_again_whom_the_closing_released_and_nobody_else(self, wendy: User, stan: User) -> None:
        matter = make_matter("Inquiry", wendy, stan)
        legal_holds.release(matter=matter, user_ids=[stan.pk], by=SYSTEM, at=NOW)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=LATER)

        reopened = legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=LATER + timedelta(hours=1))

        assert reopened.on_hold == {wendy.pk}
        assert on_hold() == {"wendy"}
        assert Custodian.objects.filter(matter=matter, user=wendy).count() == 2

    def test_keeps_the_archives_of_somebody_deactivated_from_expiring(self, wendy: User) -> None:
        make_device(wendy)
        matter = make_matter("Inquiry", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)

        legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=LATER)

        assert archives.age(by=SYSTEM, at=NOW + timedelta(days=3000)) == (0, 0)
        assert not User.objects.get(pk=wendy.pk).active

    def test_does_not_hold_somebody_whose_archives_have_expired(self, wendy: User, stan: User) -> None:
        for user in (wendy, stan):
            make_device(user)
        matter = make_matter("Inquiry", wendy, stan)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)
        archives.age(by=SYSTEM, at=NOW + timedelta(days=366))

        reopened = legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=NOW + timedelta(days=367))

        assert (reopened.on_hold, reopened.lost) == (frozenset({stan.pk}), frozenset({wendy.pk}))
        assert on_hold() == {"stan"}

    def test_of_an_open_matter_changes_nothing(self, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)

        assert legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=LATER).on_hold == frozenset()
        assert events(matter) == [("opened", ""), ("custodian added", "wendy")]


class TestSomebodyDeactivated:
    def test_can_be_put_on_hold_and_stays_deactivated_with_archives_that_do_not_expire(self, wendy: User) -> None:
        make_device(wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        matter = make_matter("Inquiry", wendy)

        archives.age(by=SYSTEM, at=NOW + timedelta(days=3000))
        assert Archive.objects.get().state == ArchiveState.COLD_STORAGE

        legal_holds.release(matter=matter, user_ids=[wendy.pk], by=SYSTEM, at=NOW + timedelta(days=3001))
        archives.age(by=SYSTEM, at=NOW + timedelta(days=3002))
        assert Archive.objects.get().state == ArchiveState.EXPIRED


class TestAnAdministratorOfAPart:
    def test_opens_a_matter_for_an_org_of_that_part_and_for_no_other(self, olga: Actor, left: Org, stan: User) -> None:
        matter = legal_holds.open_matter(name="Ours", org=left, by=olga, at=NOW)

        assert matter.org == left
        for elsewhere in (None, stan.org):
            with pytest.raises(Refused, match="org of your part"):
                legal_holds.open_matter(name="Theirs", org=elsewhere, by=olga, at=NOW)

    def test_cannot_act_on_a_matter_of_all_orgs(self, olga: Actor, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)

        with pytest.raises(Refused, match="does not belong to your part"):
            legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk], by=olga, at=NOW)
        with pytest.raises(Refused, match="does not belong to your part"):
            legal_holds.release(matter=matter, user_ids=[wendy.pk], by=olga, at=NOW)
        with pytest.raises(Refused, match="does not belong to your part"):
            legal_holds.close_matter(matter=matter, by=olga, at=NOW)
        assert on_hold() == {"wendy"}

    def test_adds_and_releases_only_users_of_that_part(self, olga: Actor, left: Org, wendy: User, stan: User) -> None:
        matter = legal_holds.open_matter(name="Ours", org=left, by=olga, at=NOW)

        with pytest.raises(Refused) as refused:
            legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk, stan.pk], by=olga, at=NOW)

        assert "stan" not in str(refused.value)
        assert on_hold() == set()
        legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk, stan.pk], by=SYSTEM, at=NOW)
        with pytest.raises(Refused, match="outside your part"):
            legal_holds.release(matter=matter, user_ids=[stan.pk], by=olga, at=NOW)
        assert legal_holds.release(matter=matter, user_ids=[wendy.pk], by=olga, at=NOW) == frozenset()
        assert on_hold() == {"stan"}

    def test_neither_closes_nor_reopens_a_matter_with_custodians_elsewhere(
        self, olga: Actor, left: Org, wendy: User, stan: User
    ) -> None:
        matter = legal_holds.open_matter(name="Ours", org=left, by=olga, at=NOW)
        legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk, stan.pk], by=SYSTEM, at=NOW)

        with pytest.raises(Refused) as refused:
            legal_holds.close_matter(matter=matter, by=olga, at=NOW)
        assert "stan" not in str(refused.value)
        assert on_hold() == {"stan", "wendy"}

        legal_holds.close_matter(matter=matter, by=SYSTEM, at=LATER)
        with pytest.raises(Refused, match="outside your part"):
            legal_holds.reopen_matter(matter=matter, by=olga, at=LATER)
        assert on_hold() == set()

    def test_does_not_release_themselves(self, left: Org, olga: Actor) -> None:
        matter = legal_holds.open_matter(name="Ours", org=left, by=olga, at=NOW)
        legal_holds.add_custodians(matter=matter, user_ids=[olga.user_id or 0], by=SYSTEM, at=NOW)

        with pytest.raises(Refused, match="you yourself"):
            legal_holds.release(matter=matter, user_ids=[olga.user_id or 0], by=olga, at=NOW)
        with pytest.raises(Refused, match="you yourself"):
            legal_holds.close_matter(matter=matter, by=olga, at=NOW)

    def test_who_has_lost_the_role_meanwhile_does_nothing(self, left: Org, olga: Actor, wendy: User) -> None:
        matter = legal_holds.open_matter(name="Ours", org=left, by=olga, at=NOW)
        blocking.block(user_ids=[olga.user_id or 0], by=SYSTEM, at=NOW)

        with pytest.raises(Refused):
            legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk], by=olga, at=NOW)


class TestTheLastSysadmin:
    def test_stays_whatever_a_release_would_do(self) -> None:
        ada = make_sysadmin()
        matter = make_matter("Inquiry", ada)
        with pytest.raises(Refused, match="SYSADMIN"):
            deactivation.deactivate(user_ids=[ada.pk], by=SYSTEM, at=NOW)

        legal_holds.release(matter=matter, user_ids=[ada.pk], by=SYSTEM, at=NOW)

        assert User.objects.get(pk=ada.pk).is_active


class TestAnEdit:
    def test_writes_what_has_changed_to_the_audit_trail_and_the_events(self) -> None:
        matter = make_matter("Inquiry")
        text = MatterText("Inquiry 2", reference="R-1", policy=make_policy("Mail only"))

        matter_edits.edit(matter_id=matter.pk, text=text, known=matter_edits.version(matter), by=SYSTEM, at=LATER)

        stored = Matter.objects.get()
        assert (stored.name, stored.reference, stored.policy) == ("Inquiry 2", "R-1", "Mail only")
        entry = AuditEntry.objects.get(action="matter edited")
        assert (entry.before["policy"], entry.after["policy"]) == ("Keep all", "Mail only")
        assert MatterEvent.objects.get(kind=MatterEventKind.EDITED).details["name"] == ["Inquiry", "Inquiry 2"]

    def test_of_the_second_of_two_people_is_refused(self) -> None:
        matter = make_matter("Inquiry")
        known = matter_edits.version(matter)
        matter_edits.edit(matter_id=matter.pk, text=MatterText("First"), known=known, by=SYSTEM, at=LATER)

        with pytest.raises(MatterChangedMeanwhile):
            matter_edits.edit(matter_id=matter.pk, text=MatterText("Second"), known=known, by=SYSTEM, at=LATER)
        assert Matter.objects.get().name == "First"

    def test_that_changes_nothing_writes_nothing(self) -> None:
        matter = make_matter("Inquiry")
        text = MatterText("Inquiry", policy=make_policy())

        assert not matter_edits.edit(
            matter_id=matter.pk, text=text, known=matter_edits.version(matter), by=SYSTEM, at=LATER
        )
        assert events(matter) == [("opened", "")]


class TestAPolicy:
    def test_is_renamed_in_its_matters_too(self) -> None:
        make_matter("Inquiry")
        policy = make_policy()

        policies.edit(
            policy_id=policy.pk, name="Keep most", kept="Most.", known=("Keep all", "Everything."), by=SYSTEM, at=LATER
        )

        assert Matter.objects.get().policy == "Keep most"
        assert broken(at=LATER) == []

    def test_is_deleted_only_if_no_matter_uses_it_open_or_closed(self) -> None:
        matter = make_matter("Inquiry")
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)

        with pytest.raises(Refused, match="policy of a matter"):
            policies.delete(policy_id=make_policy().pk, by=SYSTEM, at=LATER)
        policies.delete(policy_id=make_policy("Unused").pk, by=SYSTEM, at=LATER)

        assert AuditEntry.objects.filter(action="preservation policy deleted").count() == 1

    @pytest.mark.parametrize("name", ["", "  ", "keep ALL"])
    def test_needs_a_name_of_its_own(self, name: str) -> None:
        make_policy()

        with pytest.raises(Refused):
            policies.add(name=name, by=SYSTEM, at=NOW)

    def test_whose_name_another_has_in_other_letters_can_still_be_edited(self) -> None:
        """An upgrade makes policies of the names that matters have had: some differ only in case."""
        policy = make_policy("Keep all")
        PreservationPolicy.objects.create(name="KEEP ALL")

        policies.edit(
            policy_id=policy.pk, name="Keep all", kept="All.", known=("Keep all", "Everything."), by=SYSTEM, at=LATER
        )
        with pytest.raises(Refused, match="already"):
            policies.edit(
                policy_id=policy.pk, name="Keep ALL", kept="", known=("Keep all", "All."), by=SYSTEM, at=LATER
            )

        policy.refresh_from_db()
        assert (policy.name, policy.kept) == ("Keep all", "All.")

    def test_of_all_orgs_is_not_for_an_administrator_of_a_part(self, olga: Actor, left: Org) -> None:
        policy = make_policy()
        ours = policies.add(name="Ours", org=left, by=olga, at=NOW)

        with pytest.raises(Refused, match="your part"):
            policies.edit(policy_id=policy.pk, name="Less", kept="", known=(policy.name, policy.kept), by=olga, at=NOW)
        with pytest.raises(Refused, match="your part"):
            policies.delete(policy_id=policy.pk, by=olga, at=NOW)
        with pytest.raises(Refused, match="your part"):
            policies.add(name="For all", by=olga, at=NOW)
        policies.delete(policy_id=ours.pk, by=olga, at=NOW)


class TestManyCustodians:
    def test_take_as_many_statements_as_few(self) -> None:
        counts = []
        for number, size in enumerate((5, 100)):
            people = [user.pk for user in make_users(f"user{number}.{each}" for each in range(size))]
            matter = make_matter(f"Inquiry {number}")
            with CaptureQueriesContext(connection) as added:
                legal_holds.add_custodians(matter=matter, user_ids=people, by=SYSTEM, at=NOW)
            deactivation.deactivate(user_ids=people, by=SYSTEM, at=NOW)
            with CaptureQueriesContext(connection) as closed:
                assert len(legal_holds.close_matter(matter=matter, by=SYSTEM, at=LATER)) == size
            counts.append((len(added), len(closed)))

        assert counts[0] == counts[1]
