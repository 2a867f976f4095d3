"""The list of known vulnerabilities: what is older than its floor stops the checks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tree import ROOT

LIST = ROOT / "docs" / "dependencies.md"


def audit(page: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / "audit", page],
        env=os.environ | {"AUDIT": "list"},
        capture_output=True,
        text=True,
        check=False,
    )


class TestTheAudit:
    def test_finds_nothing_in_what_is_installed(self) -> None:
        done = audit(LIST)

        assert (done.returncode, done.stderr) == (0, "")
        assert "0 not held" in done.stdout

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("| Django | 5.2.19 |", "| Django | 99.0 |", "is older than 99.0: CVE-2026-111211"),
            ("| redis | 4.5.4 |", "| no-such-package | 1.0 |", "no-such-package is not installed"),
            ("Checked on", "Looked at on", "there is no list of floors with the day"),
        ],
    )
    def test_stops_at_what_is_old_unknown_or_unlisted(self, old: str, new: str, expected: str, tmp_path: Path) -> None:
        page = tmp_path / "dependencies.md"
        page.write_text(LIST.read_text().replace(old, new))

        done = audit(page)

        assert done.returncode == 1
        assert expected in done.stderr
