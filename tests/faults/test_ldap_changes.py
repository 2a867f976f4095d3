"""A directory that changes, dies or hides a part of itself, before a reading or in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from directory.models import RunState
from directory.values.plan import Outcome
from tests.directories import ACCESS, Directory
from tests.faults import damage
from tests.faults.ldap_world import BASE, LEAVERS, PAGE, STAFF, UNIT, World, dn_of, first_often, person, staff
from tests.faults.proxy import Fault, Stage
from tests.worlds import change_of, simulate

pytestmark = pytest.mark.django_db

AMID = "at once between two pages, by a TCP proxy before slapd"
FORMER = f"ou=Former,{BASE}"
# p020 to p059, p040 to p051 and p051 to p055.
MANY, A_DOZEN, FIVE = "p0[2-5][0-9]", "p0(4[0-9]|5[01])", "p05[1-5]"

HIDDEN = {
    # They are not checked, as they are not proven absent: what is missed is their entries.
    "12 of 57 people": (A_DOZEN, "less than 80 %"),
    "40 of 57 people": (MANY, "less than 80 %"),
    "everybody": ("p[0-9]+", "no entries at all"),
}


def hidden(pattern: str) -> tuple[str, ...]:
    """Return slapd's access rules under which these people can't be seen."""
    return (f'to dn.regex="^uid={pattern}," by * none', *ACCESS)


def between_pages(happens: Callable[[], object], page: int = 3) -> Fault:
    """Return what happens once to the directory before this page is read."""
    return Fault(damage.calling(happens), Stage.BETWEEN_PAGES, page=page, times=1)


@pytest.fixture
def former(world: World) -> Iterator[World]:
    """Give a world with an OU outside the search base."""
    with ExitStack() as after:
        world.directory.add(FORMER, {"objectClass": "organizationalUnit", "ou": "Former"})
        after.callback(world.directory.delete, FORMER)
        yield world


def leaves(world: World, uid: str) -> None:
    """Move somebody out of the search base."""
    world.directory.rename(dn_of(uid), f"uid={uid}", parent=FORMER)


def returns(world: World, uid: str) -> None:
    """Move somebody back."""
    world.directory.rename(f"uid={uid},{FORMER}", f"uid={uid}", parent=UNIT)


class TestDeath:
    @pytest.mark.whole
    def test_a_stopped_server_fails_the_run(self, world: World) -> None:
        with world.row("slapd stopped", how="TERM to slapd", expected="failed; the next run is right") as row:
            world.directory.stop(remove=False)
            run = world.sync()
            world.restart()

            assert run.state == RunState.FAILED
            world.saw(row, run)
            world.recovers()

    @pytest.mark.parametrize("stage", first_often([Stage.BETWEEN_PAGES, Stage.MID_PAGE]))
    def test_a_killed_server_fails_the_run(self, world: World, stage: Stage) -> None:
        with world.row(f"slapd killed {stage}", how="kill -9", expected="failed; the next run is right") as row:
            run = world.disturbed(Fault(damage.calling(world.directory.kill), stage, page=3, times=1))
            world.restart()

            assert run.state == RunState.FAILED
            world.saw(row, run)
            world.recovers()

    @pytest.mark.whole
    def test_a_server_restarted_between_pages_fails_the_run(self, world: World) -> None:
        def restarted() -> None:
            world.directory.stop(remove=False)
            world.restart()

        with world.row(
            "slapd restarted between two pages", how="TERM and start", expected="failed; the next run is right"
        ) as row:
            run = world.disturbed(between_pages(restarted))

            assert run.state == RunState.FAILED
            world.saw(row, run)
            world.recovers()


class TestChangesWhileReading:
    @pytest.mark.whole
    def test_somebody_who_joins_is_no_fault(self, world: World) -> None:
        dn, joined = person(61)
        with world.row("an entry added while reading", how=AMID, expected="applied as if undisturbed") as row:
            run = world.disturbed(between_pages(lambda: world.directory.add(dn, joined)))
            world.directory.delete(dn)

            assert run.state == RunState.APPLIED
            world.saw(row, run)

    def test_somebody_who_leaves_before_being_read_is_deactivated_with_the_reason(self, former: World) -> None:
        with former.row(
            "a user moved out of the search base while reading",
            how=AMID,
            expected="deactivated, as it is true, and the steps say where to",
        ) as row:
            run = former.disturbed(between_pages(lambda: leaves(former, "p050")))

            steps = " ".join(change_of(run, "p050").steps)
            assert run.state == RunState.APPLIED
            assert f"moved out of the search base to uid=p050,{FORMER}" in steps
            former.saw(row, run, f"applied; p050: {steps}", rightly=["p050"])
            returns(former, "p050")

    @pytest.mark.whole
    def test_somebody_who_leaves_after_being_read_stays_until_the_next_run(self, former: World) -> None:
        with former.row(
            "a user moved out of the search base after being read", how=AMID, expected="applied as if undisturbed"
        ) as row:
            run = former.disturbed(between_pages(lambda: leaves(former, "p010")))

            assert run.state == RunState.APPLIED
            former.saw(row, run)
            returns(former, "p010")
            former.recovers()

    def test_somebody_who_is_away_just_then_is_not_checked(self, former: World) -> None:
        def comes_back() -> None:
            returns(former, "p050")

        with former.row(
            "a user out of the search base for as long as the reading takes",
            how="moved before the reading, and back before the entries are counted again",
            expected="this user not checked, the others as they should be",
        ) as row:
            leaves(former, "p050")
            run = former.disturbed(Fault(damage.calling(comes_back), Stage.COUNTED_AGAIN, times=1))

            change = change_of(run, "p050")
            assert (run.state, change.outcome) == (RunState.APPLIED, Outcome.NOT_CHECKED)
            former.saw(row, run, f"applied; p050: {change.steps[-1]}")
            former.recovers()

    @pytest.mark.whole
    def test_an_ou_renamed_away_fails_the_run(self, world: World) -> None:
        with world.row(
            "the search base renamed while reading", how=AMID, expected="failed; the next run is right"
        ) as row:
            run = world.disturbed(between_pages(lambda: world.directory.rename(UNIT, "ou=Personnel")))
            world.directory.rename(f"ou=Personnel,{BASE}", "ou=People")

            assert run.state == RunState.FAILED
            assert "No such object" in run.error
            world.saw(row, run)
            world.recovers()

    @pytest.mark.whole
    def test_an_ou_renamed_below_the_base_fails_the_run(self, world: World) -> None:
        with world.row("an OU renamed while reading", how=AMID, expected="failed, nobody changed") as row:
            world.server(search_base=BASE)
            simulate()
            run = world.disturbed(between_pages(lambda: world.directory.rename(UNIT, "ou=Personnel")))
            world.directory.rename(f"ou=Personnel,{BASE}", "ou=People")

            assert run.state == RunState.FAILED
            assert "the directory changed while it was being read" in run.error
            world.saw(row, run)

    @pytest.mark.whole
    def test_rights_lost_fail_the_run(self, world: World) -> None:
        with world.row(
            "an ACL hides 40 people while reading", how=AMID, expected="failed; the next run is right"
        ) as row:
            run = world.disturbed(between_pages(lambda: world.directory.allow(*hidden(MANY)), page=4))
            world.directory.allow()

            assert run.state == RunState.FAILED
            world.saw(row, run)
            world.recovers()


class TestAHiddenPart:
    @pytest.mark.parametrize("name", first_often(HIDDEN))
    def test_holds_the_run_back(self, world: World, name: str) -> None:
        pattern, words = HIDDEN[name]
        with world.row(
            f"an ACL hides {name}", how="access rules of slapd", expected="held back; the next run is right"
        ) as row:
            world.directory.allow(*hidden(pattern))
            run = world.sync()
            world.directory.allow()

            assert run.state == RunState.HELD_BACK
            assert any(words in reason for reason in run.held_back), run.held_back
            assert world.unchanged()
            world.saw(row, run)
            world.recovers()

    def test_too_small_for_the_limits_is_noticed_by_the_canary(self, world: World) -> None:
        with world.row(
            "an ACL hides 5 of 57 people, the canary entry among them",
            how="access rules of slapd",
            expected="held back; the next run is right",
        ) as row:
            world.server(canary="p053")
            world.directory.allow(*hidden(FIVE))
            run = world.sync()
            world.directory.allow()

            assert run.state == RunState.HELD_BACK
            assert run.held_back == ["Corp: the canary entry p053 was not found."]
            world.saw(row, run)
            world.recovers()

    def test_behind_a_referral_leaves_absent_users_unchecked(self, world: World) -> None:
        far = f"ou=Far,{UNIT}"
        elsewhere = "ldap://127.0.0.1:1/ou=Far,dc=example,dc=com"
        with world.row(
            "a referral inside the search base",
            how="a referral object to a dead server",
            expected="named and not followed; absent users not checked",
        ) as row:
            world.directory.add(far, {"objectClass": ["referral", "extensibleObject"], "ou": "Far", "ref": elsewhere})
            run = world.sync()
            world.directory.delete(far)

            assert run.state == RunState.APPLIED
            assert all(change_of(run, uid).outcome == Outcome.NOT_CHECKED for uid in LEAVERS)
            assert any(elsewhere in warning for warning in run.warnings)
            world.saw(row, run)
            world.recovers()


class TestServerLimits:
    @pytest.mark.whole
    @pytest.mark.parametrize(
        ("name", "limit"),
        [
            ("20 entries for each search", "users size=20"),
            ("30 entries for all pages together", "users size.prtotal=30"),
            ("pages smaller than the smallest that is asked for", "users size.pr=5"),
            ("no paging at all", "users size.prtotal=disabled"),
        ],
    )
    def test_fail_the_run_in_the_servers_words(self, world: World, name: str, limit: str) -> None:
        with world.row(
            f"slapd allows {name}", how=f"limits {limit}", expected="failed, never a part; the next run is right"
        ) as row:
            world.directory.limit(limit)
            run = world.sync()
            world.directory.limit()

            assert run.state == RunState.FAILED
            assert "exceeded" in run.error or "unwilling" in run.error or "control" in run.error
            world.saw(row, run)
            world.recovers()

    @pytest.mark.whole
    def test_on_pages_are_met_with_smaller_pages(self, world: World) -> None:
        with world.row(
            "pages larger than the server allows", how="limits users size.pr=12", expected="applied, in smaller pages"
        ) as row:
            world.server(page_size=4 * PAGE)
            world.directory.limit("users size.pr=12 size.prtotal=unlimited")
            run = world.sync()
            world.directory.limit()

            proof = run.readings.get().proof
            assert run.state == RunState.APPLIED
            world.saw(row, run, f"applied, in {proof['pages']} pages; answers: {proof['results']}")


@pytest.mark.whole
def test_half_of_the_people_deleted_hold_the_run_back(world: World) -> None:
    with (
        world.row("half of the people are gone", how="a replica with 30 people", expected="held back") as row,
        Directory(ldif=staff(STAFF // 2)) as replica,
    ):
        world.proxy.target, usual = replica.port, world.proxy.target
        run = world.sync()
        world.proxy.target = usual

        assert run.state == RunState.HELD_BACK
        world.saw(row, run)
        world.recovers()


@pytest.mark.whole
def test_people_deleted_while_reading_fail_the_run(world: World) -> None:
    with (
        world.row("half of the people deleted while reading", how=AMID, expected="failed, nobody changed") as row,
        Directory(ldif=staff()) as other,
    ):
        world.proxy.target, usual = other.port, world.proxy.target

        def half_are_deleted() -> None:
            for number in range(10, 40):
                other.delete(dn_of(f"p{number:03}"))

        run = world.disturbed(between_pages(half_are_deleted))
        world.proxy.target = usual

        assert run.state == RunState.FAILED
        world.saw(row, run)
        world.recovers()
