"""The processes of one machine: their files, their ports, and the queues between them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.template.loader import render_to_string

from console.celery import app
from console.process import services
from console.process.demo_directory import ADMIN_DN, SUFFIX, DemoDirectory
from console.process.secret_files import kept_secret
from tests.tree import ROOT

STATIC = ROOT / "static"
LDIF = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: kestrel
o: Kestrel College

dn: uid=sean,{SUFFIX}
objectClass: inetOrgPerson
objectClass: directoryAccount
uid: sean
cn: Sean
sn: Cassidy
userAccountControl: 514
memberOf: cn=Help Desk,{SUFFIX}

dn: cn=Help Desk,{SUFFIX}
objectClass: groupOfNames
cn: Help Desk
member: uid=sean,{SUFFIX}
"""


def wait_for_port(port: int) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nothing answers at port {port}")


class TestAKeptSecret:
    def test_is_the_same_every_time_and_for_its_owner_only(self, tmp_path: Path) -> None:
        first = kept_secret(tmp_path / "password")

        assert kept_secret(tmp_path / "password") == first
        assert len(first) >= 32
        assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


class TestAFreePort:
    def test_is_the_wanted_one_unless_somebody_has_it(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]

            assert services.free_port(taken) != taken
        assert services.free_port(taken) == taken


class TestRedis:
    def test_keeps_what_is_queued_and_asks_for_its_password(self, tmp_path: Path) -> None:
        port = services.free_port()
        broker = services.redis(tmp_path / "redis", port)
        with subprocess.Popen(broker.command, stdout=subprocess.DEVNULL) as running:
            try:
                wait_for_port(port)
                with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
                    stranger.ping()
                with redis.Redis(port=port, password=services.redis_password(tmp_path / "redis")) as client:
                    assert client.config_get("appendonly") == {"appendonly": "yes"}
                    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            finally:
                running.terminate()


class TestTheQueues:
    def test_each_get_only_their_own_messages(self) -> None:
        bound = {queue.name: (queue.exchange.name, queue.routing_key) for queue in app.conf.task_queues}

        assert bound == {name: (name, name) for name in ("sync", "mail", "archives")}


class TestTheDemoDirectory:
    @pytest.fixture
    def port(self, tmp_path: Path) -> Iterator[int]:
        directory = DemoDirectory(tmp_path)
        directory.prepare()
        directory.ldif.write_text(LDIF)
        directory.load()
        port = services.free_port()
        with subprocess.Popen(directory.command(port)) as running:
            try:
                wait_for_port(port)
                yield port
            finally:
                running.terminate()

    def search(self, port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ldapsearch", "-x", "-LLL", "-H", f"ldap://127.0.0.1:{port}", "-b", SUFFIX, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_finds_people_by_their_groups(self, tmp_path: Path, port: int) -> None:
        found = self.search(
            port, "-D", ADMIN_DN, "-y", str(tmp_path / "password"), f"(memberOf=cn=help desk,{SUFFIX})", "uid",
            "userAccountControl",
        )  # fmt: skip

        assert found.stdout == f"dn: uid=sean,{SUFFIX}\nuid: sean\nuserAccountControl: 514\n\n"

    def test_says_nothing_to_strangers(self, port: int) -> None:
        assert "sean" not in self.search(port, "(uid=sean)").stdout

    def test_counts_as_loaded_only_when_it_was_to_the_end(self, tmp_path: Path) -> None:
        directory = DemoDirectory(tmp_path)
        directory.prepare()
        directory.ldif.write_text(f"{LDIF}\ndn: uid=broken,{SUFFIX}\nobjectClass: nonsense\n")

        with pytest.raises(subprocess.CalledProcessError):
            directory.load()

        assert not directory.loaded


class TestAnErrorPage:
    @pytest.mark.parametrize("name", ["400", "403", "404", "500", "403_csrf"])
    def test_needs_neither_request_nor_database(self, name: str) -> None:
        page = render_to_string(f"errors/{name}.html")

        assert '<html lang="en"' in page
        assert page.count("<h1") == 1


class TestTheStaticFiles:
    @pytest.mark.parametrize("name", sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.css")))
    def test_fetch_nothing_from_elsewhere(self, name: str) -> None:
        text = (STATIC / name).read_text("utf-8")

        assert "@import" not in text
        assert "url(http" not in text
        assert "url(//" not in text
        assert "sourceMappingURL" not in text
