"""Files of others under static/vendor: each has its version and its licence beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

VENDOR = Path(settings.STATICFILES_DIRS[0]) / "vendor"
FOLDERS = sorted(path for path in VENDOR.iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_has_its_version_and_its_licence(folder: Path) -> None:
    version = re.search(r"\d+\.\d+\.\d+", (folder / "VERSION").read_text())

    assert version is not None
    assert "MIT License" in (folder / "LICENSE").read_text()
    scripts = list(folder.glob("*.js"))
    assert scripts
    # The scripts name the same version themselves.
    assert all(version[0] in script.read_text()[:400] for script in scripts)
