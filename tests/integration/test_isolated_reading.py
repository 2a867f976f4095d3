"""Reading by a process of its own: it says what a reading in this process says, and its end never looks like the directory's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.process.parent import ReadingProcess
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.search.raw_entry import as_entries, decode
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.attribute_bits import NamedAttributes
from directory.values.ldap import AttributeMapping, Connection
from tests.connections import connection_to
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory

PEOPLE = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number], "sn": [b"x" * 500]}) for number in range(2000)]


def connection(url: str, **values: object) -> Connection:
    given = {"search_base": "dc=example", "search_filter": "(objectClass=*)", "operation_timeout": 2, **values}
    return Connection(name="Fake", urls=(url,), **given)  # type: ignore[arg-type]


def children() -> set[int]:
    """Return the ids of this process's children that live."""
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in text if "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]}


@pytest.fixture(autouse=True)
def one_process_for_each_run(settings: Settings) -> None:
    """As in earnest, not as tests that read something have it."""
    settings.LDAP_READERS_WAIT = False


def test_it_says_what_a_reading_in_this_process_says() -> None:
    with FakeDirectory(PEOPLE) as server:
        to = connection(server.url, page_size=300)
        with open_reading(ReadingRequest(to)) as here:
            entries = [entry for page in here for entry in page]
        with ReadingProcess() as process, process.open(ReadingRequest(to)) as isolated:
            pages = [as_entries(page) for page in isolated.raw_pages()]

    assert [entry for page in pages for entry in page] == entries
    assert (isolated.url, isolated.proof, isolated.referrals, isolated.complete) == (
        here.url,
        here.proof,
        here.referrals,
        True,
    )


def test_it_looks_into_entries_as_this_process_does() -> None:
    mapping, named = AttributeMapping(), NamedAttributes(("uid", "photo"))
    with FakeDirectory(PEOPLE) as server:
        to = connection(server.url, page_size=300)
        with ReadingProcess() as process:
            with process.open(ReadingRequest(to)) as isolated:
                here = [decode(raw, mapping, named) for page in isolated.raw_pages() for raw in page]
            with process.open(ReadingRequest(to, mapping=mapping, named=("uid", "photo"))) as isolated:
                there = [raw for page in isolated.raw_pages() for raw in page]

    assert [raw.decoded for raw in there] == here
    assert {raw.content for raw in there} == {b""}


def test_one_process_reads_several_directories() -> None:
    with FakeDirectory(PEOPLE[:3]) as first, FakeDirectory(PEOPLE[:5]) as second, ReadingProcess() as process:
        before = children()
        for server, count in ((first, 3), (second, 5)):
            with process.open(ReadingRequest(connection(server.url))) as reading:
                assert sum(map(len, reading.raw_pages())) == count
        assert children() == before


def test_a_failure_comes_over_with_all_that_it_says() -> None:
    with FakeDirectory(PEOPLE[:3], search_result=(50, "go away")) as server, ReadingProcess() as process:
        with (
            pytest.raises(DirectoryUnavailable) as refused,
            process.open(ReadingRequest(connection(server.url))) as reading,
        ):
            list(reading.raw_pages())

        assert (refused.value.stage, refused.value.result_code) == (Stage.SEARCH, 50)
        assert "go away" in refused.value.server_message
        with FakeDirectory(PEOPLE[:2]) as other, process.open(ReadingRequest(connection(other.url))) as reading:
            assert sum(map(len, reading.raw_pages())) == 2


def test_a_reading_that_nobody_goes_on_with_leaves_no_process() -> None:
    before = children()
    with FakeDirectory(PEOPLE) as server, ReadingProcess() as process:
        with process.open(ReadingRequest(connection(server.url, page_size=10))) as reading:
            next(reading.raw_pages())
        assert not reading.complete
        assert children() == before


def test_a_process_that_is_killed_proves_nothing() -> None:
    before = children()
    with FakeDirectory(PEOPLE) as server, ReadingProcess() as process:
        with process.open(ReadingRequest(connection(server.url, page_size=10))) as reading:
            pages = reading.raw_pages()
            next(pages)
            for pid in children() - before:
                os.kill(pid, signal.SIGKILL)

            with pytest.raises(DirectoryUnavailable, match="the process that reads ended"):
                list(pages)

        assert not reading.complete


def test_a_process_that_is_stopped_for_a_moment_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Containers often have it so; Python's own output writes a part only then, where a signal comes.
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    before = children()
    with FakeDirectory(PEOPLE) as server, ReadingProcess() as process:
        (pid,) = children() - before
        with process.open(ReadingRequest(connection(server.url, page_size=500))) as reading:
            pages = reading.raw_pages()
            read = []
            for _ in range(4):
                # It has more to tell by then than the pipe takes.
                time.sleep(0.1)
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.05)
                os.kill(pid, signal.SIGCONT)
                read += next(pages)
            read += [raw for page in pages for raw in page]

    assert [raw.dn for raw in read] == [dn for dn, _ in PEOPLE]
    assert reading.complete


def test_it_ends_with_the_process_that_started_it() -> None:
    text = """
import os, sys
from django.conf import settings
settings.configure(LDAP_LOOPBACK=True, LDAP_PORTS=range(1, 65536), LDAP_READERS_WAIT=False)
from directory.ldap.process.parent import ReadingProcess
process = ReadingProcess()
process.__enter__()
print(process._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)

    pid = int(done.stdout)
    assert done.returncode == -signal.SIGKILL
    # It waits for a request, and finds nobody there.
    for _ in range(100):
        if not Path(f"/proc/{pid}/stat").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the process that reads has outlived the one that started it")


def test_the_bind_password_is_in_no_command_line_and_in_no_environment() -> None:
    with Directory() as directory:
        before = children()
        administrator = {"bind_dn": directory.admin_dn, "bind_password": directory.admin_password}
        to = connection_to(directory, page_size=1, **administrator)
        with ReadingProcess() as process, process.open(ReadingRequest(to)) as reading:
            [pid] = children() - before
            seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            list(reading.raw_pages())

    assert directory.admin_password.encode() not in seen
