"""Administrators at work on the same users, upgrades and restored backups: what each did counts, and counts once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from orgs.actions.users import blocking
from orgs.models import User
from orgs.rules.actors import Actor
from tests.catalogue import noted
from tests.faults.process_world import Scene, active_users

pytestmark = [pytest.mark.django_db(transaction=True)]
AS_TWIN = "rows, audit, history lines and mail as if nothing had happened"


@pytest.mark.whole
def test_two_administrators_at_work_on_the_same_users(scene: Scene) -> None:
    twin_active = _twin_users(scene)

    with noted(
        "faults",
        "two administrators block and unblock the very users that a run is applying",
        how="two threads, 40 actions each on 30 random users in random order, while batches are applied",
        expected="nobody sees an error or a deadlock; who is blocked by a person stays blocked; all others as the twin",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        theirs = list(User.objects.filter(username__startswith="u0").order_by("pk").values_list("pk", flat=True))[::2]
        troubles: list[BaseException] = []
        scene.reach(run, "waiting", nth=2)
        admins = [threading.Thread(target=_block, args=(theirs, number, troubles)) for number in range(2)]
        for admin in admins:
            admin.start()
        scene.fuse.go_on()
        for admin in admins:
            admin.join()
        scene.end(run)

        assert not troubles, troubles
        blocked = User.objects.filter(pk__in=theirs, blocked=True).count()
        others = dict(User.objects.exclude(pk__in=theirs).values_list("username", "active"))
        wrong = [name for name, active in others.items() if twin_active[name] != active]
        skipped = run.changes.filter(outcome="changed meanwhile").count()
        assert blocked == len(theirs)
        row.saw(
            f"no error; {skipped} users changed meanwhile and skipped, {blocked} blocked", wrongly_changed=len(wrong)
        )


def _twin_users(scene: Scene) -> dict[str, bool]:
    run = scene.begin()
    scene.workers.ready(1)
    scene.ring()
    scene.end(run)
    return dict(User.objects.values_list("username", "active"))


def _block(ids: list[int], number: int, troubles: list[BaseException]) -> None:
    chance, admin = random.Random(number), Actor(label=f"admin{number}", user_id=1)
    try:
        for _ in range(40):
            blocking.block(user_ids=chance.sample(ids, 30), by=admin, at=timezone.now())
        blocking.block(user_ids=chance.sample(ids, len(ids)), by=admin, at=timezone.now())
    except Exception as error:  # noqa: BLE001  # whatever an administrator would have seen
        troubles.append(error)
    finally:
        connection.close()


@pytest.mark.whole
def test_an_upgrade_with_a_run_in_flight(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "a new version brought in while a run is applied",
        how="worker killed in mid-apply, a column added to the runs' table, manage.py migrate, a new worker started",
        expected=f"the new version's worker goes on with the run; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "batch", nth=2).kill()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE directory_run ADD COLUMN of_the_next_version integer NOT NULL DEFAULT 0")
        call_command("migrate", verbosity=0)
        scene.end(run)

        scene.same_as_twin(row, run, f"taken {run.fence} times")


@pytest.mark.whole
def test_yesterdays_backup_restored_after_a_run(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "yesterday's backup restored after today's run, and the run carried out again",
        how="the database put back to before the run, workers and Redis as they are",
        expected=f"planned and applied anew, once; the mail is sent again, as another one; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        backup = scene.database.named(f"{Path(scene.database.name).stem}_backup")
        connection.close()
        backup.become(scene.database)
        scene.ring()
        scene.end(run)
        scene.deliver(run)
        left = active_users()
        connection.close()
        scene.database.become(backup)
        backup.drop()
        scene.log.write_text("")
        restored = active_users()
        scene.ring()
        scene.end(run)

        result = f"{left} active users, {restored} after the restore, {active_users()} after the second run"
        scene.same_as_twin(row, run, result, mails=2, one_id=False)
