"""Finds the attributes that a server computes when an entry is read, by its schema and configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from directory.ldap.attributes.computed_attributes import MARKING
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.incremental import cursor
from directory.ldap.search.search import Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.session import UNSEEN, Session
from directory.values.ldap import Entry

# Finds attributes with FLAG_ATTR_IS_CONSTRUCTED (MS-ADTS, 2.2.10).
CONSTRUCTED = "(systemFlags:1.2.840.113556.1.4.803:=4)"
# A class of service gives entries the value of an attribute (389 Directory Server, Administration Guide, 6.2).
CLASSES_OF_SERVICE = "(&(objectClass=ldapSubEntry)(cosAttribute=*))"
WITH_CLASSES_OF_SERVICE = re.compile(r"389|netscape|sun|oracle|red hat|fedora", re.IGNORECASE)
# The usage of attributes that belong to one server and are never replicated (RFC 4512, 4.1.2).
OF_ONE_SERVER = re.compile(r"\bUSAGE\s+dSAOperation\b", re.IGNORECASE)
NAMES = re.compile(r"\bNAME\s+(?:'(?P<one>[^']+)'|\((?P<several>[^)]*)\))")
# A name that can stand in a filter without escapes; the named attributes include any words of scripts.
WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def computed(session: Session, named: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes among these that the server computes, as far as its schema shows.

    Raises:
        DirectoryUnavailable: the connection is lost.
    """
    return _those(named, lambda attributes: _computed(session, attributes))


def computed_by_service(session: Session, named: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes among these that a class of service provides, on servers that have such classes.

    Raises:
        DirectoryUnavailable: the connection is lost.
    """
    return _those(named, lambda _: _by_service(session)) if _has_services(session) else ()


def _those(named: Sequence[str], find: Callable[[set[str]], Iterable[str]]) -> tuple[str, ...]:
    attributes = {name.lower() for name in named if WORD.fullmatch(name)} - MARKING
    if not attributes:
        return ()
    try:
        found = {name.lower() for name in find(attributes)}
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return ()
    return tuple(sorted(found & attributes))


def _computed(session: Session, attributes: set[str]) -> Iterator[str]:
    if session.root.is_active_directory:
        yield from _constructed(session, attributes)
    elif _has_services(session):
        yield from _by_service(session)
    else:
        yield from _of_one_server(session)


def _has_services(session: Session) -> bool:
    return not session.root.is_active_directory and bool(WITH_CLASSES_OF_SERVICE.search(session.root.product))


def _by_service(session: Session) -> Iterator[str]:
    for tree in session.root.contexts:
        for entry in _found(session, SearchLocation(tree, "subtree", CLASSES_OF_SERVICE), ("cosAttribute",)):
            # The value may have a qualifier: "nsAccountLock operational".
            yield from (value.split()[0] for value in entry.values("cosAttribute") if value.split())


def _constructed(session: Session, attributes: set[str]) -> Iterator[str]:
    schema = cursor.first_values(session, "", ("schemaNamingContext",)).get("schemanamingcontext", "")
    if not schema:
        return
    names = "".join(f"(lDAPDisplayName={name})" for name in sorted(attributes))
    condition = f"(&(objectClass=attributeSchema){CONSTRUCTED}(|{names}))"
    for entry in _found(session, SearchLocation(schema, "onelevel", condition), ("lDAPDisplayName",)):
        yield from entry.values("lDAPDisplayName")


def _of_one_server(session: Session) -> Iterator[str]:
    schema = cursor.first_values(session, "", ("subschemaSubentry",)).get("subschemasubentry", "")
    if not schema:
        return
    for entry in _found(session, SearchLocation(schema, "base", "(objectClass=subschema)"), ("attributeTypes",)):
        for text in entry.values("attributeTypes"):
            if OF_ONE_SERVER.search(text) and (names := NAMES.search(text)):
                yield from [names["one"]] if names["one"] else re.findall(r"'([^']+)'", names["several"])


def _found(session: Session, target: SearchLocation, attributes: Sequence[str]) -> Iterator[Entry]:
    try:
        for page in Search(session, target, attributes, 500).pages():
            yield from page
    except DirectoryUnavailable as refused:
        if refused.result_code not in UNSEEN:
            raise
