"""Logs devices with a token that nobody has: of each address at most once an hour, as they come every 30 seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from django.http import HttpRequest

from console.security import security_log
from console.security.client_address import client_network

EVERY = timedelta(hours=1)
# How many addresses are remembered.
_MOST = 1000

_lock = threading.Lock()
_logged: OrderedDict[str, datetime] = OrderedDict()


def note(request: HttpRequest, *, at: datetime) -> None:
    """Log a request with an unknown token, if its address has had none in the last hour."""
    if _is_due(client_network(request), at):
        security_log.note("unknown token of a device", request, path=request.path)


def _is_due(network: str, at: datetime) -> bool:
    with _lock:
        last = _logged.get(network)
        if last is not None and at - last < EVERY:
            return False
        _logged[network] = at
        _logged.move_to_end(network)
        while len(_logged) > _MOST:
            _logged.popitem(last=False)
        return True
