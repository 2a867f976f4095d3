"""Which DNs have come: how often, and which others have not, however many are compared at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.search import dn_hashes
from directory.ldap.search.dn_hashes import DnHashes

NAMES = st.lists(st.sampled_from([f"uid={number}".encode() for number in range(20)]), max_size=60)


def seen_of(names: list[bytes]) -> DnHashes:
    found = DnHashes()
    found.add(names)
    return found


@pytest.fixture(params=[1, 3, 250_000], ids="{} at once".format, autouse=True, scope="module")
def at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dn_hashes, "AT_ONCE", request.param)
        yield


@given(names=NAMES)
def test_it_counts_what_came_once_more_than_it_should(names: list[bytes]) -> None:
    assert seen_of(names).repeated() == len(names) - len(set(names))


@given(names=NAMES, others=NAMES)
def test_it_counts_what_is_not_among_others(names: list[bytes], others: list[bytes]) -> None:
    assert seen_of(names).not_in(seen_of(others)) == len(set(names) - set(others))


@given(names=NAMES)
def test_it_tells_how_often_each_has_come(names: list[bytes]) -> None:
    assert seen_of(names).counts(set(names)) == {name: names.count(name) for name in set(names)}


@given(names=NAMES, data=st.data())
def test_the_order_makes_no_difference(names: list[bytes], data: st.DataObject) -> None:
    assert seen_of(names).same_as(seen_of(data.draw(st.permutations(names))))
