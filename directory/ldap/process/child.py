"""The process that reads a directory for a worker: it gets requests, writes pages, and ends with its parent."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.ldap.connection_test.connection_test import first_entries, run_steps
from directory.ldap.connection_test.sign_in_test import run_sign_in_steps
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.groups.group_reader import GroupReading
from directory.ldap.groups.people_reader import PeopleReader
from directory.ldap.incremental.read_scope import branches_with_people
from directory.ldap.process.parent import as_tuple, receive, send
from directory.ldap.reading.single_entries import read_single
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.search.raw_entry import RawEntry, decoded_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.values import distinguished_names
from directory.values.attribute_bits import NamedAttributes
from directory.values.group_graph import GroupGraph
from directory.values.ldap import AbsenceCheckResult, ReadScope

# Pages that are read ahead, besides the one that the parent works on and the one that is coming.
QUEUED_PAGES = 2
GONE = 1


class MessageWriter:
    """Writes messages in a thread, so that the next page is read while this one waits for the parent."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(QUEUED_PAGES)
        self._thread = threading.Thread(target=self._write_all, name="message writer", daemon=True)
        self._thread.start()

    def write(self, kind: str, **content: Any) -> None:
        """Queue a message; waits while the queue is full."""
        self._waiting.put({"kind": kind, **content})

    def _write_all(self) -> None:
        try:
            while True:
                send(self._stream, self._waiting.get())
        except OSError:
            # The parent is gone, and no other process needs the pages.
            os._exit(GONE)


@dataclass(slots=True)
class Kept:
    """The graph of the groups that one request has read, for the people that the next request reads."""

    graph: GroupGraph | None = None


def main() -> None:
    """Carry out the requests from standard input, one after the other, and write the results to standard output."""
    # These signals are for the parent; this process ends when the parent ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings.configure()
    # The stream needs a buffer: with PYTHONUNBUFFERED, sys.stdout writes only a part of a page when a signal comes.
    writer, kept = MessageWriter(open(sys.stdout.fileno(), "wb", closefd=False)), Kept()  # noqa: SIM115 - until the process ends
    while (request := receive(sys.stdin.buffer)) is not None:
        try:
            _read(request, writer, kept)
        except DirectoryUnavailable as failure:
            writer.write(
                "failed",
                message=failure.problem,
                advice=failure.advice,
                stage=str(failure.stage),
                server_message=failure.server_message,
                result_code=failure.result_code,
                broke_off_sync=failure.broke_off_sync,
            )
        except Exception:  # noqa: BLE001 - the parent raises it, with this text
            writer.write("crashed", crash=traceback.format_exc())


def _try(request: dict[str, Any], writer: MessageWriter) -> None:
    match request["try"]:
        case "connection":
            run_steps(request["connection"], request["groups"], lambda step: writer.write("step", step=step))
        case "sign-in":
            who = request["mapping"], request["username"], request["password"]
            run_sign_in_steps(request["connection"], *who, lambda step: writer.write("step", step=step))
        case "people":
            reader = PeopleReader(request["connection"], request["groups"])
            writer.write("entries", entries=reader.read(request["reading"]))
        case "absence":
            writer.write("result", result=_absence(request))
        case _:
            writer.write("entries", entries=first_entries(request["connection"], limit=request["limit"]))
    writer.write("ended")


def _absence(request: dict[str, Any]) -> AbsenceCheckResult:
    branches, lost = request["neighbours"], request["lost"]
    check = AbsenceCheck(
        request["connection"],
        request["mapping"],
        neighbours=lambda branch: branches.get(distinguished_names.key(branch), ()),
        lost=lambda: lost,
    )
    with check:
        return check.look_for([request["who"]])[request["who"].user_id]


def _read_groups(request: dict[str, Any], writer: MessageWriter, kept: Kept) -> None:
    kept.graph = None
    reading = GroupReading(request["connection"], request["groups"], request["known"], keep=request["keep"])
    for page in reading.changed():
        writer.write("groups", groups=[(each.key, each.digest, tuple(each.group)) for each in page])
    figures = {"count": reading.count, "left_out": reading.left_out, "referrals": reading.referrals}
    writer.write("groups ended", gone=reading.gone, **figures)
    if request["keep"]:
        # The parent stores the groups while this graph is built.
        kept.graph = reading.graph()


def _read(request: dict[str, Any], writer: MessageWriter, kept: Kept) -> None:
    for name, value in request["settings"].items():
        setattr(settings, name, value)
    if "try" in request:
        return _try(request, writer)
    if "groups" in request:
        return _read_groups(request, writer, kept)
    if "branches" in request:
        found = branches_with_people(request["connection"], request["branches"])
        return _write_single([[RawEntry(dn, b"", b"") for dn in found]], writer)
    if "single" in request:
        return _write_single(read_single(request["single"], request["dns"]), writer)
    return _read_people(request["reading"], writer, kept)


def _write_single(pages: Iterable[list[RawEntry]], writer: MessageWriter) -> None:
    """Write entries that were read one by one, without a proof."""
    writer.write("opened", url="", extent=ReadScope())
    for page in pages:
        writer.write("page", page=[as_tuple(raw) for raw in page])
    writer.write("ended", referrals=[], left_out=[], aliases=0, twice=[], escaped=[], too_deep=[], proof=None)


def _read_people(request: ReadingRequest, writer: MessageWriter, kept: Kept) -> None:
    graph, kept.graph = kept.graph, None
    if request.mapping is not None and request.for_groups and graph is None:
        raise RuntimeError("no groups have been read for these people")
    with open_reading(request) as reading:
        writer.write("opened", url=reading.url, extent=reading.extent)
        pages = reading.raw_pages()
        if request.mapping is not None:
            pages = decoded_pages(pages, request.mapping, NamedAttributes(request.named), graph)
        for page in pages:
            writer.write("page", page=[as_tuple(raw) for raw in page])
        aliases = reading.count_aliases()
    odd = {"twice": reading.twice, "escaped": reading.escaped, "left_out": reading.left_out}
    odd["too_deep"] = graph.too_deep if graph is not None else []
    writer.write("ended", referrals=reading.referrals, proof=reading.proof, aliases=aliases, **odd)


if __name__ == "__main__":
    main()
