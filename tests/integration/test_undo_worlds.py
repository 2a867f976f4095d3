"""Whatever a sync has done to whom, its undo puts back, and the undo of that undo does it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from directory.actions import stored_plans, sync_settings, undo
from directory.models import Run, RunState, Trigger
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.actions import archives, devices, legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions.users import blocking, deactivation
from orgs.models import Device, Matter, User
from orgs.rules.actors import SYSTEM, Actor
from tests import state
from tests.directories import Directory
from tests.integration.employer import PLENTY, Employer
from tests.worlds import NOON, Clock, device, org, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")
PEOPLE = 12
ORGS = ("Default", "Staff", "Research", "Outside")
ROLES = ("Org Admin", "PROe User", "Desktop User", "Org Admin, Desktop User")
# What a session sees, and which entry someone was last found by, is no undo's business.
NOT_PUT_BACK = ("directory.Match",)


@pytest.fixture
def lasting_employer() -> Iterator[Employer]:
    with Directory() as directory:
        yield Employer(directory)


class World:
    """An employer whose people come, go, move and are renamed, and an administrator who interferes."""

    def __init__(self, employer: Employer, seed: int) -> None:
        self.employer, self.chance, self.at = employer, Random(seed), NOON
        self.there: set[int] = set()
        for name in ORGS[1:]:
            org(name)
        org_actions.change(org=org("Outside"), by=SYSTEM, at=NOON, directory_service="local")
        employer.server(username_attribute="employeeNumber", limit_entries_percent=1, **PLENTY)
        sync_settings.save(
            values={
                "reactivate_set_by_person": self.chance.random() < 0.3,
                "reactivate_devices": self.chance.random() < 0.7,
            },
            by=SYSTEM,
            at=NOON,
        )
        self.matter = legal_holds.open_matter(name="Inquiry", by=SYSTEM, at=NOON)
        for number in range(PEOPLE):
            self._hire(number)

    def _hire(self, number: int) -> None:
        someone = user(f"n{number}", org_name=self.chance.choice(ORGS[:3]), roles=self.chance.choice(ROLES).split(", "))
        for name in ("laptop", "desktop", "old")[: self.chance.randrange(4)]:
            device(someone, name)
        self._appears(number)

    def _appears(self, number: int) -> None:
        attributes = {"employeeNumber": f"n{number}", **self._attributes()}
        self.employer.hires(f"u{number}", **attributes)
        self.there.add(number)

    def _attributes(self) -> dict[str, str]:
        return {
            "departmentNumber": self.chance.choice(ORGS),
            "title": self.chance.choice(ROLES),
            "employeeType": self.chance.choice(("active", "active", "inactive")),
            "givenName": self.chance.choice(("Ada", "Sean", "Mia")),
            "mail": f"{self.chance.choice('abc')}@example.com",
        }

    def goes_on(self) -> None:
        """Let a day pass: the directory changes, and a person does a thing or two."""
        self.at += timedelta(days=self.chance.randrange(1, 9))
        for number in range(PEOPLE):
            entry = self.employer.dn(f"u{number}")
            if number not in self.there:
                if self.chance.random() < 0.3:
                    self._appears(number)
            elif self.chance.random() < 0.15:
                self.employer.directory.delete(entry)
                self.there.discard(number)
            elif self.chance.random() < 0.6:
                self.employer.directory.modify(entry, self._attributes())
        self._rename()
        for _ in range(self.chance.randrange(4)):
            self._interfere()

    def _rename(self) -> None:
        """Give two people each other's usernames, or one a new one."""
        staying = sorted(self.there)
        if len(staying) < 2 or self.chance.random() < 0.4:
            return
        one, other = self.chance.sample(staying, 2)
        modify, dn = self.employer.directory.modify, self.employer.dn
        modify(dn(f"u{one}"), {"employeeNumber": f"new{self.chance.randrange(1000)}"})
        if self.chance.random() < 0.5:
            modify(dn(f"u{other}"), {"employeeNumber": f"n{one}"})

    def _interfere(self) -> None:
        someone = self.chance.choice(list(User.objects.filter(username_key__startswith="n").order_by("pk")))
        by: dict[str, Any] = {"by": ADA, "at": self.at}
        match self.chance.randrange(7):
            case 0:
                deactivation.deactivate(user_ids=[someone.pk], **by)
            case 1:
                blocking.block(user_ids=[someone.pk], **by)
            case 2:
                deactivation.reactivate(user_ids=[someone.pk], **by)
            # Who was off already when the hold came, and is brought back by a sync, can't be deactivated again.
            case 3 if someone.active:
                legal_holds.add_custodians(matter=self.matter, user_ids=[someone.pk], **by)
            case 4:
                legal_holds.release(matter=self.matter, user_ids=[someone.pk], **by)
            case 5:
                own = Device.objects.filter(user=someone).order_by("pk").values_list("pk", flat=True)
                devices.deactivate(device_ids=list(own)[:1], **by)
            case _:
                archives.age(**by)

    def syncs(self, *, simulated: bool = False) -> Run:
        self.at += timedelta(hours=1)
        return sync(simulated=simulated, at=self.at)

    def undoes(self, run: Run) -> Run:
        """Undo a run: first its plan, then exactly that."""
        self.at += timedelta(hours=1)
        plan = undo.start(run=run, by=ADA, at=self.at, trigger=Trigger.COMMAND, wake=False)
        pipeline.execute(plan.pk, clock=Clock(self.at))
        plan.refresh_from_db()
        assert plan.state == RunState.PLANNED, plan.error
        return applied(plan, self.at)


def applied(plan: Run, at: datetime) -> Run:
    run = stored_plans.apply_plan(run=plan, by=ADA, at=at, wake=False)
    pipeline.execute(run.pk, clock=Clock(at))
    run.refresh_from_db()
    return run


def now() -> state.Rows:
    rows = state.snapshot(ignoring={"last_login", "session_epoch"})
    grants = rows["orgs.RoleGrant"].values()
    rows["orgs.RoleGrant"] = {
        (row["user_id"], row["role_id"]): {name: value for name, value in row.items() if name != "id"} for row in grants
    }
    return {label: found for label, found in rows.items() if label not in NOT_PUT_BACK}


def there_and_back(employer: Employer, seed: int) -> None:
    world = World(employer, seed)
    world.syncs(simulated=True)
    for _ in range(world.chance.randrange(1, 4)):
        world.goes_on()
        world.syncs()
    world.goes_on()
    before = now()
    run = world.syncs()
    assert run.state == RunState.APPLIED, run.held_back
    after = now()
    changed = run.changes.filter(outcome=Outcome.APPLIED).count()
    if not changed:
        return

    first = world.undoes(run)

    assert state.differences(before, now()) == []
    assert first.changes.filter(outcome=Outcome.APPLIED).count() == changed
    world.undoes(first)
    assert state.differences(after, now()) == []
    assert Matter.objects.get() == world.matter


class TestAnyWorld:
    @pytest.mark.parametrize("seed", range(3))
    def test_is_as_before_after_an_undo_and_as_after_the_sync_after_the_undo_of_that(
        self, lasting_employer: Employer, seed: int
    ) -> None:
        there_and_back(lasting_employer, seed)

    @pytest.mark.whole
    @pytest.mark.parametrize("seed", range(3, 60))
    def test_is_as_before_whatever_happens_in_it(self, lasting_employer: Employer, seed: int) -> None:
        there_and_back(lasting_employer, seed)
