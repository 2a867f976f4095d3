"""The demo's administrators sign in with the password that its people have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from console.process.demo_directory import DemoDirectory
from orgs.models import User
from tests.server_process import accepts, free_port, start_process
from tests.sign_ins import WRONG, is_in, try_in

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoDirectory]:
    directory, port = DemoDirectory(tmp_path / "demo"), free_port()
    directory.prepare()
    call_command("demo", ldap_port=port, ldif=directory.ldif)
    directory.load()
    with start_process(directory.command(port)) as slapd:
        while not accepts(port):
            time.sleep(0.05)
        try:
            yield directory
        finally:
            slapd.terminate()


def test_each_of_them_comes_in(demo: DemoDirectory) -> None:
    password = (demo.home / "people-password").read_text().strip()
    administrators = list(User.objects.administrators().values_list("username", flat=True))[:5]

    assert len(administrators) == 5
    assert [name for name in administrators if not is_in(try_in(name, password)[0])] == []
    assert WRONG in try_in(administrators[0], "another password")[1]
    assert oct(demo.ldif.stat().st_mode & 0o777) == "0o600"
