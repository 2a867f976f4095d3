"""What is known against the installed packages is asked of the index that pip is configured with, and of no other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.server_process import free_port
from tests.tree import ROOT

PAGE = "\n## Known and lived with\n\n| dukpy | CVE-2026-0002 | bearable |\n"
OLD: dict[str, object] = {"id": "GHSA-1", "aliases": ["CVE-2026-0001"], "fixed_in": ["99"], "withdrawn": None}
KNOWN: dict[str, object] = {"id": "GHSA-2", "aliases": ["CVE-2026-0002"], "fixed_in": [], "withdrawn": None}
WITHDRAWN: dict[str, object] = {"id": "GHSA-3", "aliases": [], "fixed_in": [], "withdrawn": "2026-01-01T00:00:00Z"}
HOSTS = re.compile(r"pypi\.org|pythonhosted|npmjs|crates\.io|rubygems|proxy\.golang|registry-1\.docker")


class Index:
    """An index of packages: everything is asked of it, and only one package has a history."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.users: set[str | None] = set()
        self.against: dict[str, list[dict[str, object]]] = {"django": [OLD]}
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.paths.append(self.path)
                index.users.add(self.headers.get("Authorization"))
                name = self.path.split("/")[3].lower()
                body = json.dumps({"vulnerabilities": index.against.get(name, [])}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}/root/simple"


@pytest.fixture
def index() -> Iterator[Index]:
    index = Index()
    thread = threading.Thread(target=index.server.serve_forever)
    thread.start()
    yield index
    index.server.shutdown()
    index.server.server_close()
    thread.join()


def audit(index_url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    page = folder / "page.md"
    page.write_text(PAGE)
    environment = {**os.environ, "PIP_INDEX_URL": index_url, "no_proxy": "127.0.0.1"}
    command = [sys.executable, ".ci/audit_by_index.py", str(page)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_an_advisory_that_nobody_has_looked_at_fails(index: Index, tmp_path: Path) -> None:
    found = audit(f"http://{index.address}/", tmp_path)

    assert found.returncode == 1
    assert re.search(r"^django [\d.]+: CVE-2026-0001, GHSA-1", found.stderr)
    assert all(path.startswith("/root/pypi/") for path in index.paths)


def test_what_is_lived_with_or_withdrawn_does_not(index: Index, tmp_path: Path) -> None:
    index.against = {"django": [KNOWN]}
    assert audit(f"http://{index.address}", tmp_path).returncode == 0
    index.against = {"django": [KNOWN, WITHDRAWN]}
    assert audit(f"http://{index.address}", tmp_path).returncode == 0


def test_an_index_with_a_password_gets_it(index: Index, tmp_path: Path) -> None:
    audit(f"http://ada:s%2Fecret@{index.address}", tmp_path)

    assert index.users == {"Basic YWRhOnMvZWNyZXQ="}


@pytest.mark.parametrize("where", ["nobody", "a folder", "an index without advisories"])
def test_an_index_that_knows_nothing_leaves_it_to_the_list(index: Index, tmp_path: Path, where: str) -> None:
    index.against = {}
    addresses = {"nobody": f"http://127.0.0.1:{free_port()}/simple", "a folder": f"file://{tmp_path}"}

    assert audit(addresses.get(where, f"http://{index.address}"), tmp_path).returncode == 3


def test_no_package_registry_is_named_anywhere() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    own = Path(__file__).resolve().relative_to(ROOT).as_posix()
    texts = [path for path in listed if path != own and "/vendor/" not in path and not path.endswith((".png", ".svg"))]

    assert [path for path in texts if HOSTS.search((ROOT / path).read_text("utf-8", "replace"))] == []
