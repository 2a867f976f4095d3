"""Connections to a directory that break, at every stage of a reading: the run fails, nobody is touched, the next is right."""

from __future__ import annotations

import pytest

from directory.models import RunState
from tests.faults import damage
from tests.faults.ldap_world import LONG_TIMEOUT, SHORT_TIMEOUT, World
from tests.faults.proxy import Action, Fault, Stage

READING = (Stage.BIND, Stage.FIRST_PAGE, Stage.MID_PAGE, Stage.LAST_PAGE)
ANYWHERE = (Stage.CONNECT, Stage.BETWEEN_PAGES, Stage.COUNTED_AGAIN, *READING)
BREAKS: dict[str, tuple[Action, tuple[Stage, ...]]] = {
    "connection closed": (damage.close, ANYWHERE),
    "connection reset": (damage.reset, ANYWHERE),
    "silence": (damage.fall_silent, ANYWHERE),
    "message cut in half": (damage.truncate, READING),
    "garbage": (damage.send_garbage, READING),
    "bit flipped in a length": (damage.flip_length, READING),
    "slow drip": (damage.drip, READING),
}
# What the client notices without waiting.
AT_ONCE = frozenset({damage.close, damage.reset, damage.truncate})


@pytest.mark.whole
@pytest.mark.django_db
@pytest.mark.parametrize(("name", "stage"), [(name, stage) for name, (_, stages) in BREAKS.items() for stage in stages])
def test_a_break_fails_the_run_and_the_next_one_is_right(world: World, name: str, stage: Stage) -> None:
    with world.row(
        f"{name} {stage}", how="a TCP proxy before slapd", expected="failed, nobody changed; the next run is right"
    ) as row:
        action = BREAKS[name][0]
        run = world.disturbed(Fault(action, stage), timeout=LONG_TIMEOUT if action in AT_ONCE else SHORT_TIMEOUT)

        assert run.state == RunState.FAILED
        assert world.unchanged()
        world.saw(row, run)
        world.recovers()
