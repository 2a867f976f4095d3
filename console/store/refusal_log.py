"""Logs refused devices to the security log, for each reason at most once an hour: a client that is refused comes again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from console.security import security_log
from console.security.client_address import address_in
from orgs.backups.gate import ARCHIVE_COLD, BackupState, Refusal

EVERY = timedelta(hours=1)
# How many clients without a valid token are remembered, by their address.
_MOST_ADDRESSES = 1000

_lock = threading.Lock()
_addresses: OrderedDict[str, datetime] = OrderedDict()


def note(refusal: Refusal, state: BackupState | None, *, meta: Mapping[str, Any], at: datetime) -> None:
    """Log a refusal, if this device, or this address without a device, has had none for this reason in the last hour.

    An archive that comes back from cold storage is nobody's offence: its device waits.
    """
    if refusal is ARCHIVE_COLD:
        return
    address = address_in(meta)
    is_due = _address_is_due(address, at) if state is None else _device_is_due(f"{state.guid} {refusal.code}", at)
    if is_due:
        device = {} if state is None else {"device": state.guid}
        security_log.note_from("backup refused", address, **device, code=refusal.code)


def _address_is_due(address: str, at: datetime) -> bool:
    with _lock:
        last = _addresses.get(address)
        if last is not None and at - last < EVERY:
            return False
        _addresses[address] = at
        _addresses.move_to_end(address)
        while len(_addresses) > _MOST_ADDRESSES:
            _addresses.popitem(last=False)
        return True


def _device_is_due(name: str, at: datetime) -> bool:
    """Return whether a device is to be logged: the processes of the store share the times of empty files.

    A disk that takes no marks makes more lines, and never less.
    """
    folder = Path(settings.VAR) / "store" / "refused"
    mark = folder / name
    try:
        if at.timestamp() - mark.stat().st_mtime < EVERY.total_seconds():
            return False
        # Of two processes one can rename it.
        mark.rename(mark.with_name(f"{name}.old"))
    except FileNotFoundError:
        pass
    except OSError:
        return True
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass
    return True
