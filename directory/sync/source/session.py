"""One bound connection to one server; no exception and no type of python-ldap leaves it, and values only as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import ldap
from ldap.controls import SimplePagedResultsControl
from pyasn1.error import PyAsn1Error

from directory.sync.source.failures import DirectoryUnavailable, Referred, Stage, plain
from directory.sync.source.filters import check_filter
from directory.sync.source.urls import Url, parse_url
from directory.sync.source.wire import Note, Wire, open_wire
from directory.sync.values import Connection

SCOPES = {"base": ldap.SCOPE_BASE, "onelevel": ldap.SCOPE_ONELEVEL, "subtree": ldap.SCOPE_SUBTREE}
PAGED_RESULTS = SimplePagedResultsControl.controlType
ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
# Only here may another of the server's URLs help; a refused password is refused everywhere.
UNREACHABLE = frozenset({Stage.NAME, Stage.CONNECT, Stage.TLS})
LARGEST_PAGE = 2**31 - 1
ROOT_ATTRIBUTES = ["objectClass", "supportedControl", "supportedCapabilities", "vendorName", "vendorVersion"]

# Once the connection is lost, libldap would open a new one by itself: without TLS and anonymous.
NOWHERE = "ldap://255.255.255.255:1"

# What python-ldap hands over: an entry's DN and values, or None and the URLs of a search reference.
Attributes = Mapping[str, Sequence[bytes]]
Take = Callable[[str | None, Attributes | Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class RootDse:
    """What a server says about itself; ``controls`` is None where it says nothing."""

    controls: frozenset[str] | None = None
    product: str = ""


@dataclass(frozen=True, slots=True)
class PageEnd:
    """How a search's answer ended; ``cookie`` is None where the paging control was not in it."""

    cookie: bytes | None


