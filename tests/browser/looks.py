"""The four looks in which pages are checked: light and dark, on a wide and on a narrow screen."""

from __future__ import annotations

import pytest

LOOKS = [("light", 1400), ("dark", 360), ("dark", 1400), ("light", 360)]


def in_every_look(first: int) -> pytest.MarkDecorator:
    """Give a test ``theme`` and ``width``: one look with every push (``first`` says which), all of them in make pages."""
    looks = [
        pytest.param(*look, marks=() if number == first else pytest.mark.whole) for number, look in enumerate(LOOKS)
    ]
    return pytest.mark.parametrize(("theme", "width"), looks)
