"""Tests a connection before an administrator saves it, and returns the first entries that it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from directory.ldap.connection_test.group_test import try_groups
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.search.search import ATTRIBUTES, Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.connect import UNREACHABLE, connect, open_session
from directory.ldap.transport.root_dse import RootDse
from directory.ldap.transport.session import Session
from directory.ldap.transport.sockets import Note
from directory.ldap.url import Url
from directory.ldap.validation.connection_checks import check_settings
from directory.values.ldap import Connection, Entry, GroupSearch

PAGES_COUNTED = 10


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """One stage of a test and its result; ``detail`` is a sentence for the administrator.

    ``product`` is the server's maker, and ``is_domain`` whether it works like a domain controller. Both come from the
    root DSE, once it has been read.
    """

    stage: Stage
    ok: bool
    detail: str
    url: str = ""
    product: str = ""
    is_domain: bool = False


class Steps(list[ConnectionStep]):
    """The steps so far; each is passed to ``on_step`` when it is added."""

    def __init__(self, on_step: Callable[[ConnectionStep], object]) -> None:
        super().__init__()
        self._on_step = on_step

    def append(self, step: ConnectionStep) -> None:
        """Add a step."""
        super().append(step)
        self._on_step(step)


def test_connection(
    connection: Connection,
    groups: GroupSearch | None = None,  # noqa: PT028  # no test of ours
) -> list[ConnectionStep]:
    """Try every URL up to the bind, and the search with the first that answers; stop where further steps are useless.

    With ``groups``, the last step is the search for the groups to resolve.
    """
    return run_steps(connection, groups, lambda _step: None)


def run_steps(
    connection: Connection, groups: GroupSearch | None, on_step: Callable[[ConnectionStep], object]
) -> list[ConnectionStep]:
    """Do what ``test_connection`` does, and pass each step to ``on_step`` as soon as it is over."""
    steps = Steps(on_step)
    try:
        urls = check_settings(connection)
    except DirectoryUnavailable as failure:
        steps.append(ConnectionStep(failure.stage, ok=False, detail=str(failure)))
        return steps
    searched = False
    for url in urls:
        try:
            session = open_session(connection, url, _recorder(steps, url))
        except DirectoryUnavailable as failure:
            steps.append(ConnectionStep(failure.stage, ok=False, detail=str(failure), url=str(url)))
            if failure.stage in UNREACHABLE:
                continue
            break
        try:
            if not searched:
                note = _recorder(steps, url, session.root)
                _try_search(connection, session, note)
                if groups is not None:
                    note(Stage.GROUPS, try_groups(connection, groups, session))
        except DirectoryUnavailable as failure:
            steps.append(_step(failure.stage, str(failure), url, session.root, ok=False))
        finally:
            session.close()
        searched = True
    return steps


# The function has the name of its button; pytest must not take it for a test.
test_connection.__test__ = False  # type: ignore[attr-defined]


def first_entries(connection: Connection, *, limit: int = 10) -> list[Entry]:
    """Return the first entries that the connection's search finds, in the server's order.

    Raises:
        DirectoryUnavailable: the server can't be reached, or refuses.
    """
    session = connect(connection)
    try:
        return Search(session, _target(connection), ATTRIBUTES, limit).first(limit)
    finally:
        session.close()


def _try_search(connection: Connection, session: Session, note: Note) -> None:
    _try_base(connection, session, note)
    search = Search(session, _target(connection), ("1.1",), connection.page_size)
    count = 0
    for page in search.pages():
        count += len(page)
        if search.pages_read >= PAGES_COUNTED:
            note(Stage.FILTER, "more than " + _found(count - 1))
            return
    if not count:
        raise DirectoryUnavailable("No entry is found: check base, filter and read rights", stage=Stage.FILTER)
    note(Stage.FILTER, _found(count))


def _found(count: int) -> str:
    return "1 entry found" if count == 1 else f"{count:,} entries found"


def _try_base(connection: Connection, session: Session, note: Note) -> None:
    if not connection.search_base:
        return note(Stage.BASE, "the whole directory is searched")
    base = SearchLocation(connection.search_base, "base", "(objectClass=*)")
    # If a base exists but is hidden, the answer has no entry and no error.
    found = sum(map(len, Search(session, base, ("1.1",), 1).pages()))
    note(
        Stage.BASE, f"{connection.search_base} found" if found else f"{connection.search_base} exists but can't be seen"
    )
    return None


def _recorder(steps: list[ConnectionStep], url: Url, root: RootDse | None = None) -> Note:
    def note(stage: Stage, detail: str) -> None:
        steps.append(_step(stage, detail, url, root, ok=True))

    return note


def _step(stage: Stage, detail: str, url: Url, root: RootDse | None, *, ok: bool) -> ConnectionStep:
    root_dse = root or RootDse()
    return ConnectionStep(stage, ok, detail, str(url), root_dse.product, root_dse.is_active_directory)


def _target(connection: Connection) -> SearchLocation:
    return SearchLocation(connection.search_base, connection.search_scope, connection.search_filter)
