"""Any two actions on the same user at the same moment leave a state that fits, and neither waits for the other for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from django.db import connection, transaction

from directory import invariants
from directory.actions.users import noted_matches
from directory.models import Match
from directory.sync.plan import stored_users
from orgs.actions import archives, devices, legal_holds, org_tree, orgs, roles, state_restoration
from orgs.actions.devices_by_hand import archive_expiry, replacement, states
from orgs.actions.errors import Refused
from orgs.actions.matters import matter_edits
from orgs.actions.matters.matter_edits import MatterText
from orgs.actions.users import (
    blocking,
    deactivation,
    local_passwords,
    org_moves,
    pending_deactivation,
    role_grants,
    user_creation,
    user_profiles,
)
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, ArchiveState, AuditEntry, CreatedBy, Device, Matter, Org, Role, SetBy, User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, Actor
from tests.worlds import NOON, device, org, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
    pytest.mark.database,
]
AT = NOON + timedelta(days=400)
SYNC = Actor(label="sync", run_id=10**6)
# How long the first of two stays in its transaction when it has done all that it does.
PAUSE = 0.015
WAITS = 20.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One user with all that actions take hold of, and two orgs to be in."""

    user: User
    device: Device
    archive: Archive
    here: Org
    there: Org
    matter: Matter
    role: Role


def set_up(number: int) -> Scene:
    here, there = org("Here"), org(f"There {number}")
    someone = user(f"user{number}", org_name=here.name)
    laptop = device(someone)
    Match.objects.create(user=someone, dn=f"uid={number}", unique_id=str(number), matched_at=NOON)
    matter = legal_holds.open_matter(name=f"Matter {number}", by=SYSTEM, at=NOON)
    role = Role.objects.filter(name="Reader").first()
    if role is None:
        role = roles.save(role=None, name="Reader", permissions=[Permission.COMPUTER_READ], by=SYSTEM, at=NOON)
    return Scene(someone, laptop, laptop.archives.get(), here, there, matter, role)


def move(scene: Scene) -> None:
    current = User.objects.get(pk=scene.user.pk).org_id
    org_moves.move(
        moves={scene.user.pk: scene.there.pk if current == scene.here.pk else scene.here.pk}, by=SYSTEM, at=AT
    )


def rename(scene: Scene) -> None:
    name = f"{scene.user.username}-{threading.get_ident()}"
    user_profiles.update_profiles(profiles={scene.user.pk: Profile(name)}, by=SYSTEM, at=AT)


def as_a_run_does(scene: Scene) -> None:
    """Lock first, as each batch of a run does, then do several things."""
    with transaction.atomic():
        list(Org.objects.select_for_update(no_key=True).filter(pk__in=[scene.here.pk, scene.there.pk]).order_by("pk"))
        stored_users.load([scene.user.pk], lock=True)
        ids = [scene.user.pk]
        deactivation.reactivate(user_ids=ids, by=SYNC, at=AT)
        blocking.unblock(user_ids=ids, by=SYNC, at=AT)
        deactivation.deactivate(user_ids=ids, by=SYNC, at=AT)


def create(scene: Scene) -> None:
    new = NewUser(Profile(f"new-{scene.user.username}-{threading.get_ident()}"), scene.there.pk)
    user_creation.create(users=[new], created_by=CreatedBy.HAND, by=SYSTEM, at=AT)


def put_device_back(scene: Scene) -> None:
    remembered = {
        "active": True,
        "deactivated_by": SetBy.NOBODY.value,
        "deactivated_at": None,
        "deactivated_with_user": False,
        "authorized": True,
    }
    with transaction.atomic():
        state_restoration.devices(remembered={scene.device.pk: remembered}, by=SYSTEM, at=AT)
        state_restoration.live_archives(archive_ids=[scene.archive.pk], at=AT)


def replace_device(scene: Scene) -> None:
    """Register a computer, which a deactivated user can't, and put it in place of the device."""
    with transaction.atomic():
        if not User.objects.select_for_update().get(pk=scene.user.pk).active:
            raise Refused("a deactivated user registers no computer")
        new = Device.objects.create(user=scene.user, name=f"new {threading.get_ident()}")
    replacement.replace(device_id=scene.device.pk, computer_id=new.pk, by=SYSTEM, at=AT)


def move_org(scene: Scene) -> None:
    there, here = Org.objects.get(pk=scene.there.pk), Org.objects.get(pk=scene.here.pk)
    away = Org.objects.get(depth=1) if there.path.startswith(here.path) else here
    org_tree.move(org=there, parent=away, by=SYSTEM, at=AT)


