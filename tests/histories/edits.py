"""What a person can do to a user by hand, each by its action, as the console would."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from orgs.actions import device_registration, devices, legal_holds
from orgs.actions import roles as role_actions
from orgs.actions.device_registration import Computer
from orgs.actions.devices_by_hand import archive_expiry, replacement, states
from orgs.actions.errors import Refused
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
from orgs.models import Archive, CreatedBy, Device, Matter, Org, Role, User
from orgs.permissions import Permission
from tests.worlds import device

if TYPE_CHECKING:
    from tests.histories.world import World

# Some fold to the same, some are longer than they look.
NAMES = (
    "sean",
    "SEAN",
    "mia",
    "Ünal",
    "u\u0308nal",
    "straße",
    "STRASSE",
    "o'neil",
    "Ａｂｃ",
    "日本",
    "li  wei",
    "a.b+c",
)
PLACES = ("Default", "Branch", "Local")
ROLES = ("PROe User", "SYSADMIN", "Org Admin")

Edit = Callable[["World", User, int], object]


def _devices(target: User) -> list[int]:
    return list(Device.objects.filter(user=target).values_list("pk", flat=True))


def _block(world: World, target: User, _: int) -> None:
    blocking.block(user_ids=[target.pk], by=world.root, at=world.now)


def _unblock(world: World, target: User, _: int) -> None:
    blocking.unblock(user_ids=[target.pk], by=world.root, at=world.now)


def _deactivate(world: World, target: User, _: int) -> None:
    deactivation.deactivate(user_ids=[target.pk], by=world.root, at=world.now)


def _reactivate(world: World, target: User, _: int) -> None:
    deactivation.reactivate(user_ids=[target.pk], by=world.root, at=world.now)


def _clear_pending(world: World, target: User, _: int) -> None:
    pending_deactivation.clear_pending(user_ids=[target.pk], by=world.root, at=world.now)


def _manage_locally(world: World, target: User, pick: int) -> None:
    local = bool(pick % 2)
    local_passwords.set_managed_locally(user_ids=[target.pk], managed_locally=local, by=world.root, at=world.now)


def _move(world: World, target: User, pick: int) -> None:
    place = Org.objects.named(PLACES[pick % len(PLACES)]).get()
    org_moves.move(moves={target.pk: place.pk}, by=world.root, at=world.now)


def _give_roles(world: World, target: User, pick: int) -> None:
    role_ids = Role.objects.filter(name__in=ROLES[: pick % (1 + len(ROLES))]).values_list("pk", flat=True)
    role_grants.set_roles(roles={target.pk: frozenset(role_ids)}, by=world.root, at=world.now)


def _rename(world: World, target: User, pick: int) -> None:
    names = user_profiles.Profile(NAMES[pick % len(NAMES)], last_name="Smith")
    user_profiles.update_profiles(profiles={target.pk: names}, by=world.root, at=world.now)


def _turn_devices_off(world: World, target: User, _: int) -> None:
    devices.deactivate(device_ids=_devices(target), by=world.root, at=world.now)


def _turn_devices_on(world: World, target: User, _: int) -> None:
    devices.reactivate(device_ids=_devices(target), by=world.root, at=world.now)


def _register_a_device(world: World, target: User, pick: int) -> None:
    """The user signs in on a new computer, or once more on one that they have."""
    guids = ["", *Device.objects.filter(user=target).order_by("pk").values_list("guid", flat=True)]
    computer, guid = Computer("new"), guids[pick % len(guids)]
    device_registration.register(user_id=target.pk, computer=computer, guid=guid, by=world.root, at=world.now)


def _replace_a_device(world: World, target: User, pick: int) -> None:
    """The user's new computer takes the place of the first device: the user says so on it, or an administrator does."""
    first, computer = Device.objects.filter(user=target).order_by("pk").first(), Computer("new")
    if first is None:
        raise Refused("there is no device to be replaced")
    if pick % 2:
        device_registration.replace(user_id=target.pk, guid=first.guid, computer=computer, by=world.root, at=world.now)
        return
    new = device_registration.register(user_id=target.pk, computer=computer, by=world.root, at=world.now)
    computer_id = Device.objects.get(guid=new.device.guid).pk
    replacement.replace(device_id=first.pk, computer_id=computer_id, by=world.root, at=world.now)


