"""The commands of a deployment policy: shells parse them, hostile values stay values, and they do what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import tree_sitter_powershell
from pytest_django import Settings
from tree_sitter import Language, Parser

from console.presenters.deployment import install_scripts

HOSTILE = "https://x.example/'; touch /tmp/rollcall-broken; echo '$(id)`id`\"\\"
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def script(key: str, *, token: str = "rollcall-deploy-abc") -> str:
    page = install_scripts.page(token=token)
    return next(each.text for each in (*page.installers, *page.detections) if each.key == key)


@pytest.mark.parametrize("key", ["linux", "macos", "linux-person", "macos-person"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_parses_a_script_with_any_value(key: str, shell: str, settings: Settings) -> None:
    settings.CONSOLE_ADDRESS = HOSTILE

    done = subprocess.run([shell, "-n"], input=script(key, token=HOSTILE), text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", ["linux", "macos"])
def test_a_shell_gets_the_values_as_they_are(key: str, settings: Settings) -> None:
    settings.CONSOLE_ADDRESS = HOSTILE
    beginning = script(key, token=HOSTILE).partition("\n\n")[0]

    done = subprocess.run(
        ["sh"], input=f'{beginning}\nprintf \'%s|%s\' "$server" "$token"', text=True, capture_output=True, check=True
    )

    assert done.stdout == f"{HOSTILE}|{HOSTILE}"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("plain", "'plain'"), ("it's $x `n", "'it''s $x `n'"), ("a\u2019b\u2018", "'a\u2019\u2019b\u2018\u2018'")],
)
def test_powershell_gets_a_text_in_single_quotes_whose_quotes_are_doubled(text: str, quoted: str) -> None:
    assert install_scripts.powershell_quoted(text) == quoted


@pytest.mark.parametrize("key", ["windows", "windows-person"])
def test_a_grammar_of_powershell_parses_a_script_with_any_value(key: str, settings: Settings) -> None:
    parser = Parser(Language(tree_sitter_powershell.language()))
    settings.CONSOLE_ADDRESS = HOSTILE

    assert not parser.parse(script(key, token=f"{HOSTILE}\u2019").encode()).root_node.has_error
    assert parser.parse(b"$token = 'it's'\nif (").root_node.has_error


def test_powershell_ends_with_1618_where_nobody_has_signed_in() -> None:
    text = script("windows")

    assert text.index("exit 1618") < text.index("Invoke-WebRequest")
    assert "$owner.User" in text
    assert "explorer.exe" in text


def test_jamf_gets_address_and_token_as_parameters_4_and_5() -> None:
    text = script("macos")

    assert "server=${4:-$server}" in text
    assert "token=${5:-$token}" in text
    assert "scutil" in text


def test_the_page_has_the_hash_of_the_agent_that_is_served(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    missing = install_scripts.page().sha256
    agent = tmp_path / "static/agent/rollcall-agent"
    agent.parent.mkdir(parents=True)
    agent.write_bytes(b"print()\n")

    assert missing == ""
    assert install_scripts.page().sha256 == sha256(b"print()\n").hexdigest()


class _Served(BaseHTTPRequestHandler):
    """Serves the same bytes at each address."""

    content = b""

    def do_GET(self) -> None:  # the name that the library calls
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def computer(tmp_path: Path, settings: Settings) -> dict[str, str]:
    """Return the environment of a computer whose console serves an agent that prints what it gets."""
    agent = tmp_path / "console/static/agent/rollcall-agent"
    agent.parent.mkdir(parents=True)
    agent.write_text('#!/bin/sh\necho "$ROLLCALL_POLICY_TOKEN"\necho "$@"\n', "utf-8")
    settings.BASE_DIR = tmp_path / "console"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "restic").write_text("#!/bin/sh\n", "utf-8")
    (programs / "restic").chmod(0o755)
    _Served.content = agent.read_bytes()
    return os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}


def _install(
    text: str, tmp_path: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "install.sh"
    path.write_text(text.replace("/usr/local/bin/rollcall-agent", f"{tmp_path}/installed/rollcall-agent"), "utf-8")
    return subprocess.run(
        ["sh", str(path), *arguments], env=environment, text=True, capture_output=True, check=False, timeout=60
    )


def test_the_linux_script_installs_the_agent_and_registers_the_person(
    computer: dict[str, str], tmp_path: Path, settings: Settings
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Served) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.CONSOLE_ADDRESS = f"http://127.0.0.1:{server.server_port}"
        done = _install(script("linux"), tmp_path, computer, "ada")
        _Served.content = b"#!/bin/sh\necho changed on its way\n"
        changed = _install(script("linux"), tmp_path, computer, "ada")
        server.shutdown()

    assert done.stdout.splitlines() == [
        "rollcall-deploy-abc",
        f"deploy --server {settings.CONSOLE_ADDRESS} --username ada",
    ], done.stderr
    assert changed.returncode == 1
    assert "not the expected one" in changed.stderr
    assert sorted(path.name for path in (tmp_path / "installed").iterdir()) == ["rollcall-agent"]


def test_the_linux_script_registers_nobody_where_nobody_sits(computer: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin/loginctl").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (tmp_path / "bin/loginctl").chmod(0o755)

    done = _install(script("linux"), tmp_path, computer)

    assert done.returncode == 75
    assert not (tmp_path / "installed").exists()
