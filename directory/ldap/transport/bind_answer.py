"""The answer of a server to the bind of a person, as plain values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ldap

from directory.ldap.errors import plain


@dataclass(frozen=True, slots=True)
class BindAnswer:
    """The result code of a bind (RFC 4511, 4.2.2), the server's words, and the values of its controls by their kind.

    ``words`` are as the server sent them, for comparisons only; ``shown`` are on one line and without the password.
    ``anonymous``: the bind succeeded, but the server says that nobody is signed in.
    """

    code: int
    words: str = ""
    shown: str = ""
    controls: Mapping[str, bytes] = field(default_factory=dict)
    anonymous: bool = False


def of_success(controls: Iterable[Any], *, anonymous: bool) -> BindAnswer:
    """Return the answer of a bind that succeeded."""
    values = {control.controlType: control.encodedControlValue or b"" for control in controls}
    return BindAnswer(0, controls=values, anonymous=anonymous)


def of_error(error: ldap.LDAPError, *, password: str) -> BindAnswer | None:
    """Return the answer of a bind that the server refused; None if the error is no answer of the server."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code = details.get("result")
    # libldap's own results are negative.
    if not isinstance(code, int) or code <= 0:
        return None
    words, number = str(details.get("info") or ""), details.get("errno")
    if isinstance(number, int) and words == os.strerror(number):
        # If the server sent no words, python-ldap puts the system's last error there, which may be an unrelated one.
        words = ""
    controls = {kind: value or b"" for kind, _, value in details.get("ctrls") or ()}
    return BindAnswer(code, words, plain(words, secret=password), controls)
