"""The scripts that an LDAP server has: the registry of them all, and their sources, errors and verdicts. Pure.

Whatever has to do with every script goes through ``SCRIPTS``: the sandbox, fields of the page, keys of JSON, versions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from directory.values.script_results import Returns, name, names, truth

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Script(Generic[T]):
    """One entry of the registry.

    ``name`` stands in errors, versions and stored verdicts, and ``result`` is where a verdict holds what the script returned:
    ``unset`` where the server has no source for it. ``default`` is the source of a new server, ``sample`` what a preset
    proposes that has nothing better. Where the answer of a ``gate`` is false, no script that comes after it runs.
    """

    name: str
    result: str
    help: str
    returns: Returns[T]
    unset: T
    sample: str
    default: str = ""
    gate: bool = False

    @property
    def key(self) -> str:
        """The name as an identifier."""
        return self.name.replace(" ", "_")

    @property
    def column(self) -> str:
        """The setting of an LDAP server that holds the source: a column, a field of the page, a key of JSON."""
        return f"{self.key}_script"

    @property
    def label(self) -> str:
        """What the setting is called on pages, in small letters."""
        return f"{self.name} script"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.label


ACTIVE = Script(
    name="active",
    result="active",
    help="Decides whether a user found in the directory is active.",
    returns=truth(),
    unset=True,
    default="function(entry) {return true;}",
    sample="""\
function (entry) {
    return true;
}""",
    gate=True,
)
ORG_NAME = Script(
    name="org name",
    result="org_name",
    help="Returns the name of the org; nothing leaves the user where they are.",
    returns=name(expected="the org's name as text", one="an org name"),
    unset=None,
    sample="""\
function (entry) {
    // The OU that the person is in; in none the user stays in their org.
    return ldap.value(entry.dn, "ou") || null;
}""",
)
ROLE_NAME = Script(
    name="role name",
    result="roles",
    help="Returns all roles of the user; nothing leaves them alone, an empty list means the org's default roles.",
    returns=names(expected="an array of role names", one="a role name", many="role names"),
    unset=None,
    sample="""\
function (entry) {
    // All roles of the person, by their groups, as in:
    //     if (ldap.has(entry.memberOf, "Help Desk")) return ["Help Desk"];
    // null leaves roles as they are; an empty list means the org's default roles.
    return null;
}""",
)
# In the order in which they run, and in which pages and verdicts have them.
SCRIPTS: tuple[Script[Any], ...] = (ACTIVE, ORG_NAME, ROLE_NAME)


def script_named(name: str) -> Script[Any]:
    """Return the script of this name.

    Raises:
        ValueError: when there is none.
    """
    for script in SCRIPTS:
        if script.name == name:
            return script
    raise ValueError(f"there is no {name} script")


class Scripts(Mapping[Script[Any], str]):
    """The sources of one server's scripts, by script; an empty one changes nothing (an empty active script means active)."""

    __slots__ = ("_sources",)

    def __init__(self, *in_order: str, **by_key: str) -> None:
        given = dict(zip((script.key for script in SCRIPTS), in_order, strict=False)) | by_key
        if unknown := given.keys() - {script.key for script in SCRIPTS}:
            raise TypeError(f"no such script: {', '.join(sorted(unknown))}")
        self._sources = {script: given.get(script.key, "") for script in SCRIPTS}

    def __getitem__(self, script: Script[Any]) -> str:
        return self._sources[script]

    def __iter__(self) -> Iterator[Script[Any]]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


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

    script: Script[Any]
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{self.script.label}{where}: {self.message}"


@dataclass(frozen=True, slots=True, init=False)
class Verdict:
    """What the scripts returned for one entry: the result of each, by the names that the registry gives them.

    When ``error`` is set, nothing else counts. ``varies`` says that a script looked at the time, so that the same entry may
    get another verdict later; it makes no difference between two verdicts.
    """

    results: Mapping[Script[Any], Any]
    error: ScriptError | None
    varies: bool = field(compare=False)

    def __init__(self, *, error: ScriptError | None = None, varies: bool = False, **results: Any) -> None:
        if unknown := results.keys() - {script.result for script in SCRIPTS}:
            raise TypeError(f"no result of a script: {', '.join(sorted(unknown))}")
        # As a frozen dataclass sets its fields.
        object.__setattr__(self, "results", {script: results.get(script.result, script.unset) for script in SCRIPTS})
        object.__setattr__(self, "error", error)
        object.__setattr__(self, "varies", varies)

    def of(self, script: Script[T]) -> T:
        """Return what a script returned, or its ``unset``."""
        result: T = self.results[script]
        return result

    @property
    def active(self) -> bool:
        """Whether the user is active; the other scripts were not run where they are not."""
        return self.of(ACTIVE)

    @property
    def org_name(self) -> str | None:
        """The org's name; None where the script leaves the user where they are."""
        return self.of(ORG_NAME)

    @property
    def roles(self) -> tuple[str, ...] | None:
        """The role names; None where the script leaves them alone, none at all for the org's default roles."""
        return self.of(ROLE_NAME)

    def with_results(self, other: Verdict, scripts: Collection[Script[Any]]) -> Verdict:
        """Return this verdict with what these scripts returned in the other one; it varies where one of them does."""
        results = {script.result: (other if script in scripts else self).of(script) for script in SCRIPTS}
        return Verdict(error=self.error, varies=self.varies or other.varies, **results)

    def varying(self, *, varies: bool) -> Verdict:
        """Return the same verdict, with whether the entry may get another one later."""
        return Verdict(error=self.error, varies=varies, **{script.result: self.of(script) for script in SCRIPTS})

    def __hash__(self) -> int:
        return hash((*self.results.values(), self.error))

    def __repr__(self) -> str:
        shown = {script.result: result for script, result in self.results.items()}
        shown |= {"error": self.error and str(self.error), "varies": self.varies}
        return f"Verdict({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


# What the button is called with which an administrator says that a username has passed to somebody else.
ANOTHER_PERSON = '"Another person"'
