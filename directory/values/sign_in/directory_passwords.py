"""Values of a password check by a directory: whom to look for, and the result. Pure."""

from __future__ import annotations

import stringprep
from dataclasses import dataclass
from enum import StrEnum

from directory.values.ldap import Identity, IdKey


class PasswordReason(StrEnum):
    """Why a directory accepts a username and a password, or not; the words are for administrators only."""

    RIGHT = "the password is right"
    WRONG = "the server says that the password is wrong"
    LOCKED = "the account is locked"
    EXPIRED = "the password has expired"
    MUST_CHANGE = "the password has to be changed first"
    DISABLED = "the account is disabled"
    ACCOUNT_EXPIRED = "the account has expired"
    NOT_NOW = "the account may not sign in at this time"
    NOT_HERE = "the account may not sign in from this machine"
    NOT_ALLOWED = "the account may not sign in"
    ANONYMOUS = "the server takes the bind for an anonymous one"
    NOT_CHECKED = "the server does not check the password"
    NOT_FOUND = "the person is not found"
    AMBIGUOUS = "several entries are found for the person"
    NOT_REACHED = "the server can't be asked"


# The server has checked no password, so the next server may.
_UNCHECKED = frozenset({PasswordReason.NOT_CHECKED, PasswordReason.NOT_FOUND, PasswordReason.NOT_REACHED})

_TO_BE_CHANGED = frozenset({PasswordReason.EXPIRED, PasswordReason.MUST_CHANGE})
# The most characters of a password.
MOST_CHARACTERS = 4096


def can_be_sent(password: str) -> bool:
    """Return whether a bind with this password can never be taken for one without a password (RFC 4513, 5.1.2).

    A server may prepare the password first (RFC 4013): spaces are one space then, and soft hyphens, joiners and the like
    are nothing. NUL ends the password for some servers. So at least one other character is needed, and no NUL.
    """
    if len(password) > MOST_CHARACTERS or any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in password):
        return False
    return any(not (sign.isspace() or not sign.isprintable() or stringprep.in_table_b1(sign)) for sign in password)


@dataclass(frozen=True, slots=True)
class PersonToFind:
    """The person whose password is checked, as one server knows them.

    With ``known_ids`` the person is found by these only, else by username. ``server_id`` is the server that is asked: a
    company's own numbers count on one server only.
    """

    username: str
    server_id: int = 0
    known_ids: frozenset[IdKey] = frozenset()

    @property
    def ids_here(self) -> tuple[str, ...]:
        """The known ids that count on this server."""
        return tuple(sorted(one for one, of in self.known_ids if of in {0, self.server_id}))


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """What one directory makes of a username and a password.

    ``identity`` is that of the only entry that was found. ``sentence`` has the reason in the server's own words.
    ``proven``: the password is certainly right, even if the server lets nobody in with it now.
    """

    reason: PasswordReason
    identity: Identity | None = None
    sentence: str = ""
    advice: str = ""
    proven: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the person may come in."""
        return self.reason is PasswordReason.RIGHT

    @property
    def wants_a_new_password(self) -> bool:
        """Whether the password is right, but has to be changed before the person may come in."""
        return self.proven and self.reason in _TO_BE_CHANGED

    @property
    def leaves_it_open(self) -> bool:
        """Whether the server has checked no password, so that the next one may."""
        return self.reason in _UNCHECKED