class Session:
    """A connection that is bound and ready to search."""

    def __init__(self, connection: Connection, url: Url, wire: Wire) -> None:
        self.url = url
        self.encrypted = wire.encrypted
        self.root = RootDse()
        self.bound_as = ""
        self._connection = connection
        self._wire = wire
        self._ldap = ldap.initialize(NOWHERE, fileno=wire.fileno)
        self._ldap.timeout = connection.operation_timeout
        for option, value in (
            (ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3),
            (ldap.OPT_REFERRALS, ldap.OPT_OFF),
            (ldap.OPT_DEREF, ldap.DEREF_NEVER),
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
            self._wire.wait_closed()

    def bind(self) -> None:
        """Sign in as the connection says, and make sure that the server took it as more than anonymous."""
        dn = self._connection.bind_dn
        password = self._connection.bind_password if dn else ""
        with self._translated(Stage.BIND):
            self._ldap.simple_bind_s(dn, password)
            self.bound_as = dn or "anonymous"
            if not dn:
                return
            try:
                identity = self._ldap.whoami_s()
            except ldap.PROTOCOL_ERROR:
                # RFC 4511, 4.12: how a server says that it has not got this operation.
                return
        if not identity.removeprefix("dn:").strip():
            raise DirectoryUnavailable(
                f"{self.url}: the server took the bind as {dn} for an anonymous one", stage=Stage.BIND
            )

    def read_root(self) -> None:
        """Learn what the server supports; some let nobody read it."""
        found: list[Attributes] = []

        def take(_dn: str | None, attributes: Attributes | Sequence[str]) -> None:
            if isinstance(attributes, Mapping):
                found.append(attributes)

        try:
            message = self.search("", "base", "(objectClass=*)", ROOT_ATTRIBUTES)
            self.receive(message, take)
        except DirectoryUnavailable as refused:
            if refused.result_code is None:
                raise
        if found:
            self.root = _root(found[0])

    def search(
        self,
        base: str,
        scope: str,
        search_filter: str,
        attributes: Sequence[str],
        *,
        page: tuple[int, bytes, bool] | None = None,
        size_limit: int = 0,
    ) -> int:
        """Ask, and return the number under which the answer comes; ``page`` is size, cookie and whether to insist."""
        controls = None
        if page:
            size, cookie, insist = page
            controls = [SimplePagedResultsControl(criticality=insist, size=size, cookie=cookie)]
        with self._translated(Stage.SEARCH):
            message: int = self._ldap.search_ext(
                base, SCOPES[scope], search_filter, list(attributes), serverctrls=controls, sizelimit=size_limit
            )
            return message

    def receive(self, message: int, take: Take, *, already: int = 0) -> PageEnd:
        """Hand each entry and reference of an answer to ``take`` as it arrives.

        Raises:
            DirectoryUnavailable: the answer did not end in success.
        """
        result, seconds, taken = self._ldap.result4, self._connection.operation_timeout, 0
        with self._translated(Stage.SEARCH, after=lambda: already + taken):
            while True:
                kind, rows, _, controls, _, _ = result(message, 0, seconds)
                for dn, attributes in rows:
                    taken += dn is not None
                    take(dn, attributes)
                if kind == ldap.RES_SEARCH_RESULT:
                    break
        cookies = [control.cookie for control in controls if control.controlType == PAGED_RESULTS]
        return PageEnd(cookie=cookies[0] if cookies else None)

    @contextmanager
    def _translated(self, stage: Stage, after: Callable[[], int] | None = None) -> Iterator[None]:
        try:
            yield
        except ldap.LDAPError as error:
            raise self._failure(error, stage, after() if after else None) from None
        except (UnicodeError, PyAsn1Error) as error:
            reason = plain(str(error), secret=self._connection.bind_password)
            raise DirectoryUnavailable(f"{self.url}: the answer can't be read ({reason})", stage=stage) from None

    def _failure(self, error: ldap.LDAPError, stage: Stage, after: int | None) -> DirectoryUnavailable:
        details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        secret = self._connection.bind_password
        words, matched = (plain(str(details.get(name) or ""), secret=secret) for name in ("info", "matched"))
        name = details.get("desc") or type(error).__name__
        if isinstance(error, ldap.REFERRAL):
            urls = tuple(str(details.get("info") or "").splitlines()[1:])
            return Referred(f"{self.url} has not got the base and refers to {plain(' '.join(urls))}", urls)
        lost = "" if after is None else f" after {after} entries"
        if isinstance(error, ldap.TIMEOUT):
            seconds = self._connection.operation_timeout
            return DirectoryUnavailable(
                f"{self.url}: no answer within {seconds} seconds{lost}", stage=_unanswered(stage)
            )
        if isinstance(error, ldap.SERVER_DOWN | ldap.CONNECT_ERROR):
            reason = self._wire.trouble or words or "connection lost"
            return DirectoryUnavailable(
                f"{self.url}: {name} ({reason}){lost}", stage=_unanswered(stage), server_message=words
            )
        if isinstance(error, ldap.SIZELIMIT_EXCEEDED | ldap.TIMELIMIT_EXCEEDED | ldap.ADMINLIMIT_EXCEEDED):
            name += lost
        tail = f": {words}" if words else ""
        tail += f": matched {matched}" if matched else ""
        return DirectoryUnavailable(
            f"{name}{tail}", stage=_stage(error, stage), server_message=words, result_code=_code(details)
        )


def connect(connection: Connection, note: Note) -> Session:
    """Return a session with the first of the server's URLs that can be reached.

    Raises:
        DirectoryUnavailable: none can be reached, with the reason of each, or one refuses the bind.
    """
    failures: list[DirectoryUnavailable] = []
    for url in check_settings(connection):
        try:
            return open_session(connection, url, note)
        except DirectoryUnavailable as failure:
            if failure.stage not in UNREACHABLE:
                raise
            failures.append(failure)
    raise DirectoryUnavailable(
        "; ".join(map(str, failures)),
        stage=failures[-1].stage,
        server_message="; ".join(failure.server_message for failure in failures if failure.server_message),
    )


def open_session(connection: Connection, url: Url, note: Note) -> Session:
    """Return a session with one server."""
    session = Session(connection, url, open_wire(connection, url, note))
    try:
        session.bind()
        session.read_root()
    except BaseException:
        session.close()
        raise
    note(Stage.BIND, f"signed in as {session.bound_as}; the server is {session.root.product or 'of an unknown make'}")
    return session


def check_settings(connection: Connection) -> list[Url]:
    """Return the URLs of a connection that is fit to be tried.

    Raises:
        DirectoryUnavailable: a setting is wrong, found before any network.
    """
    urls = [parse_url(url) for url in connection.urls]
    if not urls:
        raise DirectoryUnavailable("The LDAP server has no URL", stage=Stage.NAME)
    if connection.bind_dn and not connection.bind_dn.strip():
        raise DirectoryUnavailable("The bind DN consists of spaces", stage=Stage.BIND)
    if connection.bind_dn and not connection.bind_password.strip():
        # RFC 4513, 5.1.2: servers answer success, and bind anonymously.
        raise DirectoryUnavailable("The bind DN has no password, which would bind anonymously", stage=Stage.BIND)
    _check_text("bind DN", connection.bind_dn, Stage.BIND)
    _check_text("bind password", connection.bind_password, Stage.BIND)
    _check_text("search base", connection.search_base, Stage.BASE)
    if connection.search_scope not in SCOPES:
        raise DirectoryUnavailable("The search scope is none of base, onelevel and subtree", stage=Stage.BASE)
    if problem := check_filter(connection.search_filter):
        raise DirectoryUnavailable(f"Bad search filter: {problem}", stage=Stage.FILTER)
    if not 1 <= connection.page_size <= LARGEST_PAGE:
        raise DirectoryUnavailable(f"The page size has to be between 1 and {LARGEST_PAGE}", stage=Stage.SEARCH)
    if min(connection.connect_timeout, connection.operation_timeout) < 1:
        raise DirectoryUnavailable("A time-out has to be at least one second", stage=Stage.CONNECT)
    return urls


def _check_text(name: str, value: str, stage: Stage) -> None:
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise DirectoryUnavailable(f"The {name} holds a character that LDAP can't carry", stage=stage)


def _unanswered(stage: Stage) -> Stage:
    return Stage.CONNECT if stage is Stage.BIND else stage


def _stage(error: ldap.LDAPError, stage: Stage) -> Stage:
    if stage is not Stage.SEARCH:
        return stage
    if isinstance(error, ldap.NO_SUCH_OBJECT | ldap.INVALID_DN_SYNTAX):
        return Stage.BASE
    return Stage.FILTER if isinstance(error, ldap.FILTER_ERROR) else stage


def _code(details: Mapping[str, object]) -> int | None:
    """Return the result code that the server gave; libldap's own ones are negative."""
    code = details.get("result")
    return code if isinstance(code, int) and code > 0 else None


def _root(attributes: Attributes) -> RootDse:
    texts = {
        name.lower(): [value.decode("utf-8", "replace") for value in values] for name, values in attributes.items()
    }
    controls = texts.get("supportedcontrol")
    vendor = " ".join([*texts.get("vendorname", [])[:1], *texts.get("vendorversion", [])[:1]])
    if not vendor and ACTIVE_DIRECTORY in texts.get("supportedcapabilities", []):
        vendor = "Active Directory"
    if not vendor and "OpenLDAProotDSE" in texts.get("objectclass", []):
        vendor = "OpenLDAP"
    return RootDse(controls=None if controls is None else frozenset(controls), product=plain(vendor))
