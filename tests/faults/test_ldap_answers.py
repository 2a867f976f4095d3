"""Well-formed answers that are wrong: a refusal, an early end, a lost or doubled entry; none of them makes anybody absent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from directory.models import Run, RunState
from directory.values.plan import Outcome
from tests.faults import damage
from tests.faults.ldap_world import LEAVERS, LONG_TIMEOUT, SHORT_TIMEOUT, World, first_often
from tests.faults.proxy import Action, Fault, Stage
from tests.worlds import change_of

pytestmark = pytest.mark.django_db

SLAPD = "a TCP proxy before slapd"
# RFC 4511, appendix A.
REFUSALS = {
    1: "operationsError",
    3: "timeLimitExceeded",
    4: "sizeLimitExceeded",
    11: "adminLimitExceeded",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}
INCOMPLETE: Mapping[str, tuple[Fault, str]] = {
    "a page that is called the last one although others follow": (
        Fault(damage.call_it_the_last_page, Stage.PAGE_END),
        "37 others are there",
    ),
    "a page without the paging control": (Fault(damage.leave_out_the_control, Stage.PAGE_END), "no proof"),
    "busy while the entries are counted again": (
        Fault(damage.answering(51), Stage.COUNTED_AGAIN_END),
        "could not be counted again",
    ),
}
OVERLOOKED: Mapping[str, Action] = {
    "an entry that gets lost on the way": damage.leave_out,
    "a flipped bit that makes an entry another request's": damage.lose_message_number,
}
# The first connection reads, the second one counts again, and the third asks for those who were not found.
ABSENCE_CHECK = 3
NOT_CONFIRMED: Mapping[str, tuple[Fault, int]] = {
    "a connection refused when absent users are asked for": (Fault(damage.reset, Stage.CONNECT), LONG_TIMEOUT),
    "a connection closed when absent users are asked for": (
        Fault(damage.close, Stage.BETWEEN_PAGES, page=1),
        LONG_TIMEOUT,
    ),
    "silence when absent users are asked for": (Fault(damage.fall_silent, Stage.BETWEEN_PAGES, page=2), SHORT_TIMEOUT),
    "busy when absent users are asked for": (Fault(damage.answering(51), Stage.LAST_PAGE), LONG_TIMEOUT),
    "half an answer when absent users are asked for": (Fault(damage.truncate, Stage.LAST_PAGE), LONG_TIMEOUT),
}


def overlooked(run: Run) -> list[str]:
    """Return who is not checked, by name."""
    return sorted(run.changes.filter(outcome=Outcome.NOT_CHECKED).values_list("username", flat=True))


@pytest.mark.parametrize("code", first_often(REFUSALS))
def test_a_refusal_at_the_end_is_no_success(world: World, code: int) -> None:
    with world.row(
        f"{REFUSALS[code]} after the last entry", how=SLAPD, expected="failed with the server's words, nobody changed"
    ) as row:
        run = world.disturbed(Fault(damage.answering(code, "in the server's words"), Stage.LAST_PAGE))

        assert run.state == RunState.FAILED
        assert "in the server's words" in run.error
        assert world.unchanged()
        world.saw(row, run)


@pytest.mark.parametrize("name", first_often(INCOMPLETE))
def test_an_answer_that_may_lack_entries_is_not_complete(world: World, name: str) -> None:
    fault, words = INCOMPLETE[name]
    with world.row(name, how=SLAPD, expected="failed, nobody changed; the next run is right") as row:
        run = world.disturbed(fault)

        assert run.state == RunState.FAILED
        assert words in run.error
        assert world.unchanged()
        world.saw(row, run)
        world.recovers()


def test_an_entry_that_comes_twice_counts_once(world: World) -> None:
    with world.row("an entry that comes twice", how=SLAPD, expected="applied as if undisturbed, with a warning") as row:
        run = world.disturbed(Fault(damage.send_twice, Stage.MID_PAGE))

        assert run.state == RunState.APPLIED
        assert "1 entry came twice and counts once: uid=" in " ".join(run.warnings)
        world.saw(row, run)
        world.recovers()


@pytest.mark.parametrize("name", first_often(OVERLOOKED))
def test_a_user_whose_entry_was_lost_is_found_when_asked_for(world: World, name: str) -> None:
    with world.row(name, how=SLAPD, expected="this user not checked, the others as they should be") as row:
        run = world.disturbed(Fault(OVERLOOKED[name], Stage.MID_PAGE))

        assert run.state == RunState.APPLIED
        [lost] = overlooked(run)
        result = change_of(run, lost).steps[-1]
        assert "found after all at uid=" in result
        world.saw(row, run, f"applied; {lost} not checked: {result}")
        world.recovers()


@pytest.mark.parametrize("name", first_often(NOT_CONFIRMED))
def test_an_absence_that_can_not_be_confirmed_is_none(world: World, name: str) -> None:
    fault, timeout = NOT_CONFIRMED[name]
    with world.row(
        name,
        how=f"{SLAPD}, at the connection that asks for them",
        expected="the leavers not checked, the others applied",
    ) as row:
        fault.connection = ABSENCE_CHECK
        run = world.disturbed(fault, timeout=timeout)

        assert run.state == RunState.APPLIED
        assert overlooked(run) == sorted(LEAVERS)
        world.saw(row, run, f"applied; {len(LEAVERS)} not checked: {change_of(run, LEAVERS[0]).steps[-1]}")
        world.recovers()


@pytest.mark.whole
def test_a_server_that_ends_every_search_early_holds_the_run_back(world: World) -> None:
    with world.row(
        "every search ends after two pages, with success", how=SLAPD, expected="held back, nobody changed"
    ) as row:
        run = world.disturbed(Fault(damage.call_it_the_last_page, Stage.EVERY_PAGE_END))

        assert run.state == RunState.HELD_BACK
        assert world.unchanged()
        world.saw(row, run)
        world.recovers()


@pytest.mark.whole
def test_a_slow_network_changes_nothing(world: World) -> None:
    with world.row("20 ms before every message", how=SLAPD, expected="applied as if undisturbed") as row:
        world.proxy.delay = 0.02
        run = world.sync()

        assert run.state == RunState.APPLIED
        world.saw(row, run)


def test_an_undisturbed_reading_is_proven(world: World) -> None:
    with world.row("nothing at all", how=SLAPD, expected="applied, with the proof in the run") as row:
        run = world.sync()

        proof = run.readings.get().proof
        assert (proof["pages"], proof["entries"], proof["counted"]) == (6, 57, 57)
        assert (proof["last_cookie_empty"], proof["controls_missing"], proof["results"]) == (True, 0, {"success": 6})
        assert proof["authorization"] == f"dn:{world.directory.reader_dn}"
        result = f"applied: {proof['entries']} entries in {proof['pages']} pages, counted twice, as {proof['bound_as']}"
        world.saw(row, run, result)
        assert not world.unchanged()