def _stop_devices(world: World, target: User, pick: int) -> None:
    acts = (states.block, states.unblock, states.deauthorize, states.authorize, states.reactivate)
    acts[pick % len(acts)](device_ids=_devices(target), by=world.root, at=world.now)


def _keep_archives_longer(world: World, target: User, pick: int) -> None:
    ids = list(Archive.objects.filter(device__user=target).values_list("pk", flat=True))
    until = world.now + timedelta(days=1 + 100 * (pick % 5))
    archive_expiry.extend(archive_ids=ids, until=until, by=world.root, at=world.now)


def _hold(world: World, target: User, pick: int) -> None:
    matter = Matter.objects.filter(closed_at=None).order_by("-pk").first() if pick % 2 else None
    matter = matter or legal_holds.open_matter(name="Lease", by=world.root, at=world.now)
    legal_holds.add_custodians(matter=matter, user_ids=[target.pk], by=world.root, at=world.now)


def _release(world: World, target: User, _: int) -> None:
    for held in target.custodianships.filter(released_at=None).select_related("matter")[:1]:
        legal_holds.release(matter=held.matter, user_ids=[target.pk], by=world.root, at=world.now)


def _close_matter(world: World, _: User, pick: int) -> None:
    matters = list(Matter.objects.filter(closed_at=None).order_by("pk"))
    if matters:
        legal_holds.close_matter(matter=matters[pick % len(matters)], by=world.root, at=world.now)


def _edit_roles(world: World, target: User, pick: int) -> None:
    """A custom role holds more or less from now on, and somebody gets it, or loses it."""
    role = Role.objects.get(name="Auditor")
    powers = ([Permission.USER_READ], [Permission.USER_READ, Permission.ADMIN], [])[pick % 3]
    role_actions.save(role=role, name="Auditor", permissions=powers, by=world.root, at=world.now)
    held = set(target.roles.values_list("pk", flat=True))
    role_ids = held | {role.pk} if pick % 2 else held - {role.pk}
    role_grants.set_roles(roles={target.pk: frozenset(role_ids)}, by=world.root, at=world.now)


def _make_user(world: World, _: User, pick: int) -> None:
    place = Org.objects.named(PLACES[pick % len(PLACES)]).get()
    new = user_creation.NewUser(user_profiles.Profile(NAMES[pick % len(NAMES)], last_name="Smith"), place.pk)
    device(user_creation.create(users=[new], created_by=CreatedBy.HAND, by=world.root, at=world.now)[0])


EDITS: dict[str, Edit] = {
    "edit roles": _edit_roles,
    "make another user": _make_user,
    "block": _block,
    "unblock": _unblock,
    "deactivate": _deactivate,
    "reactivate": _reactivate,
    "clear pending": _clear_pending,
    "manage locally": _manage_locally,
    "move": _move,
    "give roles": _give_roles,
    "rename": _rename,
    "turn devices off": _turn_devices_off,
    "turn devices on": _turn_devices_on,
    "register a device": _register_a_device,
    "replace a device": _replace_a_device,
    "stop devices": _stop_devices,
    "keep archives longer": _keep_archives_longer,
    "hold": _hold,
    "release": _release,
    "close a matter": _close_matter,
}


def do(world: World, edit: str, target: int, pick: int) -> User:
    """Do it to one of the users, the newest first; what is refused stays undone. Return to whom."""
    everybody: list[User] = list(User.objects.order_by("-pk"))
    chosen = everybody[target % len(everybody)]
    with suppress(Refused):
        EDITS[edit](world, chosen, pick)
    return chosen
