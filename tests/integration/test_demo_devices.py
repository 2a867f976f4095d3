"""Computers of the demo register and back up by themselves, once, whatever has ended an earlier start."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from console.management.commands import demodevices
from console.process.demo_directory import DemoDirectory
from directory.invariants import broken
from directory.models import LdapServer
from orgs.actions.users import blocking
from orgs.models import AuditEntry, Device, DeviceToken, User
from orgs.rules.actors import SYSTEM
from tests.restic_client import MISSING, RESTIC
from tests.server_process import accepts, free_port, start_process
from tests.store_server import StoreServer, running_store
from tests.worlds import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
NAMES = ["chiara-laptop", "milos-laptop"]


@pytest.fixture
def demo(settings: Settings, tmp_path: Path) -> DemoDirectory:
    directory, port = DemoDirectory(tmp_path / "demo"), free_port()
    directory.prepare()
    (directory.home / "port").write_text(str(port))
    call_command("demo", ldap_port=port, ldif=directory.ldif)
    # The store and its folders stay those of all tests; only the demo's own folder is this test's.
    settings.VAR = tmp_path
    return directory


@pytest.fixture
def slapd(demo: DemoDirectory) -> Iterator[None]:
    demo.load()
    port = int((demo.home / "port").read_text())
    with start_process(demo.command(port)) as process:
        while not accepts(port):
            time.sleep(0.05)
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def store(settings: Settings) -> Iterator[StoreServer]:
    with running_store() as server:
        settings.STORE_ADDRESS = f"http://127.0.0.1:{server.port}"
        yield server


def start(console: LiveServer, store: StoreServer) -> str:
    written = StringIO()
    address = f"http://127.0.0.1:{store.port}"
    call_command("demodevices", "start", console=console.url, store=address, stdout=written)
    return written.getvalue()


def backing_up() -> list[str]:
    found = Device.objects.filter(name__in=NAMES, active=True, last_backup_at__isnull=False)
    return sorted(found.values_list("name", flat=True))


@pytest.mark.skipif(RESTIC is None, reason=MISSING)
def test_they_back_up_and_a_start_after_any_end_makes_nothing_twice(
    demo: DemoDirectory, slapd: None, store: StoreServer, live_server: LiveServer
) -> None:
    assert "milos-laptop, chiara-laptop" in start(live_server, store)
    assert backing_up() == NAMES
    guids = set(Device.objects.filter(name__in=NAMES).values_list("guid", flat=True))
    assert {path.name for path in store.archives.iterdir()} >= guids
    tokens, audited = set(DeviceToken.objects.values_list("sha256", flat=True)), AuditEntry.objects.count()

    start(live_server, store)

    assert set(DeviceToken.objects.values_list("sha256", flat=True)) == tokens
    assert AuditEntry.objects.count() == audited

    # As one that was killed after Rollcall had registered the computer, and before the agent noted it.
    milos = demo.home / "computers" / "milos-laptop"
    shutil.rmtree(milos / "settings")
    Device.objects.filter(name="milos-laptop").update(last_backup_at=None)
    start(live_server, store)

    assert backing_up() == NAMES
    assert set(Device.objects.filter(name__in=NAMES, active=True).values_list("guid", flat=True)) == guids
    assert json.loads((milos / "settings" / "settings.json").read_text())["guid"] in guids
    assert broken(at=NOON) == []


@pytest.mark.skipif(RESTIC is None, reason=MISSING)
def test_somebody_who_is_cut_off_stays_so(
    demo: DemoDirectory, slapd: None, store: StoreServer, live_server: LiveServer
) -> None:
    milos = User.objects.get(username="milos.smith")
    blocking.block(user_ids=[milos.pk], by=SYSTEM, at=NOON)

    start(live_server, store)

    assert backing_up() == ["chiara-laptop"]


def test_the_account_of_the_first_one_is_disabled_and_enabled_again(demo: DemoDirectory, slapd: None) -> None:
    written = StringIO()

    call_command("demodevices", "leave", stdout=written)
    assert "has disabled the account of Miloš Smith (milos.smith)" in written.getvalue()
    call_command("demodevices", "return", stdout=written)
    assert "has enabled" in written.getvalue()


def test_without_restic_it_says_that_devices_are_rows(demo: DemoDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    written = StringIO()

    call_command("demodevices", "start", stdout=written)

    assert written.getvalue().strip() == demodevices.NO_RESTIC
    assert backing_up() == []


def test_a_token_never_goes_in_clear_to_another_machine(demo: DemoDirectory, settings: Settings) -> None:
    settings.STORE_ADDRESS = "http://backup.example:8010"
    written = StringIO()

    call_command("demodevices", "start", stdout=written)

    assert "tokens would go in clear to the store at http://backup.example:8010" in written.getvalue()
    assert not DeviceToken.objects.exists()


def test_nobodys_own_rollcall_gets_devices(demo: DemoDirectory) -> None:
    LdapServer.objects.all().delete()
    written = StringIO()

    call_command("demodevices", "start", stdout=written)

    assert written.getvalue() == ""


def test_without_the_demo_the_acts_say_what_to_do(settings: Settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path

    with pytest.raises(CommandError, match="There is no directory of the demo here"):
        call_command("demodevices", "leave")
    with pytest.raises(CommandError, match="milos-laptop is not registered"):
        call_command("demodevices", "back-up")
