"""Notes downloads of files from archives, before their first byte."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.restores.requested_restores import ChosenFiles, refuse_files_of_those_who_hold_more
from orgs.models import Device
from orgs.rules.actors import Actor


@transaction.atomic
def begin(*, device_id: int, files: ChosenFiles, by: Actor, at: datetime) -> None:
    """Note that files of a device's archive are downloaded, with snapshot and paths.

    Raises:
        Refused: when the user of the device holds more than ``by``.
    """
    device = Device.objects.select_related("user").filter(pk=device_id).first()
    if device is None:
        raise Refused("this device does not exist")
    refuse_files_of_those_who_hold_more(device, by=by)
    fact = Fact("device", device.pk, device.name, after=files.as_facts())
    note([fact], action="files downloaded", by=by, at=at)
