"""Which layers lock the scripts in, and what happens on a system that lacks one."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from directory.models import LdapServer
from directory.scripts.sandbox import child_process
from directory.scripts.sandbox.child.seccomp import MACHINES
from directory.scripts.sandbox.protections import LayerState
from directory.scripts.sandbox.resource_limits import SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, state
from directory.servers.setting_checks import wrong
from directory.values.ldap import Entry
from directory.values.scripts import Scripts
from tests.tree import ROOT

COLUMN = MACHINES[platform.machine()].column
# By name: the numbers of a call on x86_64 and aarch64, and its first argument where that matters.
CALLS = {
    "landlock_create_ruleset": ((444, 444), None),
    "prctl(PR_SET_SECCOMP)": ((157, 167), 22),
    "prctl(PR_SET_PDEATHSIG)": ((157, 167), 1),
    "setgroups": ((116, 159), None),
    "setresuid": ((117, 147), None),
    "prlimit64": ((302, 261), None),
}
# Fails one system call from here on, as another kernel or a container would, and then runs a script.
ELSEWHERE = """
import ctypes, json, sys
from directory.scripts.sandbox.resource_limits import SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, state
from directory.scripts.sandbox.child.seccomp import (ALLOW, ARGUMENTS, CALL, JUMP_IF_EQUAL, LOAD, RETURN, install, step)
from directory.values.ldap import Entry
from directory.values.scripts import Scripts

number, argument, code, weak = json.loads(sys.argv[1])
limits = SandboxLimits(allow_weak=weak)
fail = step(RETURN, 0x00050000 | code)
wanted = [] if argument is None else [step(LOAD, ARGUMENTS), step(JUMP_IF_EQUAL, argument, no=1)]
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
install(b"".join([step(LOAD, CALL), step(JUMP_IF_EQUAL, number, no=len(wanted) + 1), *wanted, fail, step(RETURN, ALLOW)]))
try:
    with Sandbox(Scripts(org_name="e => 'Staff'"), (), limits) as sandbox:
        said = sandbox.evaluate([Entry("cn=x", {})])[0].org_name
except SandboxBroken as error:
    said = str(error)
found = state(limits)
print(json.dumps([said, [[layer.name, layer.state, layer.note] for layer in found.layers], found.problem]))
"""
LACKING = [
    ("landlock_create_ruleset", errno.ENOSYS, "Landlock", "this kernel has no Landlock"),
    ("landlock_create_ruleset", errno.EOPNOTSUPP, "Landlock", "Landlock is off in this kernel (lsm=)"),
    ("prctl(PR_SET_SECCOMP)", errno.EINVAL, "System call filter (seccomp)", "this kernel takes no filter"),
    ("prctl(PR_SET_PDEATHSIG)", errno.EINVAL, "Bound to its parent", "prctl(1): Invalid argument"),
    ("prlimit64", errno.EPERM, "Resource limits", "a limit cannot be set"),
    ("setgroups", errno.EPERM, "Rights of nobody", "root may not become nobody here"),
    ("setresuid", errno.EPERM, "Rights of nobody", "root may not become nobody here"),
]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up rights")


def elsewhere(call: str, code: int, *, weak: bool) -> tuple[str, dict[str, tuple[str, str]], str]:
    """Return what a script, the layers and the state say where this call fails."""
    numbers, argument = CALLS[call]
    request = json.dumps([numbers[COLUMN], argument, code, weak])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, request], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    result, layers, problem = json.loads(done.stdout)
    return result, {name: (state, note) for name, state, note in layers}, problem


def test_every_layer_is_in_force_here() -> None:
    found = state()

    assert found.problem == ""
    assert found.missing == ()
    assert [layer.name for layer in found.layers if layer.state is not LayerState.IN_FORCE] == (
        [] if os.geteuid() == 0 else ["Rights of nobody"]
    )
    assert [layer.name for layer in found.layers] == [
        "Own process",
        "Rights of nobody",
        "Bound to its parent",
        "Landlock",
        "Resource limits",
        "System call filter (seccomp)",
    ]


@pytest.mark.parametrize(("call", "code", "layer", "note"), [
    pytest.param(*row, marks=AS_ROOT if row[0].startswith("set") else ()) for row in LACKING
])  # fmt: skip
class TestWithoutALayer:
    def test_no_script_runs_and_the_message_says_what_to_do(self, call: str, code: int, layer: str, note: str) -> None:
        result, _layers, problem = elsewhere(call, code, weak=False)

        assert result == problem
        assert result.startswith(f"The script sandbox refuses to start, as this system lacks: {layer} ({note}")
        assert "set ALLOW_WEAK_SANDBOX=1" in result

    def test_scripts_run_where_that_is_allowed_and_the_state_tells(
        self, call: str, code: int, layer: str, note: str
    ) -> None:
        result, layers, problem = elsewhere(call, code, weak=True)

        assert (result, problem) == ("Staff", "")
        assert [name for name, (state, _) in layers.items() if state == LayerState.MISSING] == [layer]
        assert layers[layer][1].startswith(note)


@AS_ROOT
def test_an_ordinary_user_needs_no_other_user() -> None:
    code = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "from directory.scripts.sandbox.sandbox import state; found = state(); print(found.problem, found.layers[1].state)"
    )
    # The folders above may be closed to other users; what this one reads is not.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    if "Permission denied" in done.stderr:
        pytest.skip("this folder is closed to other users")
    assert (done.stdout, done.stderr) == (" not needed\n", "")


def test_a_child_that_says_no_layers_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "child.py"
    silent.write_text("import os, struct; os.write(1, struct.pack('<IdI', 4, 0, 0) + b'true'); os.read(0, 1)")
    monkeypatch.setattr(child_process, "CHILD", silent)

    with (
        Sandbox(Scripts(active="e => true"), (), SandboxLimits(allow_weak=True)) as sandbox,
        pytest.raises(SandboxBroken, match="cannot be started: it says no layers"),
    ):
        sandbox.evaluate([Entry("cn=x", {})])


def test_a_child_that_cannot_start_has_no_layers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(child_process, "CHILD", tmp_path / "missing.py")

    found = state()

    assert found.layers == ()
    assert "cannot be started" in found.problem


@pytest.mark.django_db
def test_a_server_whose_scripts_cannot_be_tried_is_not_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(child_process, "CHILD", tmp_path / "missing.py")
    server = LdapServer(name="Corp", urls=["ldap://127.0.0.1"], search_base="dc=x", org_name_script="e => 'Staff'")

    errors = wrong(server, given={"org_name_script": server.org_name_script})

    assert "The script sandbox cannot be started" in errors["org_name_script"]
