"""Reads single entries again, by their DNs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ldap

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.search.raw_entry import RawEntry
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.search.search import Search, requested_attributes
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.connect import connect


def read_single(request: ReadingRequest, dns: Sequence[str]) -> Iterator[list[RawEntry]]:
    """Yield these entries in pages, without those that are gone or do not match the filter any more.

    They have the attributes that ``open_reading`` would request.

    Raises:
        DirectoryUnavailable: one of them could not be read.
    """
    connection, attributes = request.connection, requested_attributes(request.attributes, request.named)
    session, found = connect(connection), list[RawEntry]()
    try:
        for dn in dns:
            target = SearchLocation(dn, "base", connection.search_filter)
            search = Search(session, target, attributes, 1)
            try:
                found += (raw for page in search.raw_pages() for raw in page)
            except DirectoryUnavailable as refused:
                if refused.result_code != ldap.NO_SUCH_OBJECT.errnum:
                    raise
            if len(found) >= connection.page_size:
                yield found
                found = []
        if found:
            yield found
    finally:
        session.close()
