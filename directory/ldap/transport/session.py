"""One bound connection to one server; python-ldap's exceptions and types stay inside, and values are bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ldap
from ldap.controls import ResponseControl, SimplePagedResultsControl
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.syncrepl import SyncRequestControl

from directory.ldap.errors import DirectoryUnavailable, Stage, plain
from directory.ldap.transport import bind_answer
from directory.ldap.transport.ber import Malformed, attributes_of, paging_of
from directory.ldap.transport.bind_answer import BindAnswer
from directory.ldap.transport.error_translation import failure_of
from directory.ldap.transport.root_dse import ROOT_ATTRIBUTES, RootDse, root_of
from directory.ldap.transport.sockets import Transport, open_transport
from directory.ldap.url import Url
from directory.ldap.validation.connection_checks import SCOPES
from directory.values import pem_certificates
from directory.values.ldap import Connection, FailedUrl

PAGED_RESULTS = SimplePagedResultsControl.controlType
# The results for a tree that the server does not hold, or that the bind DN may not see.
UNSEEN = frozenset({ldap.REFERRAL.errnum, ldap.NO_SUCH_OBJECT.errnum, ldap.INSUFFICIENT_ACCESS.errnum})
# After a lost connection, libldap would open a new one by itself, without TLS and anonymous. This address fails.
NOWHERE = "ldap://255.255.255.255:1"

# Callbacks for the contents of entries, and for the URLs of each search reference.
TakeEntries = Callable[[Sequence[bytes]], None]
TakeReference = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The end of a search's answer; ``cookie`` is None if the answer had no paging control.

    ``estimate`` is how many entries the server expects in all, 0 if it gives no number (RFC 2696).
    """

    cookie: bytes | None
    estimate: int = 0


class PagingControl(ResponseControl):  # type: ignore[misc]  # python-ldap has no types
    """The paging control of an answer, decoded here: libldap's own decoder ends the process if the value is empty."""

    size, cookie = 0, b""

    def decodeControlValue(self, encodedControlValue: bytes | None) -> None:  # noqa: N802, N803 - python-ldap's names
        """Store estimate and cookie of the value; raises Malformed."""
        self.size, self.cookie = paging_of(encodedControlValue or b"")


class Controls(dict[str, Any]):
    """The classes that decode the controls of an answer; unknown controls stay undecoded.

    They are also allowed if they are critical: python-ldap would raise, but the field has no meaning in answers (RFC
    4511, 4.1.11).
    """

    def __missing__(self, kind: str) -> Any:
        return ResponseControl


OF_SEARCHES = Controls({PAGED_RESULTS: PagingControl})
OF_BINDS = Controls({PAGED_RESULTS: ResponseControl})


