"""Issues tokens to devices whose users have signed in, exchanges them, and ends them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from orgs.actions import escalation_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.backups import new_archives
from orgs.actions.errors import Refused
from orgs.backups import gate
from orgs.models import Device, DeviceToken, KeyHolder
from orgs.rules.actors import Actor

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedInDevice:
    """What a device gets when its user signs in, once; ``password`` is empty where the user holds it."""

    device_id: int
    guid: str
    token: str = field(repr=False)
    password: str = field(repr=False)


@transaction.atomic
def issue(*, device_id: int, by: Actor, at: datetime, key_holder: KeyHolder | None = None) -> SignedInDevice:
    """Give a device a new token, as its user has signed in on it; a token of before ends.

    The device is authorized again, and has an archive with a repository afterwards. The caller has checked the user's
    password, or what else stands for it; ``key_holder`` counts only for a new repository, and by default is that of the org.

    Raises:
        Refused: when user or device is cut off, with the sentence of the gate; when the archive has expired; when the user
            holds more than ``by``.
        Undecryptable: when no key opens the password of the repository.
    """
    locks.owners_of_devices([device_id])
    state = gate.of_device(device_id)
    if state is None:
        raise Refused("this device does not exist")
    if (reason := gate.cut_off(state) or _lost(state)) is not None:
        raise Refused(str(reason.sentence).removesuffix("."))
    device = Device.objects.get(pk=device_id)
    escalation_guard.refuse_above(user_ids=[device.user_id], doing="sign in on their devices", by=by)
    if not state.location:
        new_archives.begin(device_id=device_id, key_holder=key_holder, by=by, at=at)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    DeviceToken.objects.filter(device=device_id).delete()
    DeviceToken.objects.create(device=device, sha256=gate.digest(token), created_at=at)
    Device.objects.filter(pk=device_id).update(authorized=True)
    before = {"authorized": state.authorized, "has_token": state.has_token}
    fact = Fact("device", device_id, device.name, before, {"authorized": True, "has_token": True})
    note([fact], action="device signed in", by=by, at=at)
    return SignedInDevice(device_id, device.guid, token, new_archives.password_of(device_id))


def end(*, device_ids: Collection[int]) -> int:
    """End the tokens of these devices, in the caller's transaction, which notes why; return how many had one."""
    count, _rows = DeviceToken.objects.filter(device__among=device_ids).delete()
    return count


def _lost(state: gate.BackupState) -> gate.Refusal | None:
    return gate.ARCHIVE_EXPIRED if gate.of_the_archive(state) is gate.ARCHIVE_EXPIRED else None
