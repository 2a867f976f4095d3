"""What faults share: a directory and its users for those of LDAP, scenes with real workers for those of processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests.directories import Directory
from tests.faults.ldap_world import World, staff
from tests.faults.process_world import Scene, entered, opened
from tests.faults.proxy import Proxy


@pytest.fixture(scope="module")
def settled(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Users in step with a directory that has changed since; what a test does to them is undone after it."""
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        Directory(ldif=staff()) as directory,
        Proxy(directory.port) as proxy,
    ):
        world = World(directory, proxy)
        world.settle()
        yield world
        transaction.set_rollback(True)


@pytest.fixture
def world(settled: World, db: None) -> World:
    """Give the shared users and their directory."""
    return settled


@pytest.fixture(scope="session")
def small_scene(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A scene of 300 users, in which a run takes a second."""
    with django_db_blocker.unblock(), opened(tmp_path_factory.mktemp("small"), 300) as scene:
        yield scene


@pytest.fixture(scope="session")
def large_scene(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A scene of 2,000 users, in which a run takes seconds."""
    with django_db_blocker.unblock(), opened(tmp_path_factory.mktemp("large"), 2000) as scene:
        yield scene


@pytest.fixture
def scene(transactional_db: None, small_scene: Scene) -> Iterator[Scene]:
    """The small scene, with this process in it."""
    with entered(small_scene):
        yield small_scene


@pytest.fixture
def crowd(transactional_db: None, large_scene: Scene) -> Iterator[Scene]:
    """The large scene, with this process in it."""
    with entered(large_scene):
        yield large_scene
