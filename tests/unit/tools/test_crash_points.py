"""The places where the fault tests make a worker crash are there: a renamed function would leave them without their point."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from tests.faults.crashing import POINTS


@pytest.mark.parametrize("place", POINTS.values(), ids=POINTS)
def test_a_crash_point_names_something_that_is_there(place: str) -> None:
    module, _, path = place.partition(":")

    assert callable(reduce(getattr, path.split("."), importlib.import_module(module)))
