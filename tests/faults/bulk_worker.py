"""Carries out one act on many users in a process of its own, in small parts; kills itself where the environment says.

``KILL_IN_PART`` is the part in whose transaction the process dies, after the users were changed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import django


def main(act_id: int) -> None:
    """Carry out the act."""
    django.setup()
    from django.utils import timezone  # after Django is set up

    from directory.actions.bulk import carrying_out

    carrying_out.FIRST_PART = carrying_out.LARGEST_PART = 20
    deadly, parts = int(os.environ.get("KILL_IN_PART", "0")), 0
    store = carrying_out._store

    def store_or_die(*args: Any) -> None:
        nonlocal parts
        parts += 1
        store(*args)
        if parts == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    vars(carrying_out)["_store"] = store_or_die
    carrying_out.carry_out(act_id, clock=timezone.now, stay=lambda: time.sleep(0.02))


if __name__ == "__main__":
    main(int(sys.argv[1]))
