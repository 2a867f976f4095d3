"""The scripts of an LDAP server: the registry of all scripts, and their sources, errors and verdicts. Pure.

All code that handles every script iterates ``SCRIPTS``: the sandbox, fields of the page, keys of JSON, versions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from directory.values.script_returns import Returns, name, names, truth

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Script(Generic[T]):
    """One entry of the registry.

    ``name`` is used in errors, versions and stored verdicts. ``result`` is the verdict's name for the script's return value,
    which is ``unset`` when the server has no source for the script. ``default`` is the source of a new server, ``sample``
    the source in presets without their own. When a ``gate`` returns false, no later script runs.
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
        """The name of the setting on pages, in small letters."""
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
# In the order in which they run, and of pages and verdicts.
SCRIPTS: tuple[Script[Any], ...] = (ACTIVE, ORG_NAME, ROLE_NAME)


def script_named(name: str) -> Script[Any]:
    """Return the script with this name.

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
    """The names of the attributes that a server is asked for, if not for all; each comes with all its options.

    Whether an entry has any other attribute is unknown. ``advice`` continues "attribute x was not asked for,".
    """

    names: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class ScriptError:
    """Why a script failed for an entry; ``line`` counts from 1 in the script's own source."""

    script: Script[Any]
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{self.script.label}{where}: {self.message}"


@dataclass(frozen=True, slots=True, init=False)
class Verdict:
    """The results of the scripts for one entry, by the registry's names of results.

    When ``error`` is set, nothing else counts. ``varies``: a script read the clock, so that the same entry may get another
    verdict later; two verdicts that differ only in it are equal.
    """

    results: Mapping[Script[Any], Any]
    error: ScriptError | None
    varies: bool = field(compare=False)

    def __init__(self, *, error: ScriptError | None = None, varies: bool = False, **results: Any) -> None:
        if unknown := results.keys() - {script.result for script in SCRIPTS}:
            raise TypeError(f"no result of a script: {', '.join(sorted(unknown))}")
        # The way in which a frozen dataclass sets its fields.
        object.__setattr__(self, "results", {script: results.get(script.result, script.unset) for script in SCRIPTS})
        object.__setattr__(self, "error", error)
        object.__setattr__(self, "varies", varies)

    def of(self, script: Script[T]) -> T:
        """Return the result of a script, or its ``unset``."""
        result: T = self.results[script]
        return result

    @property
    def active(self) -> bool:
        """Whether the user is active; if not, the other scripts did not run."""
        return self.of(ACTIVE)

    @property
    def org_name(self) -> str | None:
        """The org's name; None leaves the user in their org."""
        return self.of(ORG_NAME)

    @property
    def roles(self) -> tuple[str, ...] | None:
        """The role names; None leaves the roles alone, an empty tuple means the org's default roles."""
        return self.of(ROLE_NAME)

    def with_results(self, other: Verdict, scripts: Collection[Script[Any]]) -> Verdict:
        """Return this verdict with the other verdict's results of these scripts; it varies if either verdict does."""
        results = {script.result: (other if script in scripts else self).of(script) for script in SCRIPTS}
        return Verdict(error=self.error, varies=self.varies or other.varies, **results)

    def varying(self, *, varies: bool) -> Verdict:
        """Return the same verdict with this ``varies``."""
        return Verdict(error=self.error, varies=varies, **{script.result: self.of(script) for script in SCRIPTS})

    def __hash__(self) -> int:
        return hash((*self.results.values(), self.error))

    def __repr__(self) -> str:
        shown = {script.result: result for script, result in self.results.items()}
        shown |= {"error": self.error and str(self.error), "varies": self.varies}
        return f"Verdict({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


# The label of the button with which an administrator confirms that a username now belongs to another person.
ANOTHER_PERSON = '"Another person"'
