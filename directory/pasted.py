"""Pasted text → the text that is meant: line ends, blanks around it and between the parts of filters and DNs. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

# A byte order mark, zero-width and no-break blanks come along when text is copied from a page or a document.
_AROUND = " \t\n\v\f\r\u00a0\ufeff\u200b\u2060"
_LINE_END = re.compile(r"[ \t\u00a0]*(?:\r\n|\r|\n)[ \t\u00a0\r\n]*")
_BESIDE_SEPARATOR = re.compile(r"(?<=[,;+=])\n|\n(?=[,;+=])")
# Parentheses within a value are escaped (RFC 4515), so these are all between parts; a line end before one is, too.
_BETWEEN_PARTS = re.compile(r"(?<=\()\s+|(?<=\))\s+(?=[()])|\n(?=\))")
_AFTER_OPERATOR = re.compile(r"(?<=\([&|!])\s+(?=\()")


def text(value: str) -> str:
    """Return a script or a certificate with one kind of line end and nothing around it."""
    return value.replace("\r\n", "\n").replace("\r", "\n").strip(_AROUND)


def line(value: str) -> str:
    """Return text of one line without what stands around it."""
    return value.strip(_AROUND)


def dn(value: str) -> str:
    """Return a DN on one line; a line end beside a comma goes, any other is a blank."""
    joined = _LINE_END.sub("\n", line(value))
    return _BESIDE_SEPARATOR.sub("", joined).replace("\n", " ")


def ldap_filter(value: str) -> str:
    """Return a filter on one line, without blanks between its parts; those within a value stay."""
    joined = _LINE_END.sub("\n", line(value))
    return _AFTER_OPERATOR.sub("", _BETWEEN_PARTS.sub("", joined)).replace("\n", " ")


def lines(value: Any) -> Any:
    """Return a list of texts without what stands around each, and without empty ones; anything else as it is."""
    if not isinstance(value, list):
        return value
    return [each for item in value if (each := line(item) if isinstance(item, str) else item) != ""]


_SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "ca_certificate": text,
    "client_certificate": text,
    "client_key": text,
    "active_script": text,
    "org_name_script": text,
    "role_name_script": text,
    "search_filter": ldap_filter,
    "search_base": dn,
    "bind_dn": dn,
    "urls": lines,
    "always_list_attributes": lines,
    "username_attribute": line,
    "email_attribute": line,
    "first_name_attribute": line,
    "last_name_attribute": line,
    "unique_id_attribute": line,
    "canary": line,
}


def normalized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an LDAP server's settings as they are tested and stored. A password stays as it was typed."""
    return {
        name: _SETTINGS[name](value) if name in _SETTINGS and isinstance(value, str | list) else value
        for name, value in values.items()
    }


def same(name: str, one: Any, other: Any) -> bool:
    """Tell whether two values of a setting differ in nothing that is meant."""
    return one == other or normalized({name: one}) == normalized({name: other})
