"""Knows the attributes in which entries name their groups, and finds them in entries and filters. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

# Of Active Directory and most others; 389 Directory Server and Oracle; eDirectory; IBM.
NAMING = ("memberOf", "isMemberOf", "groupMembership", "ibm-allGroups")
_NAMING = frozenset(name.lower() for name in NAMING)
# One of these names as a key in the JSON of an entry, where a quote inside a text has a backslash before it.
# The lookahead at the first letter is for speed: the search runs for each entry.
IN_JSON = re.compile(
    rf'"(?=[{"".join({name[0] for name in NAMING})}])(?:{"|".join(NAMING)})(?:;[^"\\]*)?": ', re.IGNORECASE
)
_DECODER = json.JSONDecoder()
# An assertion of a filter, or an operator or bracket between assertions (RFC 4515; brackets in values are escaped).
PART = re.compile(
    r"\(\s*(?P<operator>[&|!])|(?P<end>\))|\(\s*(?P<name>[^()&|!=~<>:]+)(?P<rule>[^()=]*)=(?P<value>[^()]*)"
)
ESCAPED = re.compile(r"\\([0-9a-fA-F]{2})")


def names_groups(attribute: str) -> bool:
    """Return whether this attribute, with any option, names the groups of an entry."""
    return attribute.partition(";")[0].lower() in _NAMING


def named_by(attributes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the DNs of the groups in these attributes of an entry."""
    for name, values in attributes.items():
        if names_groups(name):
            yield from values


def named_in(attributes: str) -> list[str]:
    """Return the DNs of the groups in the attributes of an entry, given as JSON."""
    return [dn for found in IN_JSON.finditer(attributes) for dn in _DECODER.raw_decode(attributes, found.end())[0]]


def _sign(pair: re.Match[str]) -> str:
    """Return the sign of an escape in a filter; octets beyond ASCII stay escaped, in the same form as in a DN."""
    number = int(pair[1], 16)
    return pair[0] if number > 127 else chr(number)


def in_filter(search_filter: str) -> tuple[tuple[str, ...], bool]:
    """Return the groups that a filter names ("" for any group), and whether it also matches entries outside a named group."""
    groups, negated, operators = list[str](), False, list[str]()
    text = search_filter.strip()
    for found in PART.finditer(text if text.startswith("(") else f"({text})"):
        if found["end"]:
            operators = operators[:-1]
        elif found["operator"]:
            operators.append(found["operator"])
        else:
            operators.append("")
            if names_groups(found["name"].strip()):
                value = ESCAPED.sub(_sign, found["value"].strip())
                groups.append("" if "*" in value else value)
                negated = negated or operators.count("!") % 2 == 1
    return tuple(groups), negated
