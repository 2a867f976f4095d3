"""What can happen in a directory: people join and leave, their entries change, swap names, go elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.histories.directories import Person, unique_id
from tests.histories.edits import NAMES

if TYPE_CHECKING:
    from tests.histories.world import World

ORGS = ("Default", "Staff", "Branch", "Local", "staff", "Nowhere", "")
TITLES = ("", "none", "PROe User", "Org Admin, PROe User", "SYSADMIN", "Juggler", "sysadmin, PROe User", "Auditor")
IDS = tuple(unique_id(number) for number in range(10))
CHANGES = st.one_of(
    st.tuples(st.just("active"), st.booleans()),
    st.tuples(st.just("breaks_the_script"), st.booleans()),
    st.tuples(st.just("department"), st.sampled_from(ORGS)),
    st.tuples(st.just("title"), st.sampled_from(TITLES)),
    st.tuples(st.just("email"), st.sampled_from(["", "a@example.com", "A@example.com", "x" * 330])),
    st.tuples(st.just("last_name"), st.sampled_from(["", "Smith", "Müller", "=1+1"])),
    st.tuples(st.just("unique_id"), st.sampled_from(IDS)),
    st.tuples(st.just("id_hidden"), st.booleans()),
    st.tuples(st.just("usernames"), st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)),
)


def _one_of(people: dict[int, Person], pick: int) -> Person:
    return people[sorted(people)[pick % len(people)]]


def _join(world: World, server: str, _: int, person: tuple[str, str]) -> None:
    people, (name, unique_id) = world.servers[server].people, person
    number = max(people, default=-1) + 1
    people[number] = Person(number, [name], unique_id)


def _leave(world: World, server: str, pick: int, _: None) -> None:
    people = world.servers[server].people
    if people:
        del people[_one_of(people, pick).number]


def _change(world: World, server: str, pick: int, change: tuple[str, Any]) -> None:
    people = world.servers[server].people
    if people:
        setattr(_one_of(people, pick), *change)


def _swap(world: World, server: str, one: int, other: int) -> None:
    """Two people swap usernames, which then belong to other ids."""
    people = world.servers[server].people
    if people:
        first, second = _one_of(people, one), _one_of(people, other)
        first.usernames, second.usernames = second.usernames, first.usernames


def _go(world: World, server: str, pick: int, _: None) -> None:
    """Somebody goes to the other directory, and takes the id along."""
    here = world.servers[server].people
    there = next(each.people for name, each in world.servers.items() if name != server)
    if here:
        going = here.pop(_one_of(here, pick).number)
        going.number = max(there, default=-1) + 1
        there[going.number] = going


def _reuse(world: World, server: str, pick: int, _: None) -> None:
    """Somebody leaves, and somebody else with another name gets the username."""
    people = world.servers[server].people
    if people:
        gone = people.pop(_one_of(people, pick).number)
        number = max([*people, gone.number]) + 1
        people[number] = Person(number, gone.usernames, unique_id(100 + number), last_name="Mallory", email=gone.email)


HAPPENINGS: dict[str, Callable[[World, str, int, Any], None]] = {
    "an entry changes": _change,
    "somebody joins": _join,
    "somebody leaves": _leave,
    "two swap usernames": _swap,
    "somebody goes to the other directory": _go,
    "a username is reused": _reuse,
}
# What each takes beside the server and a pick.
GIVEN: dict[str, st.SearchStrategy[Any]] = {
    "an entry changes": CHANGES,
    "somebody joins": st.tuples(st.sampled_from(NAMES), st.sampled_from(IDS)),
    "somebody leaves": st.none(),
    "two swap usernames": st.integers(0, 20),
    "somebody goes to the other directory": st.none(),
    "a username is reused": st.none(),
}
