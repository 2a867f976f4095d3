"""A set of ids of rows: it holds what was put in, wherever the ids are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from directory.sync.entries.id_set import Ids

NUMBERS = st.integers(0, 2**40) | st.integers(0, 300)


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_it_holds_exactly_what_was_put_in(put_in: list[int], others: list[int]) -> None:
    ids = Ids()
    for pk in put_in:
        ids.add(pk)

    assert len(ids) == len(set(put_in))
    assert [pk in ids for pk in (*put_in, *others)] == [pk in set(put_in) for pk in (*put_in, *others)]
