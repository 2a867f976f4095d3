"""What many entries, and troubles from outside, do to the scripts' children: nothing is lost, and nothing piles up."""

from __future__ import annotations

import gc
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from directory.scripts.sandbox.child_process import Child
from directory.scripts.sandbox.resource_limits import SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import Entry
from directory.values.scripts import Scripts, Verdict
from tests import seed_scripts
from tests.attacks.test_hostile_scripts import children
from tests.catalogue import noted

MANY = 10_000
LITTER = """function (entry) {
    const a = { n: entry.n, list: [...entry.list] }; a.self = a; kept = a; this['g' + entry.n] = a;
    const m = new Map([[Symbol.for('s' + entry.n), a]]); /(\\w)+/.exec('x' + entry.n);
    if (entry.n % 1000 == 999) throw new Error('x' + entry.n);
    return 'Org ' + entry.n;
}"""
SEED = Scripts(seed_scripts.ACTIVE_USER_ACCOUNT_CONTROL, seed_scripts.ORG_NAME, seed_scripts.ROLE_NAME)


def people(count: int) -> list[Entry]:
    return [
        Entry(f"cn={n},ou={'Staff' if n % 2 else 'Students'}",
              {"n": (str(n),), "list": ("b", "a"), "memberOf": (f"CN=Support {n % 9}",), "userAccountControl": ("512" if n % 9 else "514",)})
        for n in range(count)
    ]  # fmt: skip


def memory(pid: int | str) -> int:
    """Return what a process holds, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) // 1024


def differing(verdicts: list[Verdict], expected: list[Verdict]) -> int:
    return sum(got != want for got, want in zip(verdicts, expected, strict=True))


@pytest.mark.whole
def test_memory_does_not_grow_with_the_entries() -> None:
    with noted(
        "scripts",
        "10,000 entries, each leaving cycles, globals, symbols and matches",
        how="the same 10,000 entries twice, and 1,000 second opinions",
        expected="neither the child nor Rollcall holds more after the second time",
    ) as row:
        entries = people(MANY)
        with Sandbox(Scripts(org_name=LITTER), ()) as sandbox:
            first = sandbox.evaluate(entries)
            child = sandbox._supervisor._child
            assert child is not None
            gc.collect()
            before = memory(child.pid), memory("self")
            second = sandbox.evaluate(entries)
            sandbox.second_opinions(entries[:1000])
            gc.collect()
            after = memory(child.pid), memory("self")
            assert sandbox._supervisor._child is child

        grown = [now - then for now, then in zip(after, before, strict=True)]
        wrong = differing(first, second) + (grown[0] > 10) + (grown[1] > 20)
        row.saw(f"the child grew by {grown[0]} MB to {after[0]} MB, Rollcall by {grown[1]} MB", wrongly_changed=wrong)
        assert len({verdict.org_name for verdict in second}) == MANY - MANY // 1000 + 1


@pytest.mark.whole
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda blow: blow.name)
def test_children_that_die_lose_nothing(blow: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    with noted(
        "scripts",
        f"the child is ended by {blow.name} again and again",
        how="in the middle of a request, after 2 to 9 requests each, while 600 entries are evaluated",
        expected="every verdict as ever, nobody is blamed",
    ) as row:
        entries = people(600)
        with Sandbox(SEED, ("memberOf",)) as sandbox:
            expected = sandbox.evaluate(entries)
        send, dice, left, blows = Child.send, random.Random(1), [5], [0]

        def ended(child: Child, command: bytes, data: bytes = b"") -> None:
            send(child, command, data)
            if command in {b"A", b"E"}:
                left[0] -= 1
            if left[0] == 0:
                left[0], blows[0] = dice.randrange(2, 10), blows[0] + 1
                os.kill(child.pid, blow)

        monkeypatch.setattr(Child, "send", ended)
        with Sandbox(SEED, ("memberOf",), SandboxLimits(batch_size=50)) as sandbox:
            verdicts = sandbox.evaluate(entries)

        row.saw(f"{blows[0]} children ended", wrongly_changed=differing(verdicts, expected) + len(children()))
        assert blows[0] > 10


def test_a_child_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with noted(
        "scripts",
        "the child is stopped from outside (SIGSTOP)",
        how="once, in the middle of a request",
        expected="it is replaced after the waiting time, every verdict as ever",
    ) as row:
        entries, limits = people(300), SandboxLimits(wall_seconds=2)
        with Sandbox(SEED, ("memberOf",)) as sandbox:
            expected = sandbox.evaluate(entries)
        send, pending = Child.send, [True]

        def stopped(child: Child, command: bytes, data: bytes = b"") -> None:
            if command == b"E" and pending:
                pending.clear()
                os.kill(child.pid, signal.SIGSTOP)
            send(child, command, data)

        monkeypatch.setattr(Child, "send", stopped)
        with Sandbox(SEED, ("memberOf",), replace(limits, allow_weak=True)) as sandbox:
            verdicts = sandbox.evaluate(entries)

        row.saw(
            "replaced" if not pending else "never stopped",
            wrongly_changed=differing(verdicts, expected) + len(pending) + len(children()),
        )


@pytest.mark.whole
@pytest.mark.parametrize(
    "work", ["for (;;);", "throw new InternalError('out of memory')", "const a = []; for (;;) a.push(a.concat(a))"]
)
def test_a_script_that_must_be_stopped_for_everybody_ends_the_run(work: str) -> None:
    with noted(
        "scripts",
        "a script that has to be stopped for every entry",
        how=work,
        expected="the run ends after 20 entries with a sentence, and nothing is applied",
    ) as row:
        limits = SandboxLimits(cpu_seconds_per_entry=0.1, memory_bytes=100 << 20)

        with (
            pytest.raises(SandboxBroken) as caught,
            Sandbox(Scripts(active=f"e => {{ {work} }}"), (), limits) as sandbox,
        ):
            sandbox.evaluate(people(200))

        message = str(caught.value)
        fits = "more than 20 entries" in message and message.endswith("The run was ended and nothing was applied.")
        row.saw(message, wrongly_changed=0 if fits else 1)
        assert children() == []
