"""What attacks share: two companies side by side, as nobody has attacked them yet."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.attacks.world import World, make_world
from tests.shared_worlds import kept_for_many_tests


@pytest.fixture(scope="module")
def world_of_the_module(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Make both companies once."""
    with kept_for_many_tests(django_db_blocker):
        yield make_world()


@pytest.fixture
def world(world_of_the_module: World, db: None) -> World:
    """Both companies, with browsers and objects of the test's own."""
    return copy.deepcopy(world_of_the_module)
