"""What README shows a first-time reader: a sync that deactivates somebody ends the backup of their laptop that is running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.test_serve import ROOT, Served, wait_for
from tests.restic_client import MISSING, RESTIC
from tests.server_process import start_process

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1500), pytest.mark.skipif(RESTIC is None, reason=MISSING)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    served = Served(folder, demo=True)
    try:
        yield served
    finally:
        for pid in served.all_of_it():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        served.process.wait(20)


def manage(served: Served, *arguments: str) -> str:
    """Run a command in another terminal, and return what it prints."""
    environment = served.environment | {"LDAP_LOOPBACK": "true", "LDAP_PORTS": "1024-65535"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def limit_upload(served: Served, kib: int) -> None:
    """Have the agent send so many KiB a second; 0 is no limit."""
    path = served.folder / "demo" / "computers" / "milos-laptop" / "settings" / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"limit_upload": kib}))


def simulated_and_applied(served: Served) -> str:
    """Simulate a sync and apply its plan; return the lines about Milos in the plan."""
    changes = served.folder / "changes"
    run = json.loads(manage(served, "ldapsync", "--simulate", "--json", "--changes", str(changes)))["run"]
    manage(served, "ldapsync", "--apply", str(run))
    return "".join(line for line in changes.read_text().splitlines() if "milos.smith" in line)


def test_a_deactivation_ends_a_backup_that_is_running_and_it_goes_on_after_the_return(
    served: Served, tmp_path: Path
) -> None:
    # The console answered before: nothing waited for these computers.
    wait_for(
        lambda: "Computers of the demo that back up: milos-laptop, chiara-laptop" in served.log,
        "two backups",
        seconds=240,
    )
    # A slow machine may take longer for the sync than two minutes.
    limit_upload(served, 50)
    output = tmp_path / "backup.log"
    with output.open("wb") as file:
        backup = start_process(
            [sys.executable, "manage.py", "demodevices", "back-up"],
            cwd=ROOT, env=served.environment, stdout=file, stderr=file,
        )  # fmt: skip
    wait_for(lambda: "rollcall-agent backup" in output.read_text(), "the agent works")
    manage(served, "demodevices", "leave")

    plan = simulated_and_applied(served)

    assert '"block", "deactivate"' in plan
    # It asks every 30 seconds.
    assert backup.wait(120) == 77, output.read_text()
    assert "Your account is deactivated. Ask your administrator." in output.read_text()
    cold = served.folder / "cold storage"
    wait_for(lambda: any(path.name.isdigit() for path in cold.iterdir()), "the archive is in cold storage")

    limit_upload(served, 0)
    manage(served, "demodevices", "return")
    simulated_and_applied(served)
    wait_for(lambda: not any(path.name.isdigit() for path in cold.iterdir()), "the archive is back")

    assert "Backed up:" in manage(served, "demodevices", "back-up")
    assert "0 broken" in manage(served, "check_invariants")
    assert served.stop() == 0
    assert served.all_of_it() == []
