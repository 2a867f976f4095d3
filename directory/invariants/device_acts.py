"""I2, I6: what people did to devices and archives is in the audit trail, and still holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F, Q

from directory.invariants.audit_trail import begins_later
from orgs.models import Archive, ArchiveState, AuditEntry, Device, SetBy


def blocked_by_somebody(_at: datetime) -> Iterator[str]:
    """A blocked device is stored with who blocked it and when; others are not."""
    recorded = ~Q(blocked_by=SetBy.NOBODY) & Q(blocked_at__isnull=False)
    unset = Q(blocked_by=SetBy.NOBODY, blocked_at=None)
    wrong = Q(blocked=True) & ~recorded | Q(blocked=False) & ~unset
    for device in Device.objects.filter(wrong).order_by("pk").iterator():
        yield f"{_device(device)}: blocked by '{device.blocked_by}' at {device.blocked_at} is not what the state says"


def blocked_and_signed_out(_at: datetime) -> Iterator[str]:
    """Every device is blocked, and has to sign in again, as its last entry in the audit trail about that says."""
    about = AuditEntry.objects.filter(object_type="device").order_by("pk")
    later = begins_later()
    for field, first in (("blocked", False), ("authorized", True)):
        # Older entries of this action say it by their name alone.
        named = Q(action="device deauthorized") if field == "authorized" else Q(pk__in=[])
        entries = about.filter(named | Q(after__has_key=field)).values_list("object_id", "after")
        left_at = {pk: after.get(field, False) for pk, after in entries.iterator(chunk_size=2000)}
        differing = Device.objects.filter(Q(**{field: not first}) | Q(pk__among=_ids(left_at, value=not first)))
        for device in differing.order_by("pk").iterator():
            present = getattr(device, field)
            if left_at.get(device.pk, present if later else first) != present:
                yield f"{_device(device)}: {field} is {present}, which the audit trail does not say"


def places_of_others(_at: datetime) -> Iterator[str]:
    """A computer that took the place of another device is out of use as itself, and the place is the same user's."""
    wrong = Q(active=True) | Q(in_place_of=F("pk")) | ~Q(in_place_of__user=F("user"))
    for device in Device.objects.filter(in_place_of__isnull=False).filter(wrong).order_by("pk").iterator():
        yield f"{_device(device)} took the place of device {device.in_place_of_id}, and is active or another user's"


def kept_until_the_date(_at: datetime) -> Iterator[str]:
    """An archive that a person keeps longer has no earlier date, unless an undo has put its dates back."""
    actions = ("archive kept longer", "archive dates put back")
    entries = AuditEntry.objects.filter(object_type="archive", action__in=actions).order_by("pk")
    requested: dict[int, tuple[datetime, datetime | None]] = {}
    for pk, action, at, after in entries.values_list("object_id", "action", "at", "after").iterator(chunk_size=2000):
        requested[pk] = (at, datetime.fromisoformat(after["expires_at"]) if action == "archive kept longer" else None)
    cold = Archive.objects.filter(pk__among=list(requested), state=ArchiveState.COLD_STORAGE)
    for archive in cold.order_by("pk").iterator():
        at, until = requested[archive.pk]
        # Since then it may have left cold storage and come back, for the retention of its org.
        same_stay = archive.cold_since is not None and archive.cold_since <= at
        if until is not None and same_stay and archive.expires_at is not None and archive.expires_at < until:
            yield f"archive {archive.pk} of device {archive.device_id} expires {archive.expires_at}, and was kept until {until}"


def _ids(left_at: dict[int, bool], *, value: bool) -> list[int]:
    return [pk for pk, found in left_at.items() if found is value]


def _device(device: Device) -> str:
    return f"device {device.pk} ({device.name}) of user {device.user_id}"
