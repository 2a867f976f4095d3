"""The figures of a soak take the place of those of the last one, and need no Django for that."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.load.soak_figures import END, START, Figures, publish
from tests.tree import ROOT

FIGURES = Figures(
    minutes=25.0,
    users=100,
    runs={"applied": 9, "failed": 1},
    acts={"block": 3},
    faults={"kill a worker": 2},
    memory=[(0.1, 100, 300), (25.0, 110, 310)],
    sizes={"directory_runchange": (0, 2000), "orgs_user": (5, 10**7)},
    rows_of_runs={"repeated": 5},
    longest_statement=0.5,
    slow_statements=0,
    errors={},
    broken=0,
)


def test_are_put_in_place_of_the_last_ones(tmp_path: Path) -> None:
    (tmp_path / "soak.json").write_text(json.dumps(asdict(FIGURES)))
    page = tmp_path / "page.md"
    page.write_text("# Reliability\n")

    for _ in range(2):
        publish(tmp_path, page)

    written = page.read_text()
    assert (written.count(START), written.count(END)) == (1, 1)
    assert "| tables of runs, by run and user | 2.0 bytes |" in written
    assert "| runs | 10: applied 9, failed 1 |" in written


def test_need_no_django(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.load.soak_figures", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={"PATH": ""})

    assert done.stderr == "No figures were collected.\n"