class Session:
    """A connection that is bound and ready to search."""

    def __init__(self, connection: Connection, url: Url, transport: Transport) -> None:
        self.url = url
        self.encrypted = transport.encrypted
        self.cannot_page = connection.cannot_page
        self.dereferences = connection.dereference_aliases
        self.root = RootDse()
        self.bound_as = ""
        self.authorization = ""
        self.failed_urls: tuple[FailedUrl, ...] = ()
        self._connection = connection
        self._transport = transport
        self._has_paged = False
        self._ldap = ldap.initialize(NOWHERE, fileno=transport.fileno)
        self._ldap.timeout = connection.operation_timeout
        for option, value in (
            (ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3),
            (ldap.OPT_REFERRALS, ldap.OPT_OFF),
            (ldap.OPT_DEREF, ldap.DEREF_ALWAYS if connection.dereference_aliases else ldap.DEREF_NEVER),
            (ldap.OPT_SIZELIMIT, ldap.NO_LIMIT),
            (ldap.OPT_TIMELIMIT, ldap.NO_LIMIT),
            (ldap.OPT_NETWORK_TIMEOUT, connection.connect_timeout),
            (ldap.OPT_TIMEOUT, connection.operation_timeout),
        ):
            self._ldap.set_option(option, value)

    def close(self) -> None:
        try:
            self._ldap.unbind_ext_s()
        except ldap.LDAPError:
            # The server has closed the connection first.
            return
        finally:
            del self._ldap
            self._transport.stream.close()

    def renew(self) -> None:
        """Replace the connection by a new one to the same address, with the same bind.

        Raises:
            DirectoryUnavailable: there is no new connection; the old one stays.
        """
        transport = open_transport(self._connection, self.url, address=self._transport.address)
        fresh = Session(self._connection, self.url, transport)
        try:
            fresh.bind()
        except BaseException:
            fresh.close()
            raise
        self._transport, fresh._transport = fresh._transport, self._transport
        self._ldap, fresh._ldap = fresh._ldap, self._ldap
        self._has_paged = False
        fresh.close()

    def begin_paging(self) -> None:
        """Renew the connection before a second paged search, because such a search is not reliable.

        OpenLDAP begins the second one where the first ended, if that was the end of a branch with a database of its own
        ("subordinate"): all other entries are left out. Active Directory keeps its connection, because each of its
        controllers counts its own changes.
        """
        if self._has_paged and not self.root.is_active_directory:
            self.renew()

    def bind(self) -> None:
        """Bind with the connection's credentials.

        Raises:
            DirectoryUnavailable: the server refuses them, or takes the bind as an anonymous one.
        """
        dn, external = self._connection.bind_dn, self._connection.sasl_external
        password = self._connection.bind_password if dn else ""
        with self._translated(Stage.BIND), self._transport.stream.carried():
            if external:
                # Sends empty credentials: without any the server would request them first (RFC 4422, 5.1).
                self._ldap.sasl_bind_s("", "EXTERNAL", b"")
                self.bound_as = pem_certificates.subject(self._connection.client_certificate)
            else:
                self._ldap.result4(self._ldap.simple_bind(dn, password), resp_ctrl_classes=OF_BINDS)
                self.bound_as = dn or "anonymous"
            if not dn and not external:
                return
            try:
                # An answer without a name means the same as an empty one: anonymous (RFC 4532, 2.2).
                identity: str = self._ldap.whoami_s() or ""
            except ldap.PROTOCOL_ERROR:
                # RFC 4511, 4.12: the server does not support this operation.
                return
        self.authorization = plain(identity)
        if not identity.removeprefix("dn:").strip():
            raise DirectoryUnavailable(
                f"{self.url}: the server took the bind as {self.bound_as} for an anonymous one", stage=Stage.BIND
            )

    def bind_as(self, dn: str, password: str) -> BindAnswer:
        """Bind as a person, and return the server's answer; the session is of no other use afterwards.

        Raises:
            ValueError: without a DN or a password, the server would bind anonymously, with success (RFC 4513, 5.1.2).
            DirectoryUnavailable: there is no answer.
        """
        if not (dn.strip() and password.strip()):
            raise ValueError("a bind as a person needs a DN and a password")
        with self._translated(Stage.BIND), self._transport.stream.carried():
            try:
                message = self._ldap.simple_bind(dn, password, [PasswordPolicyControl()])
                controls = self._ldap.result4(message, resp_ctrl_classes=OF_BINDS)[3]
            except ldap.LDAPError as error:
                if (refused := bind_answer.of_error(error, password=password)) is None:
                    raise
                return refused
            return bind_answer.of_success(controls, anonymous=self._is_anonymous())

    def _is_anonymous(self) -> bool:
        try:
            identity: str = self._ldap.whoami_s() or ""
        except ldap.LDAPError as error:
            if bind_answer.of_error(error, password="") is None:
                raise
            # The server does not support the operation, or allows only a change of the password.
            return False
        return not identity.removeprefix("dn:").strip()

    def read_root(self) -> None:
        """Read the root DSE; some servers do not allow that."""
        found: list[bytes] = []
        try:
            message = self.search("", "base", "(objectClass=*)", ROOT_ATTRIBUTES)
            self.receive(message, found.extend, _ignore_reference)
        except DirectoryUnavailable as refused:
            if refused.result_code is None:
                raise
        if found:
            with self._translated(Stage.SEARCH):
                self.root = root_of(attributes_of(found[0]))

    def search(
        self,
        base: str,
        scope: str,
        search_filter: str,
        attributes: Sequence[str],
        *,
        page: tuple[int, bytes, bool] | None = None,
        size_limit: int = 0,
        changed_since: str | None = None,
    ) -> int:
        """Send a search, and return the message id of its answer; ``page`` is size, cookie, and whether it is critical.

        With the cookie ``changed_since`` the server returns the changes since that cookie (RFC 4533).
        """
        controls: list[Any] | None = None
        if changed_since is not None:
            controls = [SyncRequestControl(criticality=True, cookie=changed_since, mode="refreshOnly")]
        if page:
            size, cookie, insist = page
            controls = [SimplePagedResultsControl(criticality=insist, size=size, cookie=cookie)]
        with self._translated(Stage.SEARCH):
            message: int = self._ldap.search_ext(
                base, SCOPES[scope], search_filter, list(attributes), serverctrls=controls, sizelimit=size_limit
            )
            return message

    def receive(self, message: int, take: TakeEntries, refer: TakeReference, *, already: int = 0) -> PageEnd:
        """Pass each entry to ``take`` and each reference to ``refer`` as they arrive; ``already`` entries came before.

        Raises:
            DirectoryUnavailable: the answer did not end in success, or took longer than one answer may take.
        """
        entries, result, taken = self._transport.stream.entries, self._ldap.result4, 0
        # The time-out is for the whole answer: a very slow server would never reach one for a single entry.
        ends = time.monotonic() + self._connection.operation_timeout
        kind, controls = 0, list[Any]()
        with self._translated(Stage.SEARCH, after=lambda: already + taken):
            while kind != ldap.RES_SEARCH_RESULT:
                if (come := entries(message, ends)) is not None:
                    taken += len(come)
                    take(come)
                    continue
                kind, rows, _, controls, _, _ = result(
                    message, 0, max(0.0, ends - time.monotonic()), resp_ctrl_classes=OF_SEARCHES
                )
                for _, urls in rows or ():
                    refer(urls)
        paging = [control for control in controls if control.controlType == PAGED_RESULTS]
        self._has_paged |= any(control.cookie for control in paging)
        return PageEnd(paging[0].cookie, max(paging[0].size, 0)) if paging else PageEnd(cookie=None)

    @contextmanager
    def _translated(self, stage: Stage, after: Callable[[], int] | None = None) -> Iterator[None]:
        try:
            yield
        except ldap.LDAPError as error:
            raise self._failure(error, stage, after) from None
        except TimeoutError:
            raise self._failure(ldap.TIMEOUT(), stage, after) from None
        except (UnicodeError, Malformed) as error:
            reason = plain(str(error), secret=self._connection.bind_password)
            raise DirectoryUnavailable(f"{self.url}: the answer can't be read ({reason})", stage=stage) from None

    def _failure(self, error: ldap.LDAPError, stage: Stage, after: Callable[[], int] | None) -> DirectoryUnavailable:
        return failure_of(
            error,
            self._connection,
            self.url,
            stage,
            trouble=self._transport.stream.trouble,
            after=after() if after else None,
        )


def _ignore_reference(_urls: Sequence[str]) -> None:
    return None
