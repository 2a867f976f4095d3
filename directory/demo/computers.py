"""Which people of the demo have a computer that really backs up, and the files on it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from directory.demo.people import DemoPerson, invent

_WORDS = "the college lease rooms of autumn term reading list budget minutes from for library north wing and".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class DemoComputer:
    """A computer with the name of its device, and the person who uses it."""

    name: str
    person: DemoPerson


# Ordinary staff: in the directory as in Rollcall, on no legal hold, and with no part in any other story.
_OWNERS = {"milos-laptop": "milos.smith", "chiara-laptop": "chiara.munoz"}


def computers() -> list[DemoComputer]:
    """Return the computers; the first one is the one whose person leaves in README's walk."""
    people = {person.uid: person for person in invent()}
    return [DemoComputer(name, people[uid]) for name, uid in _OWNERS.items()]


def files(computer: DemoComputer) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file on a computer, about 2 MB, the same every time."""
    chance = random.Random(computer.name)  # noqa: S311  # the same files every time is the point
    for number in range(1, 25):
        words = (chance.choice(_WORDS) for _ in range(2000))
        yield f"Documents/Notes {number:02}.txt", (" ".join(words) + "\n").encode("ascii")
    for number in range(1, 7):
        yield f"Pictures/Picture {number}.jpg", chance.randbytes(300_000)
