"""Usernames that are passed on from one user to the next."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from directory.sync.plan.rules.rename_chains import NameChains

wishes = st.dictionaries(st.integers(0, 8), st.integers(0, 12), max_size=9)


def chains(wanted: Mapping[int, int], looked_at: list[int] | None = None) -> NameChains:
    """User n has the name n; ``wanted`` says which one they are to have; names without a user are free."""

    def renamed(user: int) -> str:
        if looked_at is not None:
            looked_at.append(user)
        return str(wanted[user]) if wanted.get(user, user) != user else ""

    return NameChains(renamed, lambda user, name: int(name) if int(name) in wanted and int(name) != user else None)


class TestGivingUp:
    def test_a_very_long_chain_comes_free_when_its_end_does(self) -> None:
        wanted = {number: number + 1 for number in range(5000)}

        assert chains(wanted).gives_up(0)

    def test_nobody_in_a_chain_gives_up_when_its_end_stays(self) -> None:
        names = chains({0: 1, 1: 2, 2: 2})

        assert [names.gives_up(user) for user in (0, 1, 2)] == [False, False, False]

    def test_everybody_in_a_ring_gives_up(self) -> None:
        names = chains({0: 1, 1: 2, 2: 0})

        assert [names.gives_up(user) for user in (0, 1, 2)] == [True, True, True]

    @given(wishes)
    def test_looks_at_each_user_once(self, wanted: dict[int, int]) -> None:
        looked_at: list[int] = []
        names = chains(wanted, looked_at)

        for user in wanted:
            names.gives_up(user)

        assert len(looked_at) == len(set(looked_at))

    @given(wishes)
    def test_is_the_same_in_whatever_order_users_are_asked_about(self, wanted: dict[int, int]) -> None:
        forth, back = chains(wanted), chains(wanted)

        assert {u: forth.gives_up(u) for u in wanted} == {u: back.gives_up(u) for u in reversed(list(wanted))}
