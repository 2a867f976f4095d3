"""Finds the entry of one person whose password is to be checked: exactly one, by immutable id where it is known."""

from __future__ import annotations

from directory.ldap.entry_identity import id_attributes, identity, is_theirs
from directory.ldap.errors import plain
from directory.ldap.search.person_filter import person_filter
from directory.ldap.search.search import Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.session import Session
from directory.values.ldap import AttributeMapping, Connection, Identity
from directory.values.sign_in.directory_passwords import PasswordCheck, PasswordReason, PersonToFind
from orgs.text import counted, fold

# Servers compare more loosely than we do, so that some entries may be another person's. Nobody has more namesakes.
_PAGE = 100


def find(
    session: Session, connection: Connection, mapping: AttributeMapping, person: PersonToFind
) -> Identity | PasswordCheck:
    """Return the identity of the person's only entry, or why there is none.

    The base, the scope and the filter are those of syncs. Referrals are not followed: the password is for this server
    alone. A person with known ids, none of which counts on this server, is not looked for by name.

    Raises:
        DirectoryUnavailable: the server did not answer the search to its end.
    """
    if person.known_ids and not person.ids_here:
        return PasswordCheck(PasswordReason.NOT_FOUND, sentence="no known immutable id counts on this server")
    names = (mapping.username, *id_attributes(mapping))
    condition = person_filter(person.username, person.ids_here, mapping, by_name_too=not person.known_ids)
    target = SearchLocation(
        connection.search_base, connection.search_scope, f"(&{connection.search_filter.strip()}{condition})"
    )
    pages = Search(session, target, names, min(connection.page_size, _PAGE)).pages()
    found = {who.dn: who for page in pages for entry in page if _is_theirs(who := identity(entry, mapping), person)}
    if len(found) == 1 and next(iter(found)).strip():
        return next(iter(found.values()))
    by = f"immutable id {' or '.join(person.ids_here)}" if person.known_ids else f"username {person.username}"
    if not found:
        return PasswordCheck(
            PasswordReason.NOT_FOUND, sentence=plain(f"nobody is found with the {by} and the search filter")
        )
    dns = " and ".join(list(found)[:2])
    number = counted(len(found), "entry has", "entries have")
    return PasswordCheck(PasswordReason.AMBIGUOUS, sentence=plain(f"{number} the {by}: {dns}"))


def _is_theirs(who: Identity, person: PersonToFind) -> bool:
    if person.known_ids:
        return is_theirs(who, person.server_id, person.known_ids)
    return fold(person.username) in map(fold, who.usernames)