def edit_matter(scene: Scene) -> None:
    """Rename the matter, and move it to an org or to all orgs, as a person who has just opened the form."""
    matter = Matter.objects.get(pk=scene.matter.pk)
    text = MatterText(f"{matter.name}.", policy=matter.preservation_policy, org=None if matter.org_id else scene.here)
    matter_edits.edit(matter_id=matter.pk, text=text, known=matter_edits.version(matter), by=SYSTEM, at=AT)


def only(scene: Scene) -> dict[str, Any]:
    return {"user_ids": [scene.user.pk], "by": SYSTEM, "at": AT}


ACTS: dict[str, Callable[[Scene], object]] = {
    "block": lambda scene: blocking.block(**only(scene)),
    "unblock": lambda scene: blocking.unblock(**only(scene)),
    "deactivate": lambda scene: deactivation.deactivate(**only(scene)),
    "reactivate": lambda scene: deactivation.reactivate(**only(scene)),
    "clear what is pending": lambda scene: pending_deactivation.clear_pending(**only(scene)),
    "move": move,
    "set roles": lambda scene: role_grants.set_roles(
        roles={scene.user.pk: frozenset({scene.role.pk})}, by=SYSTEM, at=AT
    ),
    "change the role": lambda scene: roles.save(
        role=Role.objects.get(pk=scene.role.pk),
        name=scene.role.name,
        permissions=[Permission.COMPUTER_READ, Permission.USER_READ],
        by=SYSTEM,
        at=AT,
    ),
    "rename": rename,
    "manage locally": lambda scene: local_passwords.set_managed_locally(managed_locally=True, **only(scene)),
    "set the password": lambda scene: local_passwords.set_password(
        user=scene.user, password="correct horse battery", by=SYSTEM, at=AT
    ),
    "create beside": create,
    "put on hold": lambda scene: legal_holds.add_custodians(matter=scene.matter, **only(scene)),
    "release": lambda scene: legal_holds.release(matter=scene.matter, **only(scene)),
    "close the matter": lambda scene: legal_holds.close_matter(matter=scene.matter, by=SYSTEM, at=AT),
    "reopen the matter": lambda scene: legal_holds.reopen_matter(matter=scene.matter, by=SYSTEM, at=AT),
    "edit the matter": edit_matter,
    "deactivate the device": lambda scene: devices.deactivate(device_ids=[scene.device.pk], by=SYSTEM, at=AT),
    "reactivate the device": lambda scene: devices.reactivate(device_ids=[scene.device.pk], by=SYSTEM, at=AT),
    "block the device": lambda scene: states.block(device_ids=[scene.device.pk], by=SYSTEM, at=AT),
    "replace the device": replace_device,
    "keep the archive longer": lambda scene: archive_expiry.extend(
        archive_ids=[scene.archive.pk], until=AT + timedelta(days=700), by=SYSTEM, at=AT
    ),
    "put the device back": put_device_back,
    "age archives": lambda _: archives.age(by=SYSTEM, at=AT + timedelta(days=400)),
    "take the org out of use": lambda scene: orgs.set_active(org=scene.there, active=False, by=SYSTEM, at=AT),
    "make an org below": lambda scene: orgs.create(
        name=f"Below {scene.there.name} {threading.get_ident()}", parent=scene.there, by=SYSTEM, at=AT
    ),
    "move the org": move_org,
    "forget the match": lambda scene: noted_matches.forget(**only(scene)),
    "a run": as_a_run_does,
}
# Those of which each pair meets in each state; any other pair meets in one.
OF_STATES = {
    *("deactivate", "reactivate", "deactivate the device", "reactivate the device", "put the device back"),
    "replace the device",
    *("put on hold", "release", "reopen the matter", "move", "take the org out of use", "a run"),
}
# How the user is before: as made, with a device that is off, deactivated, on hold, or released by a closed matter.
STATES: dict[str, Callable[[Scene], object]] = {
    "active": lambda _: None,
    "with a device that is off": lambda scene: devices.deactivate(device_ids=[scene.device.pk], by=SYSTEM, at=NOON),
    "deactivated": lambda scene: deactivation.deactivate(user_ids=[scene.user.pk], by=SYNC, at=NOON),
    "on hold and pending": lambda scene: (
        legal_holds.add_custodians(matter=scene.matter, user_ids=[scene.user.pk], by=SYSTEM, at=NOON),
        deactivation.deactivate(user_ids=[scene.user.pk], by=SYNC, at=NOON),
    ),
    "released by a closed matter": lambda scene: (
        legal_holds.add_custodians(matter=scene.matter, user_ids=[scene.user.pk], by=SYSTEM, at=NOON),
        legal_holds.close_matter(matter=Matter.objects.get(pk=scene.matter.pk), by=SYSTEM, at=NOON),
    ),
}


