"""Tests the search for groups before an administrator saves its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from directory.ldap.errors import DirectoryUnavailable, Stage, plain
from directory.ldap.groups.group_reader import DEFAULT_FILTER, MEMBERS
from directory.ldap.search.referrals import trees_with_people
from directory.ldap.search.search import RANGED, Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.connect import open_session
from directory.ldap.transport.session import UNSEEN, Session
from directory.ldap.url import Url
from directory.ldap.validation.filter_syntax import check_filter
from directory.values import distinguished_names
from directory.values.ldap import Connection, Entry, GroupSearch
from orgs.text import counted

# A test stops counting at this number, over all trees. It requests DNs alone, in pages if the server has them.
MOST = 5_000
ANY_MEMBER = "(|{})".format("".join(f"({name}=*)" for name in MEMBERS))
# The settings by their names on the page.
BASE, FILTER = "“Base of groups”", "“Filter of groups”"


def try_groups(connection: Connection, search: GroupSearch, session: Session) -> str:
    """Return a sentence on the groups that a run would find: how many, and one of them with its number of members.

    ``session`` is open already; each search has a session of its own, as in a run.

    Raises:
        DirectoryUnavailable: a setting is wrong; the message names it.
    """
    if search.search_filter and (problem := check_filter(search.search_filter)):
        raise _wrong(FILTER, problem)
    if search.base:
        _try_base(connection, search.base, session)
    search_filter = search.search_filter or DEFAULT_FILTER
    count, example = 0, None
    for tree in [search.base] if search.base else trees_with_people(session.root.contexts, connection.search_base):
        try:
            count += _count(connection, session.url, SearchLocation(tree, "subtree", search_filter), MOST + 1 - count)
            example = example or _example(connection, session.url, tree, search_filter)
        except DirectoryUnavailable as refused:
            # A run leaves out a tree that it can't see as well.
            if (
                search.base
                or refused.result_code not in UNSEEN
                or distinguished_names.is_within(connection.search_base, tree)
            ):
                raise _wrong(_where(search), str(refused)) from None
        if count > MOST:
            break
    if not count:
        raise _wrong(_where(search), "no group is found. Correct this, and see that the bind DN may see groups")
    return f"{_found(count)}; {described(example)}"


def _wrong(setting: str, problem: str) -> DirectoryUnavailable:
    return DirectoryUnavailable(f"{setting}: {problem}", stage=Stage.GROUPS)


def _where(search: GroupSearch) -> str:
    """Return the names of the settings that decide which groups are found, without empty ones."""
    given = [name for name, value in ((BASE, search.base), (FILTER, search.search_filter)) if value]
    return " and ".join(given or (BASE, FILTER))


def _found(count: int) -> str:
    return f"more than {MOST:,} groups found" if count > MOST else f"{counted(count, 'group', 'groups')} found"


@contextmanager
def _session(connection: Connection, url: Url) -> Iterator[Session]:
    session = open_session(connection, url)
    try:
        yield session
    finally:
        session.close()


def _try_base(connection: Connection, base: str, session: Session) -> None:
    try:
        with _session(connection, session.url) as own:
            found = sum(map(len, Search(own, SearchLocation(base, "base", "(objectClass=*)"), ("1.1",), 1).pages()))
    except DirectoryUnavailable as refused:
        # The advice of this error is about the search base, so it is replaced.
        raise _wrong(BASE, f"{refused.problem.rstrip('.')}. Correct it, or leave it empty") from None
    if not found:
        raise _wrong(BASE, f"{plain(base)} exists, and the bind DN may not see it")


def _count(connection: Connection, url: Url, target: SearchLocation, most: int) -> int:
    """Return the number of found entries, by their DNs alone; the search ends at most one page after ``most``."""
    with _session(connection, url) as session:
        search = Search(session, target, ("1.1",), min(connection.page_size, most))
        if connection.cannot_page:
            return len(search.first(most))
        count = 0
        for page in search.pages():
            count += len(page)
            if count >= most:
                break
        return count


def _example(connection: Connection, url: Url, tree: str, search_filter: str) -> Entry | None:
    """Return the first group with members, in the server's order; if it has many members, with only the first ones."""
    with _session(connection, url) as session:
        search = Search(session, SearchLocation(tree, "subtree", f"(&{search_filter}{ANY_MEMBER})"), MEMBERS, 1)
        return next(iter(search.first(1, complete=False)), None)


def described(example: Entry | None) -> str:
    """Return the words about the example group, without a full stop."""
    if example is None:
        return f"none of them lists members ({', '.join(MEMBERS)})"
    # A server may send only a part of a long list, under a name such as member;range=0-1499.
    more = any((found := RANGED.fullmatch(name)) and found["last"] != "*" for name in example.attributes)
    members = sum(map(len, example.attributes.values()))
    return f"{plain(example.dn)} is one of them, with {'more than ' if more else ''}{counted(members, 'member', 'members')}"
