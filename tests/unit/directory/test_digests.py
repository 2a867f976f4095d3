"""Digests of values, texts and files: equal for what is equal, and those that are stored stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory import digests


def test_the_digests_that_are_stored_stay_as_they_are() -> None:
    """Others would end every cache, and have every server simulated again."""
    assert digests.of_text("uid=ünal").startswith("155792aa5c757632")
    assert digests.of_json([1, ("b", None), {"ü": True}]).startswith("6ceac889d90394b4")


def test_a_text_may_hold_octets_that_are_no_text() -> None:
    assert digests.of_text("uid=\udcfc") != digests.of_text("uid=ü")


@pytest.mark.parametrize("change", ["another letter", "another name", "one file more"])
def test_whatever_changes_in_a_file_changes_the_digest(tmp_path: Path, change: str) -> None:
    rule = tmp_path / "rule.py"
    rule.write_text("LIMIT = 1")
    before = digests.of_files(tmp_path.glob("*.py"), below=tmp_path)
    assert digests.of_files([rule, rule], below=tmp_path) == before

    if change == "another letter":
        rule.write_text("LIMIT = 2")
    elif change == "another name":
        rule.rename(tmp_path / "other.py")
    else:
        (tmp_path / "more.py").write_text("")

    assert digests.of_files(tmp_path.glob("*.py"), below=tmp_path) != before
