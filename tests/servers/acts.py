"""What happens in a company one day, and what a sync has to make of it: hired, left, renamed, swapped, regrouped, locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.company import LOCKED_SECONDS, Company

# What a user is expected to be; whatever is not named is as before.
Expected = Mapping[str, Mapping[str, Any]]


def nothing(_company: Company) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Act:
    """One act, by the name that the table gives it.

    ``before`` is done and read in full first. ``expected`` is who is what after a run of changes, ``absent`` who only
    a full reading takes for absent; ``newcomers`` become users after their entries. ``nested`` is expected besides where the server names the groups
    of groups. ``needs`` names what a server must be able to do.
    """

    name: str
    happens: Callable[[Company], None]
    expected: Expected = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    nested: Expected = field(default_factory=dict)
    before: Callable[[Company], None] = nothing
    needs: str = ""

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _no_administrators(*names: str) -> Expected:
    return {name: {"administrator": False} for name in names}


def _administrators(*names: str) -> Expected:
    return {name: {"administrator": True} for name in names}


def _unlocked(company: Company) -> None:
    """Let the time pass that a locked account stays locked."""
    time.sleep(LOCKED_SECONDS + 1)


def _night_in_helpdesk(company: Company) -> None:
    company.nests_group("night", "helpdesk")


def _marries(company: Company) -> None:
    company.renames_entry("ada", "Married, Ada")
    company.names("ada", "adele")


def _takes_the_name_over(company: Company) -> None:
    company.deletes_group("helpdesk")
    company.renames_group("night", "helpdesk")


ACTS = (
    Act(
        "hired",
        lambda company: company.hires("ivy"),
        {"ivy": {"username": "ivy", "last_name": "Ivyson", "active": True, "org": "Sales", "administrator": False}},
        newcomers=("ivy",),
    ),
    Act("left", lambda company: company.leaves("eve"), absent=("eve",)),
    Act("disabled", lambda company: company.disables("fay"), {"fay": {"active": False}}),
    Act(
        "enabled",
        lambda company: company.enables("fay"),
        {"fay": {"active": True}},
        before=lambda company: company.disables("fay"),
    ),
    Act("entry renamed", lambda company: company.renames_entry("cyd", "Cydson, Cyd (Berlin)")),
    Act("username renamed", lambda company: company.names("dee", "delia"), {"dee": {"username": "delia"}}),
    Act(
        "entry and username renamed",
        _marries,
        {"ada": {"username": "adele"}},
    ),
    Act(
        "two usernames swapped",
        lambda company: company.swaps("bo", "hal"),
        {"bo": {"username": "hal"}, "hal": {"username": "bo"}},
    ),
    Act("moved", lambda company: company.moves("dee", "Sales"), {"dee": {"org": "Sales"}}),
    Act("moved, and in a group", lambda company: company.moves("gus", "Staff"), {"gus": {"org": "Staff"}}),
    Act("deleted and made anew", lambda company: company.makes_anew("cyd", "Sales"), {"cyd": {"org": "Sales"}}),
    Act("group joined", lambda company: company.joins("bo", "helpdesk"), _administrators("bo")),
    Act("group left", lambda company: company.quits("ada", "helpdesk"), _no_administrators("ada")),
    Act("group nested", _night_in_helpdesk, nested=_administrators("bo", "hal")),
    Act(
        "nested group joined",
        lambda company: company.joins("dee", "night"),
        nested=_administrators("dee"),
        before=_night_in_helpdesk,
    ),
    Act(
        "nested group left",
        lambda company: company.quits("bo", "night"),
        nested=_no_administrators("bo"),
        before=_night_in_helpdesk,
    ),
    Act(
        "nested group deleted",
        lambda company: company.deletes_group("night"),
        nested=_no_administrators("bo", "hal"),
        before=_night_in_helpdesk,
    ),
    Act("group deleted", lambda company: company.deletes_group("helpdesk"), _no_administrators("ada", "gus")),
    Act(
        "group renamed",
        lambda company: company.renames_group("helpdesk", "frontline"),
        _no_administrators("ada", "gus"),
    ),
    Act(
        "group renamed into another's name",
        _takes_the_name_over,
        {**_no_administrators("ada", "gus"), **_administrators("bo", "hal")},
    ),
    Act(
        "branch renamed",
        lambda company: company.renames_branch("Sales", "Vertrieb"),
        {name: {"org": "Vertrieb"} for name in ("eve", "fay", "gus", "hal")},
        needs="rename branches",
    ),
    Act("password locked", lambda company: company.locks("fay"), {"fay": {"active": False}}, needs="lock"),
    Act(
        "unlocked by time",
        _unlocked,
        {"fay": {"active": True}},
        before=lambda company: company.locks("fay"),
        needs="lock",
    ),
)
