"""The store over real HTTP: files come in whole or not at all, go out in parts, and the gate is asked at both ends."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from orgs.actions.devices_by_hand import states
from orgs.actions.users import deactivation
from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from orgs.models import Repository
from orgs.rules.actors import SYSTEM
from tests.backups import BackingUp, signed_in_device
from tests.faults.processes import wait_for
from tests.store_server import Reply, StoreServer, basic, running_store
from tests.worlds import NOON, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
CONTENT = b"a pack of restic" * 100
NAME = sha256(CONTENT).hexdigest()
V2 = "application/vnd.x.restic.rest.v2"


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture
def laptop(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("sean"))
    assert store.request(made, "POST", "?create=true").status == 200
    return made


def post(store: StoreServer, device: BackingUp, path: str, body: bytes, **how: Any) -> Reply:
    return store.request(device, "POST", path, body, **how)


def leftovers(store: StoreServer, device: BackingUp) -> list[str]:
    return [path.name for path in (store.folder(device) / ".tmp").iterdir()]


class TestAnUpload:
    def test_is_stored_under_its_name_in_restics_layout(self, store: StoreServer, laptop: BackingUp) -> None:
        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200
        assert post(store, laptop, f"keys/{NAME}", CONTENT).status == 200

        folder = store.folder(laptop)
        assert (folder / "data" / NAME[:2] / NAME).read_bytes() == CONTENT
        assert (folder / "keys" / NAME).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        assert leftovers(store, laptop) == []

    def test_in_chunks_is_stored_too(self, store: StoreServer, laptop: BackingUp) -> None:
        body = iter([CONTENT[:500], CONTENT[500:]])

        assert (
            store.request(laptop, "POST", f"data/{NAME}", body, chunked=True, Transfer_Encoding="chunked").status == 200
        )
        assert store.request(laptop, "GET", f"data/{NAME}").body == CONTENT

    def test_with_another_content_than_its_name_leaves_nothing(self, store: StoreServer, laptop: BackingUp) -> None:
        refused = post(store, laptop, f"data/{NAME}", b"something else")

        assert (refused.status, refused.reason) == (400, "The content does not have the name that it was sent with.")
        assert store.request(laptop, "HEAD", f"data/{NAME}").status == 404
        assert leftovers(store, laptop) == []

    def test_that_breaks_off_leaves_nothing(self, store: StoreServer, laptop: BackingUp) -> None:
        with half_sent(store, laptop) as asking:
            asking.sock.shutdown(1)
            assert asking.getresponse().status == 400

        assert leftovers(store, laptop) == []
        assert store.request(laptop, "HEAD", f"data/{NAME}").status == 404

    def test_that_is_sent_again_is_taken(self, store: StoreServer, laptop: BackingUp) -> None:
        statuses = [post(store, laptop, f"data/{NAME}", CONTENT).status for _ in range(2)]

        assert statuses == [200, 200]

    def test_of_the_config_is_taken_once(self, store: StoreServer, laptop: BackingUp) -> None:
        assert store.request(laptop, "HEAD", "config").status == 404
        assert post(store, laptop, "config", b"first").status == 200

        # The same once more: its client did not receive the answer.
        assert post(store, laptop, "config", b"first").status == 200
        again = post(store, laptop, "config", b"second")

        assert (again.status, again.reason) == (403, "This archive has its config already.")
        assert store.request(laptop, "GET", "config").body == b"first"
        assert leftovers(store, laptop) == []

    def test_that_is_too_large_is_refused_before_it_is_read(self, store: StoreServer, laptop: BackingUp) -> None:
        asking = http.client.HTTPConnection("127.0.0.1", store.port, timeout=30)
        asking.putrequest("POST", f"/backup/{laptop.guid}/data/{NAME}")
        asking.putheader("Authorization", basic(laptop))
        asking.putheader("Content-Length", str(512 * 1024**2 + 1))
        asking.endheaders()

        assert asking.getresponse().status == 413
        asking.close()

    def test_during_which_the_device_is_blocked_leaves_no_file_and_says_why(
        self, store: StoreServer, laptop: BackingUp
    ) -> None:
        with half_sent(store, laptop) as asking:
            states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
            asking.send(CONTENT[100:])
            refused = asking.getresponse()

            assert (refused.status, refused.reason) == (403, "This device is blocked. Ask your administrator.")
        assert leftovers(store, laptop) == []
        assert list((store.folder(laptop) / "data").rglob(NAME)) == []

    def test_whose_archive_moves_away_meanwhile_ends(self, store: StoreServer, laptop: BackingUp) -> None:
        """The rename is the fence: also for an upload that the gate has let in at its end."""
        with half_sent(store, laptop) as asking:
            (settings.ARCHIVES / ".leaving").mkdir(exist_ok=True)
            store.folder(laptop).rename(settings.ARCHIVES / ".leaving" / laptop.guid)
            asking.send(CONTENT[100:])

            ended = asking.getresponse()
            assert (ended.status, ended.reason[:39]) == (503, "The folder of the archive is not there.")
        assert not store.folder(laptop).exists()

    def test_of_a_snapshot_has_the_size_counted_again(self, store: StoreServer, laptop: BackingUp) -> None:
        Repository.objects.update(counted_at=NOON)

        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200
        assert Repository.objects.get().counted_at == NOON
        assert post(store, laptop, f"snapshots/{NAME}", CONTENT).status == 200
        assert Repository.objects.get().counted_at is None


class half_sent:  # noqa: N801  # reads as words
    """An upload of which 100 bytes have arrived."""

    def __init__(self, store: StoreServer, device: BackingUp) -> None:
        self.asking = begun(store, device)
        folder = store.folder(device) / ".tmp"
        wait_for(lambda: list(folder.iterdir()), "the store receives the upload")

    def __enter__(self) -> Any:
        return self.asking

    def __exit__(self, *_exception: object) -> None:
        self.asking.close()


class TestADownload:
    @pytest.fixture(autouse=True)
    def stored(self, store: StoreServer, laptop: BackingUp) -> None:
        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200

    @pytest.mark.parametrize(
        ("requested", "expected", "content_range"),
        [
            ("bytes=0-9", CONTENT[:10], f"bytes 0-9/{len(CONTENT)}"),
            ("bytes=1590-", CONTENT[1590:], f"bytes 1590-1599/{len(CONTENT)}"),
            ("bytes=1590-99999", CONTENT[1590:], f"bytes 1590-1599/{len(CONTENT)}"),
            ("bytes=-5", CONTENT[-5:], f"bytes 1595-1599/{len(CONTENT)}"),
        ],
    )
    def test_of_a_part_has_just_that_part(
        self, store: StoreServer, laptop: BackingUp, requested: str, expected: bytes, content_range: str
    ) -> None:
        answer = store.request(laptop, "GET", f"data/{NAME}", Range=requested)

        assert (answer.status, answer.body, answer.headers["Content-Range"]) == (206, expected, content_range)

    @pytest.mark.parametrize("requested", ["bytes=1600-", "bytes=5-2", "bytes=-0"])
    def test_of_a_part_that_is_not_there_is_refused(
        self, store: StoreServer, laptop: BackingUp, requested: str
    ) -> None:
        answer = store.request(laptop, "GET", f"data/{NAME}", Range=requested)

        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")

    def test_of_the_whole_and_its_head(self, store: StoreServer, laptop: BackingUp) -> None:
        whole, odd = (store.request(laptop, "GET", f"data/{NAME}", Range=each) for each in ("", "lines=1-2"))
        head = store.request(laptop, "HEAD", f"data/{NAME}")

        assert (whole.status, whole.body, odd.body) == (200, CONTENT, CONTENT)
        assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(CONTENT)), b"")
        assert store.request(laptop, "GET", f"data/{'0' * 64}").status == 404

    def test_lists_names_or_names_with_sizes_as_the_client_accepts(self, store: StoreServer, laptop: BackingUp) -> None:
        old = store.request(laptop, "GET", "data/")
        new = store.request(laptop, "GET", "data/", Accept=V2)

        assert json.loads(old.body) == [NAME]
        assert json.loads(new.body) == [{"name": NAME, "size": len(CONTENT)}]
        assert new.headers["Content-Type"] == V2
        assert json.loads(store.request(laptop, "GET", "index/").body) == []


class TestNothingIsDeleted:
    def test_but_locks(self, store: StoreServer, laptop: BackingUp) -> None:
        for kind in ("locks", "data", "snapshots", "index", "keys"):
            assert post(store, laptop, f"{kind}/{NAME}", CONTENT).status == 200

        answers = {
            kind: store.request(laptop, "DELETE", f"{kind}/{NAME}").status
            for kind in ("locks", "data", "snapshots", "index", "keys")
        }

        assert answers == {"locks": 200, "data": 403, "snapshots": 403, "index": 403, "keys": 403}
        assert store.request(laptop, "DELETE", f"locks/{NAME}").status == 404
        assert store.request(laptop, "DELETE", "config").status == 403
        assert store.request(laptop, "DELETE", "").status == 501
        assert store.request(laptop, "HEAD", f"snapshots/{NAME}").status == 200


class TestTheGate:
    def test_is_asked_by_each_request(self, store: StoreServer, laptop: BackingUp) -> None:
        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200
        states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)

        for method, path in (("GET", f"data/{NAME}"), ("HEAD", "config"), ("GET", "data/"), ("POST", "?create=true")):
            answer = store.request(laptop, method, path)
            assert (answer.status, answer.headers["X-Rollcall-Reason"]) == (403, "device-blocked")

    def test_keeps_devices_apart(self, store: StoreServer, laptop: BackingUp) -> None:
        other = signed_in_device(user("mia"))

        answer = store.request(other, "GET", f"/backup/{laptop.guid}/config")

        assert (answer.status, answer.reason) == (403, "This is the archive of another device.")

    def test_lets_nobody_in_without_a_token(self, store: StoreServer, laptop: BackingUp) -> None:
        address = f"/backup/{laptop.guid}/config"
        wrong = ["", "Basic", "Basic ????", "Bearer " + laptop.token, "Basic eDp5", "Basic w6k6w6k="]

        answers = [store.request(None, "GET", address, Authorization=each) for each in wrong]

        assert [answer.status for answer in answers] == [401] * len(wrong)
        assert all("WWW-Authenticate" in answer.headers for answer in answers)

    def test_says_when_to_come_back(self, store: StoreServer, laptop: BackingUp) -> None:
        Repository.objects.update(location="moving")

        answer = store.request(laptop, "GET", "config")

        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


def test_refusals_are_in_the_security_log_once_a_device_and_hour(store: StoreServer, laptop: BackingUp) -> None:
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)

    def lines() -> list[str]:
        log = settings.VAR / "log" / "rollcall.log"
        return [line for line in log.read_text().splitlines() if "backup refused" in line and laptop.guid in line]

    for _ in range(8):
        assert store.request(laptop, "GET", "config").status == 403
    assert len(lines()) == 1
    assert 'code:"device-blocked"' in lines()[0]
    assert laptop.token not in lines()[0]

    mark = settings.VAR / "store" / "refused" / f"{laptop.guid} device-blocked"
    hour_ago = mark.stat().st_mtime - timedelta(hours=1).total_seconds()
    os.utime(mark, (hour_ago, hour_ago))
    for _ in range(4):
        store.request(laptop, "GET", "config")
    assert len(lines()) == 2

    states.unblock(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
    Repository.objects.update(location="moving")
    assert store.request(laptop, "GET", "config").status == 503
    assert len(lines()) == 2
    deactivation.deactivate(user_ids=[laptop.device.user_id], by=SYSTEM, at=NOON)
    assert store.request(laptop, "GET", "config").status == 403
    assert 'code:"user-inactive"' in lines()[2]


class TestTheBeginning:
    def test_makes_all_folders_of_data(self, store: StoreServer, laptop: BackingUp) -> None:
        assert len(list((store.folder(laptop) / "data").iterdir())) == 256
        assert store.request(laptop, "POST", "?create=true").status == 200

    def test_after_one_that_broke_off_starts_without_its_key(self, store: StoreServer, laptop: BackingUp) -> None:
        assert post(store, laptop, f"keys/{NAME}", CONTENT).status == 200

        early = store.request(laptop, "POST", "?create=true")
        assert (early.status, early.headers["Retry-After"]) == (503, "60")
        assert early.reason == "Another program initializes this archive. Try again in a minute."
        key = store.folder(laptop) / "keys" / NAME
        os.utime(key, (key.stat().st_mtime - 61,) * 2)
        assert store.request(laptop, "POST", "?create=true").status == 200

        assert json.loads(store.request(laptop, "GET", "keys/").body) == []

    @pytest.mark.parametrize("path", ["config", f"data/{NAME}", f"snapshots/{NAME}", f"index/{NAME}"])
    def test_keeps_the_key_of_an_archive_in_use(self, store: StoreServer, laptop: BackingUp, path: str) -> None:
        assert post(store, laptop, f"keys/{NAME}", CONTENT).status == 200
        assert post(store, laptop, path, CONTENT).status == 200
        os.utime(store.folder(laptop) / "keys" / NAME, (1, 1))

        assert store.request(laptop, "POST", "?create=true").status == 200
        assert json.loads(store.request(laptop, "GET", "keys/").body) == [NAME]

    def test_that_never_came_is_named(self, store: StoreServer) -> None:
        fresh = signed_in_device(user("mia"))

        answer = post(store, fresh, f"keys/{NAME}", CONTENT)

        assert (answer.status, answer.reason[:39]) == (503, "The folder of the archive is not there.")
        assert store.request(fresh, "GET", "config").status == 404
        assert json.loads(store.request(fresh, "GET", "keys/").body) == []


def test_a_root_that_is_a_link_is_followed(db: None, tmp_path: Path) -> None:
    root_marks.mark(StorageRoot(tmp_path / "disk"))
    (tmp_path / "archives").symlink_to(tmp_path / "disk")
    laptop = signed_in_device(user("sean"))

    with running_store(ARCHIVES=str(tmp_path / "archives")) as store:
        assert store.request(laptop, "POST", "?create=true").status == 200
        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200

    assert (tmp_path / "disk" / laptop.guid / "data" / NAME[:2] / NAME).read_bytes() == CONTENT


class TestManyAtOnce:
    def test_refused_clients_that_do_not_hang_up_stop_nobody(self, store: StoreServer, laptop: BackingUp) -> None:
        """gunicorn waits two seconds for each to hang up, in its main thread."""
        request = f"GET /backup/{laptop.guid}/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(40):
                connection = socket.create_connection(("127.0.0.1", store.port), timeout=60)
                stack.enter_context(connection)
                connection.sendall(request)
            began = time.monotonic()
            assert store.request(None, "GET", "/healthz").status == 200
            assert time.monotonic() - began < 12

    def test_one_device_leaves_threads_to_the_others(self, store: StoreServer, laptop: BackingUp) -> None:
        other = signed_in_device(user("mia"))
        assert store.request(other, "POST", "?create=true").status == 200
        with ExitStack() as stack:
            # Two processes with six requests each, wherever the connections go.
            asking = [begun(store, laptop) for _ in range(30)]
            for each in asking:
                stack.callback(each.close)
            refused = set[http.client.HTTPConnection]()

            def are_refused() -> bool:
                for each in {*asking} - refused:
                    if select.select([each.sock], [], [], 0)[0]:
                        assert each.getresponse().status == 429
                        refused.add(each)
                return len(refused) >= 18

            wait_for(are_refused, "all but twelve are refused")
            assert post(store, other, f"data/{NAME}", CONTENT).status == 200
            statuses = []
            for each in {*asking} - refused:
                # Connections come to the processes by chance: one of the two may have got few.
                with suppress(OSError):
                    each.send(CONTENT[100:])
                statuses.append(each.getresponse().status)
            assert set(statuses) <= {200, 429}
            assert 6 <= statuses.count(200) <= 12
        assert post(store, laptop, f"data/{NAME}", CONTENT).status == 200

    def test_a_connection_stays_open_while_its_client_computes(self, store: StoreServer, laptop: BackingUp) -> None:
        """restic makes its key between two requests, for seconds on a busy computer, and tries none of its init again."""
        with closing(http.client.HTTPConnection("127.0.0.1", store.port, timeout=60)) as asking:
            ports = []
            for pause in (0, 5):
                time.sleep(pause)
                asking.request("GET", f"/backup/{laptop.guid}/data/", headers={"Authorization": basic(laptop)})
                ports.append(asking.sock.getsockname())
                assert asking.getresponse().read() == b"[]"
            assert ports[0] == ports[1]

    def test_have_no_more_connections_to_postgresql_than_threads(self, store: StoreServer, laptop: BackingUp) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("about connections to a server")
        others = [signed_in_device(user(f"user{number}")) for number in range(20)]

        with ThreadPoolExecutor(60) as pool:
            asked = [pool.submit(store.request, each, "GET", "config") for each in others * 10]
        assert {each.result().status for each in asked} == {404}

        with connection.cursor() as cursor:
            whose = "datname = current_database() AND application_name LIKE '%store%'"
            cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {whose}")
            [count] = cursor.fetchone()
        # Two processes of sixteen threads, and the heartbeat of each.
        assert 1 <= count <= 34

    def test_a_refusal_on_a_connection_that_stays_does_not_swallow_the_next_request(
        self, store: StoreServer, laptop: BackingUp
    ) -> None:
        """The refused body is not read as a request."""
        states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
        asking = http.client.HTTPConnection("127.0.0.1", store.port, timeout=60)
        body = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20
        with closing(asking):
            for _ in range(3):
                asking.request("POST", f"/backup/{laptop.guid}/data/{NAME}", body, {"Authorization": basic(laptop)})
                answer = asking.getresponse()
                assert (answer.status, answer.read()) == (403, b"")
                assert answer.headers["X-Rollcall-Reason"] == "device-blocked"


def begun(store: StoreServer, device: BackingUp) -> http.client.HTTPConnection:
    """Return an upload of which 100 bytes were sent."""
    asking = http.client.HTTPConnection("127.0.0.1", store.port, timeout=60)
    asking.putrequest("POST", f"/backup/{device.guid}/data/{NAME}")
    asking.putheader("Authorization", basic(device))
    asking.putheader("Content-Length", str(len(CONTENT)))
    asking.endheaders()
    asking.send(CONTENT[:100])
    return asking
