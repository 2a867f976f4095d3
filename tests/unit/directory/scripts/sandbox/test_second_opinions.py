"""Second opinions, what scripts cost, and the budget for all entries of a run."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from directory.scripts.sandbox import child_process
from directory.scripts.sandbox.resource_limits import Cost, SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import Entry
from directory.values.scripts import ORG_NAME, Scripts, Verdict
from tests import seed_scripts

NUMBERED = [Entry(f"cn={n},ou=Staff", {"n": (str(n),), "memberOf": ("CN=Support",)}) for n in range(60)]
SEED = Scripts(seed_scripts.ACTIVE_USER_ACCOUNT_CONTROL, seed_scripts.ORG_NAME, seed_scripts.ROLE_NAME)
SHORT = SandboxLimits(cpu_seconds_per_entry=0.1)
SLOW = "var end = Date.now() + 20; while (Date.now() < end) {}"


class TestSecondOpinion:
    def test_is_the_first_one_for_honest_scripts(self) -> None:
        with Sandbox(SEED, ("memberOf",)) as sandbox:
            first = sandbox.evaluate(NUMBERED)

            assert sandbox.second_opinions(NUMBERED) == first
            assert [sandbox.second_opinions([entry])[0] for entry in NUMBERED[:3]] == first[:3]

    def test_differs_when_the_first_depended_on_another_entry(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A realm that is never cleaned up stands for a leak that nobody knows of."""
        folder = Path(shutil.copytree(child_process.CHILD.parent, tmp_path / "sandbox"))
        prelude = (folder / "prelude.js").read_text()
        (folder / "prelude.js").write_text(prelude.replace("const wipe = () => {", "const wipe = () => { return;"))
        monkeypatch.setattr(child_process, "CHILD", folder / "main.py")
        source = "function (entry) { if (typeof kept != 'undefined') return false; kept = 1; return true }"

        with Sandbox(Scripts(active=source), ()) as sandbox:
            first, second = sandbox.evaluate(NUMBERED), sandbox.second_opinions(NUMBERED)

        assert {verdict.active for verdict in first} == {True, False}
        assert second == [Verdict()] * 60

    def test_sees_the_error_of_one_entry_and_goes_on(self) -> None:
        scripts = Scripts(
            role_name="e => { if (e.n == 7) throw new Error('no'); if (e.n == 8) for (;;); return [e.n] }"
        )

        with Sandbox(scripts, (), SHORT) as sandbox:
            verdicts = sandbox.second_opinions(NUMBERED)

        errors = {n: verdict.error.message for n, verdict in enumerate(verdicts) if verdict.error}
        assert errors == {
            7: "Error: no",
            8: "used more than 0.1 seconds of computing time for one entry and was stopped",
        }
        assert [verdict.roles for verdict in verdicts if not verdict.error] == [
            (str(n),) for n in range(60) if n not in {7, 8}
        ]

    def test_survives_its_children(self) -> None:
        with Sandbox(SEED, ("memberOf",)) as sandbox:
            first = sandbox.second_opinions(NUMBERED)
            for supervisor in sandbox._supervisors:
                child = supervisor._child
                assert child is not None
                os.kill(child.pid, signal.SIGKILL)

            assert sandbox.second_opinions(NUMBERED) == first

    def test_needs_no_child_without_scripts(self) -> None:
        with Sandbox(Scripts(), ()) as sandbox:
            assert sandbox.second_opinions(NUMBERED) == [Verdict()] * 60

    def test_is_the_error_of_a_script_that_does_not_compile(self) -> None:
        with Sandbox(Scripts(org_name="e =>"), ()) as sandbox:
            error = sandbox.second_opinions(NUMBERED[:1])[0].error

        assert error is not None
        assert error.script is ORG_NAME

    def test_ends_when_many_entries_pass_the_limits(self) -> None:
        with (
            Sandbox(Scripts(active="e => { for (;;); }"), (), replace(SHORT, culprits=2)) as sandbox,
            pytest.raises(SandboxBroken, match="more than 2 entries"),
        ):
            sandbox.second_opinions(NUMBERED)

        assert [supervisor._child for supervisor in sandbox._supervisors] == [None] * len(sandbox._supervisors)


class TestCost:
    def test_is_nothing_at_first(self) -> None:
        with Sandbox(SEED, ()) as sandbox:
            assert sandbox.cost() == Cost(0, 0.0)
            assert sandbox.cost().milliseconds_per_entry == 0

    def test_counts_entries_and_their_computing_time(self) -> None:
        with Sandbox(Scripts(active=f"e => {{ {SLOW} return true }}"), ()) as sandbox:
            sandbox.evaluate(NUMBERED[:10])
            sandbox.evaluate(NUMBERED[:10])
            sandbox.second_opinions(NUMBERED[:1])

        assert sandbox.cost().entries == 20
        # The clock on the wall also runs while others compute.
        assert 0.02 < sandbox.cost().milliseconds_per_entry < 60

    def test_has_a_limit_for_all_entries(self) -> None:
        limits = SandboxLimits(cpu_seconds=0.12)
        scripts = Scripts(active="e => { let x = 0; for (let i = 0; i < 1e6; i++) x += i; return true }")

        with (
            Sandbox(scripts, (), limits) as sandbox,
            pytest.raises(SandboxBroken, match=r"0.12 s .* altogether"),
        ):
            sandbox.evaluate(NUMBERED)

    def test_of_slow_scripts_is_no_reason_to_stop_them(self) -> None:
        """Twenty slow entries, then quick ones, then slow ones again: batches follow."""
        body = f"if (e.n < 20 || e.n >= 50) {{ {SLOW} }} return true"

        with Sandbox(Scripts(active=f"e => {{ {body} }}"), (), SHORT) as sandbox:
            verdicts = sandbox.evaluate(NUMBERED)

        assert verdicts == [Verdict()] * 60
