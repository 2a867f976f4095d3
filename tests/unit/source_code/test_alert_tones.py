"""Every notice has a tone that its template names and that the style sheet knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tree import ROOT

TONES = {"danger", "warning", "info"}
USED = re.compile(r'components/alert\.html" with (?:[^%]* )?tone="([a-z]+)"')
TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*.html")) if USED.search(path.read_text("utf-8"))]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_notice_has_a_known_tone(path: Path) -> None:
    assert set(USED.findall(path.read_text("utf-8"))) <= TONES
