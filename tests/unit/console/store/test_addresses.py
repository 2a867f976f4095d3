"""Addresses of the store: whole strings of a closed grammar, whatever else is written leads nowhere."""

from __future__ import annotations

import pytest

from console.store.addresses import RequestedFile, parsed

GUID, NAME = "123456789012345678", "ab" * 32
# What reaches into another's repository, or out of all, if an address is decoded, normalized or matched in part.
TRAVERSALS = [
    f"/backup/{GUID}/../223456789012345678/config",
    f"/backup/{GUID}/%2e%2e/223456789012345678/config",
    f"/backup/{GUID}/..%2f223456789012345678/config",
    f"/backup/{GUID}/%2E%2E%2Fconfig",
    f"/backup/{GUID}/data/../config",
    f"/backup/{GUID}/data/{NAME[:-2]}..",
    f"/backup/{GUID}/data/{NAME}/../../../config",
    f"/backup/{GUID}/data/{NAME}a",
    f"/backup/{GUID}/data/{NAME[:-1]}",
    f"/backup/{GUID}/data/{NAME.upper()}",
    f"/backup/{GUID}/data/ab/{NAME}",
    f"/backup/{GUID}/.tmp/",
    f"/backup/{GUID}/.tmp/{NAME}",
    f"/backup/{GUID}/data/.tmp",
    "/backup/.leaving/config",
    f"/backup/.leaving/{GUID}/config",
    f"/backup/{GUID}/config%0d%0aX-Header:1",
    f"/backup/{GUID}/config%0a",
    f"/backup/{GUID}/config%00",
    f"/backup/{GUID}/config\n",
    f"/backup/{GUID}//config",
    f"//backup/{GUID}/config",
    f"/backup//{GUID}/config",
    f"/backup/{GUID}/data//{NAME}",
    f"/backup/{GUID}/./config",
    f"/backup/{GUID}/config/",
    f"/backup/{GUID}/config?x=1",
    f"/backup/{GUID}/config#x",
    f"/backup/{GUID}/?create=true&create=true",
    f"/backup/{GUID}/?create=false",
    f"/backup/{GUID}",
    f"/backup/{GUID}1/config",
    f"/backup/{GUID[:-1]}/config",
    "/backup/\u0661\u0662\u0663456789012345678/config",
    f"/backup/{GUID}/secrets/{NAME}",
    f"/BACKUP/{GUID}/config",
    f"http://localhost/backup/{GUID}/config",
    "*",
    "",
    "/",
]


@pytest.mark.parametrize("address", TRAVERSALS)
def test_what_is_written_in_another_way_names_nothing(address: str) -> None:
    assert parsed(address) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("config", RequestedFile(GUID, is_config=True)),
        ("data/", RequestedFile(GUID, kind="data")),
        (f"locks/{NAME}", RequestedFile(GUID, kind="locks", name=NAME)),
        ("?create=true", RequestedFile(GUID, creates=True)),
        ("", RequestedFile(GUID)),
    ],
)
def test_what_restic_sends_names_a_repository_or_a_file_in_it(address: str, expected: RequestedFile) -> None:
    assert parsed(f"/backup/{GUID}/{address}") == expected
