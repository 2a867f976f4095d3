"""One bound connection to one server; no exception and no type of python-ldap leaves it, and values only as bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ldap
from ldap.controls import ResponseControl, SimplePagedResultsControl
from ldap.syncrepl import SyncRequestControl

from directory.ldap.errors import DirectoryUnavailable, Stage, plain
from directory.ldap.transport.ber import Malformed, attributes_of, paging_of
from directory.ldap.transport.error_translation import failure_of
from directory.ldap.transport.root_dse import ROOT_ATTRIBUTES, RootDse, root_of
from directory.ldap.transport.sockets import Transport, open_transport
from directory.ldap.url import Url
from directory.ldap.validation.connection_settings import SCOPES
from directory.values import pem_certificates
from directory.values.ldap import Connection, FailedUrl

PAGED_RESULTS = SimplePagedResultsControl.controlType
# What a server answers for a tree that it has not got, or that we may not see.
UNSEEN = frozenset({ldap.REFERRAL.errnum, ldap.NO_SUCH_OBJECT.errnum, ldap.INSUFFICIENT_ACCESS.errnum})
# Once the connection is lost, libldap would open a new one by itself: without TLS and anonymous.
NOWHERE = "ldap://255.255.255.255:1"

# They are handed the contents of the entries that come, and the URLs of each search reference.
TakeEntries = Callable[[Sequence[bytes]], None]
TakeReference = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class PageEnd:
    """How a search's answer ended; ``cookie`` is None where the paging control was not in it.

    ``estimate`` is how many entries the server expects in all, 0 where it does not say (RFC 2696).
    """

    cookie: bytes | None
    estimate: int = 0


class PagingControl(ResponseControl):  # type: ignore[misc]  # python-ldap has no types
    """The paging control of an answer, decoded here: libldap's own decoder ends the process where the value is empty."""

    size, cookie = 0, b""

    def decodeControlValue(self, encodedControlValue: bytes | None) -> None:  # noqa: N802, N803 - python-ldap's names
        """Take the value; raises Malformed."""
        self.size, self.cookie = paging_of(encodedControlValue or b"")


class Controls(dict[str, Any]):
    """How the controls of an answer are decoded: others are left as they are.

    Nor does it matter whether they are critical, which python-ldap asks of those that it has no class for (RFC 4511, 4.1.11).
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
            # The server has closed it first.
            return
        finally:
            del self._ldap
            self._transport.stream.close()

    def renew(self) -> None:
        """Go on by a fresh connection to the same address, as the same user.

        Raises:
            DirectoryUnavailable: there is none; the one so far stays.
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
        """Make ready for a search page by page: the second one on a connection is not to be trusted.

        OpenLDAP begins it where the one before it ended, if that was the end of a branch with a database of its own
        ("subordinate"): all other entries are left out. Each controller of an Active Directory counts its own changes,
        so what is asked of one is asked by one connection.
        """
        if self._has_paged and not self.root.is_active_directory:
            self.renew()

    def bind(self) -> None:
        """Sign in with the connection's credentials, and make sure that the server took them as more than anonymous."""
        dn, external = self._connection.bind_dn, self._connection.sasl_external
        password = self._connection.bind_password if dn else ""
        with self._translated(Stage.BIND), self._transport.stream.carried():
            if external:
                # With credentials, though empty: without any the server would ask for them first (RFC 4422, 5.1).
                self._ldap.sasl_bind_s("", "EXTERNAL", b"")
                self.bound_as = pem_certificates.subject(self._connection.client_certificate)
            else:
                self._ldap.result4(self._ldap.simple_bind(dn, password), resp_ctrl_classes=OF_BINDS)
                self.bound_as = dn or "anonymous"
            if not dn and not external:
                return
            try:
                # An answer without a name says what an empty one does (RFC 4532, 2.2).
                identity: str = self._ldap.whoami_s() or ""
            except ldap.PROTOCOL_ERROR:
                # RFC 4511, 4.12: the result where a server does not support this operation.
                return
        self.authorization = plain(identity)
        if not identity.removeprefix("dn:").strip():
            raise DirectoryUnavailable(
                f"{self.url}: the server took the bind as {self.bound_as} for an anonymous one", stage=Stage.BIND
            )

    def read_root(self) -> None:
        """Learn what the server supports; some let nobody read it."""
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
        """Ask, and return the number under which the answer comes; ``page`` is size, cookie and whether to insist.

        ``changed_since`` is a cookie for what has changed since it was given (RFC 4533).
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
        """Hand each entry and reference of an answer on as it arrives.

        Raises:
            DirectoryUnavailable: the answer did not end in success, or not in the time that one answer may take.
        """
        entries, result, taken = self._transport.stream.entries, self._ldap.result4, 0
        # For the whole answer: a server that drips would never reach the time-out of one entry.
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
