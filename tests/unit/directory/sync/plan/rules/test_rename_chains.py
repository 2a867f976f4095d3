"""Usernames that are passed on from one user to the next."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from directory.sync.plan.rules.rename_chains import RenameChains

wishes = st.dictionaries(st.integers(0, 8), st.integers(0, 12), max_size=9)


def chains(passed_on: Mapping[int, int], looked_at: list[int] | None = None) -> RenameChains:
    """User n has the name n; ``passed_on`` says which one they are to have; names without a user are free."""

    def renamed(user: int) -> str:
        if looked_at is not None:
            looked_at.append(user)
        return str(passed_on[user]) if passed_on.get(user, user) != user else ""

    return RenameChains(renamed, lambda user, name: int(name) if int(name) in passed_on and int(name) != user else None)


class TestGivingUp:
    def test_a_very_long_chain_comes_free_when_its_end_does(self) -> None:
        passed_on = {number: number + 1 for number in range(5000)}

        assert chains(passed_on).gives_up(0)

    def test_nobody_in_a_chain_gives_up_when_its_end_stays(self) -> None:
        names = chains({0: 1, 1: 2, 2: 2})

        assert [names.gives_up(user) for user in (0, 1, 2)] == [False, False, False]

    def test_everybody_in_a_ring_gives_up(self) -> None:
        names = chains({0: 1, 1: 2, 2: 0})

        assert [names.gives_up(user) for user in (0, 1, 2)] == [True, True, True]

    @given(wishes)
    def test_looks_at_each_user_once(self, passed_on: dict[int, int]) -> None:
        looked_at: list[int] = []
        names = chains(passed_on, looked_at)

        for user in passed_on:
            names.gives_up(user)

        assert len(looked_at) == len(set(looked_at))

    @given(wishes)
    def test_is_the_same_in_whatever_order_users_are_asked_about(self, passed_on: dict[int, int]) -> None:
        forth, back = chains(passed_on), chains(passed_on)

        assert {u: forth.gives_up(u) for u in passed_on} == {u: back.gives_up(u) for u in reversed(list(passed_on))}
