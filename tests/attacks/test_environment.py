"""Bad variables in the environment: one sentence that names the variable, exit code 2 and no traceback, everywhere."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.bad_environment import BAD_ENVIRONMENT, BAD_FOR_SERVE, GOOD_ENVIRONMENT
from tests.server_process import free_port

pytestmark = pytest.mark.in_turns

ROOT = Path(__file__).parents[2]
# Starts with one variable after the other, each in a process of its own that is forked from one that has loaded Django.
STARTS = """
import contextlib, io, json, os, sys
import django.conf, django.core.management, django.contrib.admin, psycopg, environ, cryptography.fernet
from console.process.startup_checks import load_settings, sentences
for name, value in json.load(sys.stdin):
    reader, writer = os.pipe()
    if not os.fork():
        os.environ[name], said, code = value, io.StringIO(), 0
        with contextlib.redirect_stderr(said):
            try:
                load_settings()
                with sentences():
                    django.setup()
            except SystemExit as end:
                code = end.code
            except BaseException as error:
                said.write(f"Traceback: {error!r}")
                code = 1
        os.write(writer, json.dumps([code, said.getvalue()]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        print(answer.read())
    os.wait()
"""
Starts = dict[tuple[str, str], "subprocess.CompletedProcess[str]"]
GOOD = {"SECRET_KEY": "of a test, and long enough for anybody 0123456789"}
ENTRIES = {
    "manage.py check": ("manage.py", "check"),
    "manage.py migrate": ("manage.py", "migrate"),
    "manage.py status": ("manage.py", "status"),
    "manage.py serve": ("manage.py", "serve"),
    "wsgi": ("-m", "gunicorn", "console.wsgi", "--preload", "--bind", "127.0.0.1:0"),
    "worker": ("-m", "celery", "-A", "console.celery", "worker", "--queues", "sync"),
    "clock": ("-m", "celery", "-A", "console.celery", "beat"),
}


def ran(
    folder: Path, *arguments: str, stdin: str = "", inside: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in an environment in which nothing else is set, started by the command ``inside``, if any."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {"ROLLCALL_VAR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "console.settings", **GOOD}
    return subprocess.run(
        [*shlex.split(inside), sys.executable, *arguments], cwd=ROOT, env={**kept, **settings, **environment},
        capture_output=True, text=True, timeout=100, check=False, input=stdin,
    )  # fmt: skip


def one_sentence(found: subprocess.CompletedProcess[str], name: str, words: str) -> None:
    output = found.stderr.strip()
    assert found.returncode == 2, output
    assert "Traceback" not in output + found.stdout
    assert len(output.splitlines()) == 1, output
    assert name in output
    assert words in output
    assert output.endswith(".")
    assert "hunter" not in output


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    """How a start ended with each of the variables."""
    rows = [*((name, value) for name, value, _ in BAD_ENVIRONMENT), *GOOD_ENVIRONMENT]
    found = ran(tmp_path_factory.mktemp("starts"), "-c", STARTS, stdin=json.dumps(rows))
    assert found.returncode == 0, found.stderr
    ends = [json.loads(line) for line in found.stdout.splitlines()]
    return {
        row: subprocess.CompletedProcess(row, code, "", output) for row, (code, output) in zip(rows, ends, strict=True)
    }


class TestABadVariable:
    @pytest.mark.parametrize(("name", "value", "words"), BAD_ENVIRONMENT)
    def test_stops_every_start_with_one_sentence(self, started: Starts, name: str, value: str, words: str) -> None:
        one_sentence(started[name, value], name, words)

    @pytest.mark.parametrize("entry", ENTRIES)
    def test_is_the_same_at_every_way_in(self, tmp_path: Path, entry: str) -> None:
        found = ran(tmp_path, *ENTRIES[entry], SESSION_HOURS="-1")

        one_sentence(found, "SESSION_HOURS", "from 1")

    @pytest.mark.parametrize(("name", "value", "words"), BAD_FOR_SERVE)
    def test_of_serve_is_named_before_anything_starts(self, tmp_path: Path, name: str, value: str, words: str) -> None:
        environment = {"DEMO": "0", "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", name: value}
        if name == "REDIS_PORT":
            del environment["REDIS_URL"]

        one_sentence(ran(tmp_path, "manage.py", "serve", **environment), name, words)

    def test_names_the_database_that_does_not_answer(self, tmp_path: Path) -> None:
        address = f"postgres://user:hunter2@127.0.0.1:{free_port()}/name"

        for command in (("migrate",), ("check_invariants",), ("ldapsync",)):
            one_sentence(ran(tmp_path, "manage.py", *command, DATABASE_URL=address), "DATABASE_URL", "not answer")


IN_READ_ONLY_MEMORY = """unshare -Urm sh -c 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"' sh"""


class TestAMachineWithoutSharedMemory:
    def test_of_a_database_that_is_not_migrated_serve_says_what_to_do(self, tmp_path: Path) -> None:
        found = ran(tmp_path, "manage.py", "serve", DEMO="0")

        assert found.returncode == 1
        assert "CommandError: The database is not up to date: run “python manage.py migrate” first" in found.stderr
        assert "Traceback" not in found.stderr

    @pytest.mark.parametrize("entry", ["manage.py serve", "worker"])
    def test_is_told_in_one_sentence(self, tmp_path: Path, entry: str) -> None:
        if subprocess.run([*shlex.split(IN_READ_ONLY_MEMORY), "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount anything in a namespace of their own")
        ran(tmp_path, "manage.py", "migrate", "-v", "0")

        # Celery warns of a worker that root starts, as tests are here and there.
        found = ran(tmp_path, *ENTRIES[entry], inside=IN_READ_ONLY_MEMORY, DEMO="0", PYTHONWARNINGS="ignore")

        one_sentence(found, "/dev/shm", "Read-only file system")


class TestAGoodVariable:
    @pytest.mark.parametrize(("name", "value"), GOOD_ENVIRONMENT)
    def test_is_taken(self, started: Starts, name: str, value: str) -> None:
        assert (started[name, value].returncode, started[name, value].stderr) == (0, "")
