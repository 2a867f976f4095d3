"""People who change things under a running sync, or stop it: what they did counts, and the run says what it left."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from directory.actions import run_start_and_cancel, servers
from directory.input_errors import Refused
from directory.models import LdapServer, Mail, Run, RunChange, RunState, Trigger
from directory.values.plan import Outcome
from orgs.actions import legal_holds
from orgs.actions.users import deactivation, user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import AuditEntry, Matter, User
from orgs.rules.actors import SYSTEM, person
from tests.catalogue import noted
from tests.faults import stages
from tests.faults.process_world import Scene
from tests.makers import make_sysadmin

pytestmark = [pytest.mark.django_db(transaction=True)]
# What a run may do to people, and nothing of the server's own rows.
PEOPLE = ("orgs.User", "orgs.RoleGrant", "orgs.Device", "orgs.Archive", "directory.RunChange")


def test_people_changed_by_hand_in_mid_apply_are_left_to_the_person(scene: Scene) -> None:
    with noted(
        "faults",
        "a person renames one user, puts one on hold and deactivates one whose changes wait in the next batch",
        how="by hand while the worker stands between two batches",
        expected="these three are skipped as changed meanwhile and listed, what the person did stays; all others as planned",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "waiting", nth=2)
        renamed, held, gone = _late(run)
        ada, now = person(make_sysadmin()), timezone.now()
        user_profiles.update_profiles(profiles={renamed.pk: Profile("renamed by hand")}, by=ada, at=now)
        legal_holds.add_custodians(matter=Matter.objects.get(), user_ids=[held.pk], by=ada, at=now)
        deactivation.deactivate(user_ids=[gone.pk], by=ada, at=now)
        scene.fuse.go_on()
        scene.end(run)

        touched = {renamed.pk, held.pk, gone.pk}
        outcomes = Counter(run.changes.values_list("outcome", flat=True))
        skipped = set(run.changes.filter(outcome=Outcome.CHANGED_MEANWHILE).values_list("user_id", flat=True))
        for user in (renamed, held, gone):
            user.refresh_from_db()
        assert skipped == touched
        assert (renamed.username, renamed.org.name, held.org.name, gone.active) == (
            "renamed by hand",
            "Default",
            "Default",
            False,
        )
        row.saw(f"{outcomes['applied']} applied, {outcomes['changed meanwhile']} changed meanwhile", wrongly_changed=0)


def _late(run: Run) -> list[User]:
    """Return three users of the last batch who are to be moved."""
    last = [change for change in run.changes.order_by("-pk") if "move" in change.actions and change.user]
    return [change.user for change in last[:3] if change.user]


@pytest.mark.whole
def test_a_run_changes_nobody_by_scripts_that_are_replaced_meanwhile(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "an administrator saves an active script that finds everybody inactive while the entries are being read",
        how="saved after the scripts had run for the first page of 200 entries",
        expected="the run changes nobody by the old scripts; the next real run is held back as never simulated",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "scripts")
        script = {"active_script": "function (entry) { return false }"}
        servers.save(server=LdapServer.objects.get(), values=script, by=SYSTEM, at=timezone.now())
        scene.fuse.go_on()
        scene.end(run)
        mine, before = scene.ending(run).digest, _before(scene)
        people = [label for label in PEOPLE if label.startswith("orgs.")]
        wrong = [line for label in people for line in (mine[label] - before[label])]
        outcomes = Counter(run.changes.values_list("outcome", flat=True))
        following = run_start_and_cancel.start(
            servers=(), simulated=False, trigger=Trigger.HAND, by=SYSTEM, at=timezone.now()
        )
        scene.end(following, RunState.HELD_BACK)

        assert outcomes.keys() == {"changed meanwhile"}
        assert run.changes.in_order()[0].steps[-1].endswith("have changed since the plan was made.")
        seen = f"{outcomes['changed meanwhile']} changed meanwhile; the next run: {following.held_back[-1]}"
        row.saw(seen, wrongly_changed=len(wrong))


@pytest.mark.whole
@pytest.mark.parametrize("point", ["scripts", "waiting"])
@pytest.mark.parametrize("what", ["disabled", "deleted"])
def test_a_server_taken_away_in_mid_run(scene: Scene, what: str, point: str) -> None:
    where = {"scripts": "while it is being read", "waiting": "while its plan is applied"}[point]
    twin = scene.twin()

    with noted(
        "faults",
        f"the LDAP server {what} {where}",
        how="by an administrator, while the worker stands still",
        expected="refused, or the run ends and says why; nobody is changed otherwise than planned",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, point, nth=1 if point == "scripts" else 2)
        server, now = LdapServer.objects.get(), timezone.now()
        result = "done"
        try:
            if what == "disabled":
                servers.save(server=server, values={"enabled": False}, by=SYSTEM, at=now)
            else:
                servers.delete(server=server, by=SYSTEM, at=now)
        except Refused as reason:
            result = f"refused: {reason}"
        scene.fuse.go_on()
        scene.end(run, RunState.APPLIED, RunState.FAILED, RunState.CANCELLED)
        mine = scene.ending(run).digest
        outcomes = Counter(run.changes.values_list("outcome", flat=True))
        planned = set(twin.digest["orgs.User"]) | set(_before(scene)["orgs.User"])
        wrong = [line for line in mine["orgs.User"] if line not in planned]

        seen = f"{result}; run {run.state}, {outcomes['applied']} applied, {outcomes['changed meanwhile']} skipped"
        row.saw(f"{seen}; {run.error}" if run.error else seen, wrongly_changed=len(wrong))


def _before(scene: Scene) -> stages.Digest:
    """Return all rows as they were before the run."""
    with stages.connected_to(scene.start):
        return stages.digest()


# Between transactions, as SQLite lets nobody else write during one.
STAGES = {"reading": ("scripts", 1), "planning": ("plan", 100), "applying": ("waiting", 2)}


@pytest.mark.parametrize("stage", [pytest.param(stage, marks=pytest.mark.whole) for stage in ("queued", *STAGES)])
def test_a_run_that_is_cancelled(scene: Scene, stage: str) -> None:
    twin = scene.twin()

    with noted(
        "faults",
        f"a run cancelled while it is {stage}",
        how="Cancel on its page" + ("" if stage == "queued" else ", while the worker stands still in the midst of it"),
        expected="it stops at its next step; what had been applied is counted and told, all others are as before",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        audit = AuditEntry.objects.count()
        if stage == "queued":
            run_start_and_cancel.cancel(run=run, by=SYSTEM, at=timezone.now())
        else:
            scene.workers.ready(1)
            point, nth = STAGES[stage]
            scene.reach(run, point, nth=nth)
            run_start_and_cancel.cancel(run=run, by=SYSTEM, at=timezone.now())
            scene.fuse.go_on()
        scene.end(run, RunState.CANCELLED)
        done = set(run.changes.filter(outcome=Outcome.APPLIED).values_list("user_id", flat=True))
        mine = scene.ending(run)
        allowed = set(twin.digest["orgs.User"]) | set(_before(scene)["orgs.User"])
        wrong = [line for line in mine.digest["orgs.User"] if line not in allowed]
        result = {line for line in mine.history if line in twin.history}

        assert bool(done) is (stage == "applying")
        assert AuditEntry.objects.exclude(object_type="run").count() > audit if done else not result
        assert not Mail.objects.exists()
        assert not run.readings.filter(live=True).exists()
        expected = RunChange.objects.filter(run=run, outcome=Outcome.APPLIED).count()
        row.saw(f"cancelled; {expected} changes applied, {len(result)} history lines", wrongly_changed=len(wrong))
