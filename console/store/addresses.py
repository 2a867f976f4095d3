"""Matches the raw address of a request as a whole: only names that can't lead out of a repository come through."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orgs.backups.folders import CONFIG, FILE_NAME, GUID, KINDS

# The raw address, before anything is decoded: what is written in another way (%2e, //, ..) matches nothing.
_ADDRESS = re.compile(
    rf"/backup/(?P<guid>{GUID.pattern})/"
    rf"(?:(?P<config>{CONFIG})|(?P<kind>{'|'.join(KINDS)})/(?P<name>{FILE_NAME.pattern})?|(?P<create>\?create=true)?)"
)


@dataclass(frozen=True, slots=True)
class RequestedFile:
    """What a request is about: a repository, its config, one of its lists (``kind``), or a file in it (``name``)."""

    guid: str
    kind: str = ""
    name: str = ""
    is_config: bool = False
    creates: bool = False


def parsed(address: str) -> RequestedFile | None:
    """Return what a raw address names; None if it names nothing of a repository."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    return RequestedFile(
        guid=found["guid"],
        kind=found["kind"] or "",
        name=found["name"] or "",
        is_config=found["config"] is not None,
        creates=found["create"] is not None,
    )
