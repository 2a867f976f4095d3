"""The three scripts of a server and their verdicts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ScriptName(StrEnum):
    """The three scripts of an LDAP server, by the names that administrators see."""

    ACTIVE = "active"
    ORG_NAME = "org name"
    ROLE_NAME = "role name"


@dataclass(frozen=True, slots=True)
class Scripts:
    """The sources of one server's scripts; an empty one changes nothing (an empty active script means active)."""

    active: str = ""
    org_name: str = ""
    role_name: str = ""


@dataclass(frozen=True, slots=True)
class RequestedAttributes:
    """The names of the attributes that were requested, where those are not all; they come with all their options.

    Of another attribute nobody knows whether an entry has it; ``advice`` goes on from "attribute x was not asked for,".
    """

    names: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class ScriptError:
    """Why a script gave no answer for an entry; ``line`` counts from 1 in the script's own source."""

    script: ScriptName
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{self.script} script{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the scripts for one entry.

    ``org_name`` and ``roles`` are None where the script leaves them alone; ``roles == ()`` asks for the org's
    default roles. When ``active`` is false the other two scripts were not asked. When ``error`` is set, nothing
    else counts. ``varies`` says that a script looked at the time, so that the same entry may get another verdict later.
    """

    active: bool = True
    org_name: str | None = None
    roles: tuple[str, ...] | None = None
    error: ScriptError | None = None
    varies: bool = field(default=False, compare=False)


# What the button is called with which an administrator says that a username has passed to somebody else.
ANOTHER_PERSON = '"Another person"'
