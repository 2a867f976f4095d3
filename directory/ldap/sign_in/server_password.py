"""Checks one person's password on one server: django-auth-ldap does it, with a connection and a search of ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ldap
from django_auth_ldap.backend import LDAPBackend
from django_auth_ldap.config import LDAPSettings

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.sign_in import person_search
from directory.ldap.sign_in.bind_outcomes import outcome
from directory.ldap.transport.connect import connect
from directory.ldap.transport.session import Session
from directory.values.ldap import AttributeMapping, Connection
from directory.values.sign_in.directory_passwords import PasswordCheck, PasswordReason, PersonToFind

# No setting has this prefix: each backend gets what its server needs.
_NO_SETTINGS = "ROLLCALL_HAS_NO_SETTING_"


class StandInUser:
    """A person for django-auth-ldap, in place of Django's user: signing in makes and changes nobody."""

    USERNAME_FIELD = "username"


class SessionBinds:
    """A session for django-auth-ldap, in place of python-ldap's connection; ``check`` is the result of the person's bind."""

    def __init__(self, session: Session, may_send: Callable[[], bool]) -> None:
        self.session = session
        self.check: PasswordCheck | None = None
        self._may_send = may_send

    def simple_bind_s(self, dn: str, password: str) -> None:
        """Bind as the person; without a DN do nothing, as the session is bound by the server's own account already."""
        if not dn:
            return
        if not self._may_send():
            raise DirectoryUnavailable("the password was not sent, as nobody waits any more", stage=Stage.BIND)
        self.check = outcome(self.session.bind_as(dn, password))
        if not self.check.accepted:
            raise ldap.INVALID_CREDENTIALS


class ServerPassword(LDAPBackend):  # type: ignore[misc]  # django-auth-ldap has no types
    """django-auth-ldap for one person on one server.

    It decides about the order: connect, bind as the server's own account, find exactly one entry, bind as the person. What
    it needs for that is replaced: the module of python-ldap (``ldap``), the search (``USER_SEARCH``) and Django's user.
    ``may_send`` is called before the password is sent, and returns whether it may be.
    """

    def __init__(
        self,
        connection: Connection,
        mapping: AttributeMapping,
        person: PersonToFind,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._connection, self._mapping, self._person = connection, mapping, person
        self._may_send = may_send
        self._binds: SessionBinds | None = None
        self._found: Any = None
        given = {"USER_SEARCH": self, "NO_NEW_USERS": True, "ALWAYS_UPDATE_USER": False}
        self.settings = LDAPSettings(_NO_SETTINGS, given)

    def check(self, password: str, *, bind_anyway: bool = False) -> PasswordCheck:
        """Return the result; with ``bind_anyway`` a bind is sent even if there is nobody to bind as, for the time it takes.

        Raises:
            DirectoryUnavailable: the server can't be reached, or does not answer.
        """
        try:
            person = self.authenticate(None, username=self._person.username, password=password)
            if isinstance(self._found, PasswordCheck):
                if bind_anyway:
                    self._bind_as_nobody()
                return self._found
            return self._result(accepted=isinstance(person, StandInUser))
        finally:
            if self._binds is not None:
                self._binds.session.close()

    def _result(self, *, accepted: bool) -> PasswordCheck:
        check = self._binds.check if self._binds is not None else None
        if check is None or check.accepted != accepted:
            return PasswordCheck(PasswordReason.NOT_CHECKED, sentence="the password was not sent")
        return replace(check, identity=self._found)

    def _bind_as_nobody(self) -> None:
        if self._binds is not None:
            nobody = ",".join(filter(None, (f"cn={secrets.token_hex(8)}", self._connection.search_base)))
            with suppress(DirectoryUnavailable):
                self._binds.session.bind_as(nobody, secrets.token_urlsafe(12))

    # What django-auth-ldap calls.

    @property
    def ldap(self) -> ServerPassword:
        """What has ``initialize``, as python-ldap's module has."""
        return self

    def initialize(self, _uri: str, **_options: Any) -> SessionBinds:
        """Return the session: certificates are checked, and the server's own account is bound."""
        self._binds = SessionBinds(connect(self._connection), self._may_send)
        return self._binds

    def execute(self, binds: SessionBinds, _filter_arguments: object = None) -> Sequence[tuple[str, dict[str, Any]]]:
        """Return DN and attributes of the only entry, else nothing."""
        self._found = person_search.find(binds.session, self._connection, self._mapping, self._person)
        return [] if isinstance(self._found, PasswordCheck) else [(self._found.dn, {})]

    def get_user_model(self) -> type[StandInUser]:
        """Return what stands for Django's user."""
        return StandInUser

    def get_or_build_user(self, _username: str, _ldap_user: object) -> tuple[StandInUser, bool]:
        """Return the person, who is never built."""
        return StandInUser(), False
