"""Finds the lines of org name scripts in which the name of an org stands as a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from directory.models import LdapServer
from directory.values.scripts import ORG_NAME
from orgs.text import fold

# A text of JavaScript in one line; a backslash takes the next character with it.
_TEXT = re.compile(r"""(["'`])((?:\\.|(?!\1).)*)\1""")


@dataclass(frozen=True, slots=True)
class NamedInScript:
    """A line of a server's org name script that names an org."""

    server: LdapServer
    line: int
    text: str


def lines_that_name(org_name: str) -> list[NamedInScript]:
    """Return the lines of all org name scripts that hold this name as a whole text, in any letter case.

    A name that a script takes from an attribute, or puts together, is not found: what scripts have returned shows it.
    """
    key = fold(org_name)
    found = []
    for server in LdapServer.objects.in_order():
        for number, line in enumerate(server.scripts[ORG_NAME].splitlines(), 1):
            if any(fold(_unescaped(text)) == key for _, text in _TEXT.findall(line)):
                found.append(NamedInScript(server, number, line.strip()))
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
