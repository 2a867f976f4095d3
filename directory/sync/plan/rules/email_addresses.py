"""Finds the email addresses among the values of an entry, and chooses one. Pure.

An address is a text that Django and mail servers without SMTPUTF8 take (RFC 5321, 4.1.2). It has ASCII characters
before the "@". The domain after it may have letters of any script, because it is looked up in its ASCII form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from orgs.text import fold

MAX_EMAIL = 320
_ATOM = r"[-!#$%&'*+/=?^_`{}|~0-9A-Z]+"
_QUOTED = r'"(?:[\001-\010\013\014\016-\037!#-\[\]-\177]|\\[\001-\011\013\014\016-\177])*"'
_LOCAL = re.compile(rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})", re.IGNORECASE)
_LETTER = "a-z0-9\u00a1-\uffff"
_FIRST = rf"[{_LETTER}](?:[{_LETTER}-]{{0,61}}[{_LETTER}])?"
_NEXT = rf"(?:\.(?!-)[{_LETTER}-]{{1,63}}(?<!-))*"
_TOP = r"\.(?!-)(?:[a-z\u00a1-\uffff-]{2,63}|xn--[a-z0-9]{1,59})(?<!-)"
_DOMAIN = re.compile(_FIRST + _NEXT + _TOP, re.IGNORECASE)
# proxyAddresses of Active Directory and Exchange: "SMTP:" marks the primary address, "smtp:" a further one; values with
# another prefix are no email addresses.
_TYPED = re.compile(r"(?P<type>[A-Za-z][A-Za-z0-9]*):(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of an entry in the server's order; ``primary`` counts before all, ``wrong`` are other values."""

    primary: str = ""
    others: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def chosen(self, current: str) -> str:
        """Return the address that a user with the address ``current`` gets, as the directory spells it; empty for none.

        If there are several and none is primary, the current one stays: a directory keeps values in no order.
        """
        if self.primary or not self.others:
            return self.primary
        return spelled_as(current, self.others) or self.others[0]


def is_address(text: str) -> bool:
    """Return whether a text is an email address."""
    local, at, domain = text.rpartition("@")
    if not at or len(text) > MAX_EMAIL or not _LOCAL.fullmatch(local):
        return False
    return domain == "localhost" or _DOMAIN.fullmatch(domain) is not None or _is_literal(domain)


def addresses(values: Iterable[str]) -> Addresses:
    """Return the addresses among the values of a directory's attribute."""
    primary, others, wrong = "", list[str](), list[str]()
    for value in values:
        typed = _TYPED.fullmatch(value)
        if typed and typed["type"].lower() != "smtp":
            # An address of another kind, such as X500, SIP or EUM.
            continue
        address = typed["value"].strip() if typed else value
        if not is_address(address):
            wrong.append(value)
        elif typed and typed["type"] == "SMTP" and not primary:
            primary = address
        else:
            others.append(address)
    return Addresses(primary, tuple(others), tuple(wrong))


def spelled_as(current: str, values: Sequence[str]) -> str:
    """Return the value that equals ``current`` except for letter case, the same spelling first; empty if there is none."""
    if current in values:
        return current
    key = fold(current)
    return next((value for value in values if fold(value) == key), "")


def _is_literal(domain: str) -> bool:
    if not (domain.startswith("[") and domain.endswith("]")):
        return False
    try:
        return bool(ip_address(domain[1:-1]))
    except ValueError:
        return False
