"""An archive of a real restic, with names of every kind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from orgs.models import User
from tests.live_archives import LiveArchive, make_documents
from tests.makers import make_org, make_user


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    return make_documents(tmp_path)


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "archives", tmp_path / "cold storage"
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def ann(db: None) -> User:
    return make_user("ann", org=make_org("Left"), roles=["PROe User", "Desktop User"])


@pytest.fixture
def laptop(roots: None, ann: User, tmp_path: Path) -> LiveArchive:
    return LiveArchive(ann, tmp_path)


@pytest.fixture
def snapshot(laptop: LiveArchive, documents: Path) -> str:
    return laptop.back_up(documents)
