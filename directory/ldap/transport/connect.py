"""Opens a session with the first of a server's URLs that can be reached."""

from __future__ import annotations

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.transport.session import Session
from directory.ldap.transport.sockets import Note, open_transport, unnoted
from directory.ldap.url import Url
from directory.ldap.validation.connection_checks import check_settings
from directory.values.ldap import Connection, FailedUrl

# The stages after whose failure another URL of the server may help; a refused password is refused everywhere.
UNREACHABLE = frozenset({Stage.NAME, Stage.CONNECT, Stage.TLS})


def connect(connection: Connection, note: Note = unnoted) -> Session:
    """Return a session with the first of the server's URLs that can be reached.

    Raises:
        DirectoryUnavailable: none can be reached, with the reason of each, or one refuses the bind.
    """
    failures: list[DirectoryUnavailable] = []
    tried: list[FailedUrl] = []
    for url in check_settings(connection):
        try:
            session = open_session(connection, url, note)
        except DirectoryUnavailable as failure:
            if failure.stage not in UNREACHABLE:
                raise
            failures.append(failure)
            tried.append(FailedUrl(str(url), failure.problem.removeprefix(f"{url}: ")))
        else:
            session.failed_urls = tuple(tried)
            return session
    if len(failures) == 1:
        raise failures[0]
    raise DirectoryUnavailable(
        "; ".join(map(str, failures)),
        stage=failures[-1].stage,
        server_message="; ".join(failure.server_message for failure in failures if failure.server_message),
    )


def open_session(connection: Connection, url: Url, note: Note = unnoted) -> Session:
    """Return a session with one server."""
    session = Session(connection, url, open_transport(connection, url, note))
    try:
        session.bind()
        session.read_root()
    except BaseException:
        session.close()
        raise
    note(Stage.BIND, f"signed in as {session.bound_as}; the server is {session.root.product or 'of an unknown make'}")
    return session
