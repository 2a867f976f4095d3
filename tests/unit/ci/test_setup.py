"""The preparation of a checkout harms no other one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.tree import ROOT


def test_an_environment_that_is_a_link_is_not_emptied(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / "checkout" / ".ci")
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "checkout")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "kept").touch()
    (tmp_path / "checkout" / ".venv").symlink_to(theirs)

    done = subprocess.run(
        [tmp_path / "checkout" / ".ci" / "setup", "run"], check=False, capture_output=True, text=True, env=os.environ
    )

    assert done.returncode == 1
    assert f".venv is a link to {theirs}" in done.stderr
    assert (theirs / "kept").exists()