class Pair:
    """Two who act at once; the first may stay in its transaction for a moment, so that the second meets it there."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def meet(self, scene: Scene, first: str, second: str) -> None:
        """Have the second begin when the first has done what it does and has not committed it."""
        done = threading.Event()

        def one() -> None:
            try:
                with transaction.atomic():
                    ACTS[first](scene)
                    done.set()
                    threading.Event().wait(PAUSE)
            finally:
                done.set()

        def other() -> None:
            done.wait(WAITS)
            ACTS[second](scene)

        self._run(f"{first}, then {second}", one, other)

    def race(self, scene: Scene, first: str, second: str) -> None:
        """Have both begin at the same moment."""
        together = threading.Barrier(2)

        def act(name: str) -> None:
            together.wait(WAITS)
            ACTS[name](scene)

        self._run(f"{first} beside {second}", lambda: act(first), lambda: act(second))

    def _run(self, name: str, *works: Callable[[], None]) -> None:
        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except Refused:
                pass
            except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
                self.troubles.append(f"{name}: {type(error).__name__}: {error}")
            finally:
                connection.close()

        threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAITS)
            if thread.is_alive():
                self.troubles.append(f"{name}: still waiting")


def broken() -> list[str]:
    # The run that acts here has no row of its own.
    return [str(each) for each in invariants.broken(at=AT)]


def meetings() -> list[tuple[str, str, str]]:
    """Return who comes first, who second, and how the user is."""
    found = []
    for number, (first, second) in enumerate(product(ACTS, ACTS)):
        all_states = {first, second} <= OF_STATES
        found += [(first, second, state) for state in (STATES if all_states else [list(STATES)[number % len(STATES)]])]
    return found


@pytest.mark.parametrize("part", range(4))
def test_of_which_one_comes_while_the_other_is_in_its_transaction(part: int) -> None:
    user("root", roles=["SYSADMIN"])
    pair = Pair()
    for number, (first, second, state) in enumerate(meetings()[part::4]):
        scene = set_up(number)
        STATES[state](scene)
        pair.meet(scene, first, second)

    assert pair.troubles == []
    assert broken() == []


@pytest.mark.parametrize("part", range(4))
def test_that_begin_at_the_same_moment(part: int) -> None:
    user("root", roles=["SYSADMIN"])
    pair = Pair()
    pairs = list(combinations_with_replacement(ACTS, 2))
    for number in range(part, len(pairs), 4):
        first, second = pairs[number]
        scene = set_up(number)
        list(STATES.values())[number // 4 % len(STATES)](scene)
        pair.race(scene, first, second)

    assert pair.troubles == []
    assert broken() == []


class TestSysadmins:
    def test_one_is_left_when_one_is_blocked_and_the_other_s_role_loses_admin(self) -> None:
        root = user("root", roles=["SYSADMIN"])
        scene = set_up(1)
        role = roles.save(role=None, name="Deputy", permissions=["admin"], by=SYSTEM, at=NOON)
        role_grants.set_roles(roles={scene.user.pk: frozenset({role.pk})}, by=SYSTEM, at=NOON)
        pair = Pair()
        acts = {
            "the one": lambda _: blocking.block(user_ids=[root.pk], by=SYSTEM, at=AT),
            "the other": lambda _: roles.save(
                role=role, name="Deputy", permissions=[Permission.COMPUTER_READ], by=SYSTEM, at=AT
            ),
        }
        ACTS.update(acts)
        try:
            pair.meet(scene, "the one", "the other")
        finally:
            for name in acts:
                del ACTS[name]

        assert pair.troubles == []
        assert User.objects.sysadmins().exists()


class TestArchives:
    def test_that_are_taken_out_of_cold_storage_do_not_expire(self) -> None:
        scene = set_up(1)
        devices.deactivate(device_ids=[scene.device.pk], by=SYSTEM, at=NOON)
        due = Archive.objects.get(pk=scene.archive.pk).expires_at
        assert due is not None
        pair = Pair()
        acts = {
            "a person": lambda _: devices.reactivate(
                device_ids=[scene.device.pk], by=SYSTEM, at=due - timedelta(seconds=1)
            ),
            "the clock": lambda _: archives.age(by=SYSTEM, at=due + timedelta(seconds=1)),
        }
        ACTS.update(acts)
        try:
            pair.meet(scene, "a person", "the clock")
        finally:
            for name in acts:
                del ACTS[name]

        assert pair.troubles == []
        assert Archive.objects.get(pk=scene.archive.pk).state == ArchiveState.LIVE
        assert not AuditEntry.objects.filter(action="archive expired").exists()
