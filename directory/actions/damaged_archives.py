"""Names the archives in which a check has found damage: one alert while there are any, and a mail about new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from directory.models import Alert, AlertKind, Mail, MailKind
from directory.sync import alerts_and_mails
from directory.sync.alerts_and_mails import Letter
from directory.sync.finish import mail_recipients
from orgs.models import ArchiveMaintenance
from orgs.text import counted

# How many devices an alert and a mail name.
NAMED = 20
# An alert that a person has dismissed does not come back within this time, unless another archive is damaged.
QUIET = timedelta(days=7)


@transaction.atomic
def look(*, at: datetime) -> int:
    """Raise or dismiss the alert, and write the mail if an archive is new among these; return how many there are.

    Safe to do twice.
    """
    damaged = list(
        ArchiveMaintenance.objects.exclude(damaged_since=None)
        .select_related("archive__device__user")
        .order_by("-damaged_since", "pk")
    )
    _set_alert(damaged, at=at)
    if damaged and alerts_and_mails.can_mail() and _is_newer_than_mail(damaged[0]):
        letters = _letters(damaged)
        alerts_and_mails.write_mails(run=None, kind=MailKind.DAMAGED_ARCHIVE, letters=letters, at=at)
    return len(damaged)


def _set_alert(damaged: Sequence[ArchiveMaintenance], *, at: datetime) -> None:
    present = Alert.objects.open().filter(kind=AlertKind.DAMAGED_ARCHIVE)
    if not damaged:
        present.update(dismissed_at=at)
        return
    names = ", ".join(_name(each) for each in damaged[:NAMED])
    more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    message = (
        f"A check has found damage in {counted(len(damaged), 'archive', 'archives')}: {names}{more}. Nothing is removed from "
        f"a damaged archive. The page of each device has the messages of the check."
    )
    if not present.update(message=message) and not _dismissed(damaged[0], at):
        alerts_and_mails.raise_alert(kind=AlertKind.DAMAGED_ARCHIVE, message=message, run_id=None, at=at)


def _dismissed(newest: ArchiveMaintenance, at: datetime) -> bool:
    """Return whether a person has dismissed the alert lately, and knew of the newest damage."""
    by_hand = Alert.objects.filter(kind=AlertKind.DAMAGED_ARCHIVE, dismissed_by__isnull=False)
    return by_hand.filter(dismissed_at__gt=max(at - QUIET, newest.damaged_since or at)).exists()


def _is_newer_than_mail(newest: ArchiveMaintenance) -> bool:
    last = Mail.objects.filter(kind=MailKind.DAMAGED_ARCHIVE).order_by("-created_at").first()
    return last is None or (newest.damaged_since is not None and newest.damaged_since > last.created_at)


def _letters(damaged: Sequence[ArchiveMaintenance]) -> Iterable[Letter]:
    orgs = {each.archive.device.user.org_id for each in damaged}
    for recipient in mail_recipients.readers(orgs):
        shown = [
            each
            for each in damaged
            if recipient.org_ids is None or each.archive.device.user.org_id in recipient.org_ids
        ]
        if not shown:
            continue
        lines = "\n".join(
            f"{_name(each)}: {settings.CONSOLE_ADDRESS}/devices/{each.archive.device_id}/" for each in shown[:NAMED]
        )
        more = f"\nand {len(shown) - NAMED} more" if len(shown) > NAMED else ""
        subject = f"Rollcall: damage in {counted(len(shown), 'archive', 'archives')}"
        body = (
            f"A check has found damage in these archives:\n\n{lines}{more}\n\nNothing is removed from a damaged archive, and it "
            f"is checked again each day. Look at the disk first. The page of each device has the messages of the check.\n"
        )
        yield Letter(recipient.address, subject, body)


def _name(each: ArchiveMaintenance) -> str:
    device = each.archive.device
    return f"{device.name} of {device.user.username} (GUID {device.guid})"
