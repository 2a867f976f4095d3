"""Exports at once: a few run, the next ones are told to come again, and places are given back however one ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from console.http.unavailable import Busy
from console.listing import exports
from console.listing.exports import Export, csv_lines
from tests.makers import make_sysadmin, signed_in

ROWS = [[number, "x" * 100] for number in range(2000)]


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    return tmp_path


def export() -> Export:
    return Export(csv_lines(("number", "text"), ROWS), exports._free_slot())


def test_one_more_than_may_run_is_refused_until_another_has_ended() -> None:
    running = [export() for _ in range(exports.AT_ONCE)]
    with pytest.raises(Busy):
        export()

    read = "".join(running[0])
    export().close()
    running[1].close()

    assert read.count("\r\n") == len(ROWS) + 1
    for again in [export() for _ in range(exports.AT_ONCE)]:
        again.close()


def test_lines_are_sent_together() -> None:
    pieces = list(export())

    assert sum(map(len, pieces)) > 200_000
    assert len(pieces) < 10


@pytest.mark.django_db
def test_the_page_that_waits_says_so_and_comes_again() -> None:
    client = _lenient(signed_in(make_sysadmin()))
    running = [exports._free_slot() for _ in range(exports.AT_ONCE)]

    answer = client.get(reverse("audit:export"))
    for slot in running:
        os.close(slot)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Other exports are under way" in answer.content.decode()
    assert client.get(reverse("audit:export")).status_code == 200


def _lenient(client: Client) -> Client:
    client.raise_request_exception = False
    return client
