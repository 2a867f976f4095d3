"""Reads single entries again, by their DNs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ldap

from directory.sync.source.connecting import connect
from directory.sync.source.failures import DirectoryUnavailable
from directory.sync.source.requests import ReadingRequest
from directory.sync.source.search import Search, asked_for
from directory.sync.source.sent import Sent
from directory.sync.source.targets import Target


def read_single(wanted: ReadingRequest, dns: Sequence[str]) -> Iterator[list[Sent]]:
    """Yield these entries as they are now, in pages; those that are gone, or that do not match any more, are left out.

    They come with the attributes that ``open_reading`` would ask for.

    Raises:
        DirectoryUnavailable: one of them could not be read.
    """
    connection, attributes = wanted.connection, asked_for(wanted.attributes, wanted.named)
    session, found = connect(connection), list[Sent]()
    try:
        for dn in dns:
            target = Target(dn, "base", connection.search_filter)
            search = Search(session, target, attributes, 1)
            try:
                found += (sent for page in search.sent_pages() for sent in page)
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
