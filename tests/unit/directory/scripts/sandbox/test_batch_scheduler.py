"""How entries reach several children at once, and that nobody can tell from the verdicts."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.scripts.sandbox import batch_scheduler as sandbox_batches
from directory.scripts.sandbox import child_process
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.resource_limits import SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import Entry
from directory.values.scripts import Scripts, Verdict
from tests import seed_scripts

ECHO = Scripts(org_name="e => e.n")
SHORT = SandboxLimits(cpu_seconds_per_entry=0.1)
# Some work that takes longer for some entries than for others.
UNEVEN = Scripts(org_name="e => { let x = 0; for (let i = 0; i < (e.n % 7) * 1000; i++) x += i; return e.n }")
cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")


def numbered(count: int, start: int = 0) -> list[Entry]:
    return [Entry(f"cn={n}", {"n": (str(n),)}) for n in range(start, start + count)]


def org_names(verdicts: Sequence[Verdict]) -> list[str | None]:
    return [verdict.error.message if verdict.error else verdict.org_name for verdict in verdicts]


def numbers(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def stored(entry: Entry) -> EntryText:
    return EntryText(entry.dn, json.dumps(entry.attributes))


def evaluate(sandbox: Sandbox, entries: Sequence[Entry | EntryText]) -> list[Verdict]:
    return [verdict for page in sandbox.evaluate_pages([entries]) for verdict in page]


@pytest.fixture(autouse=True)
def every_child_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start all children with the first batches, as after a tenth of a second of work."""
    monkeypatch.setattr(sandbox_batches, "WORTH_A_CHILD", 0)


class TestChildren:
    @cores
    def test_work_at_the_same_time_on_slow_scripts(self) -> None:
        slow = Scripts(active="e => { let x = 0; for (let i = 0; i < 20000; i++) x += i; return true }")

        with Sandbox(slow, ()) as sandbox:
            sandbox.evaluate(numbered(600))

            shares = [supervisor.cpu_seconds for supervisor in sandbox._supervisors]

        assert max(shares) < 0.75 * sum(shares)

    def test_answer_in_the_order_of_the_entries(self) -> None:
        with Sandbox(UNEVEN, ()) as sandbox:
            assert org_names(sandbox.evaluate(numbered(1500))) == numbers(1500)

    def test_are_not_started_for_little_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox_batches, "WORTH_A_CHILD", 60)

        with Sandbox(ECHO, ()) as sandbox:
            sandbox.evaluate(numbered(1000))

            assert [supervisor.child is not None for supervisor in sandbox._supervisors].count(True) == 1

    def test_are_not_started_where_nobody_is_asked_about(self) -> None:
        with Sandbox(ECHO, ()) as sandbox:
            assert list(sandbox.evaluate_pages([])) == []

            assert not any(supervisor.child for supervisor in sandbox._supervisors)

    def test_may_have_much_to_say_while_much_is_on_its_way_to_them(self) -> None:
        """More than any pipe holds, in both directions."""
        entries = [Entry(f"cn={n}", {"n": (str(n) + "x" * 20_000,)}) for n in range(400)]
        longest = Scripts(role_name="e => Array.from({length: 64}, (_, i) => i + e.n.slice(0, 200))")

        with Sandbox(longest, ()) as sandbox:
            verdicts = sandbox.evaluate(entries)

        assert [verdict.roles and verdict.roles[1] for verdict in verdicts] == [
            "1" + entry.attributes["n"][0][:200] for entry in entries
        ]

    def test_that_are_killed_at_any_time_cost_no_verdict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chance, send = random.Random(7), child_process.Child.send

        def kill_some(child: child_process.Child, command: bytes, data: bytes = b"") -> None:
            send(child, command, data)
            if command == b"E" and chance.random() < 0.2:
                os.kill(child.pid, signal.SIGKILL)

        monkeypatch.setattr(child_process.Child, "send", kill_some)

        with Sandbox(UNEVEN, ()) as sandbox:
            assert org_names(sandbox.evaluate(numbered(300))) == numbers(300)

    def test_find_every_culprit_among_many_entries(self) -> None:
        body = "e => { if (e.n == 150 || e.n == 151 || e.n == 700) for (;;); if (e.n == 400) throw 'no'; return e.n }"

        with Sandbox(Scripts(org_name=body), (), SHORT) as sandbox:
            answers = org_names(sandbox.evaluate(numbered(1000)))

        wrong = {n: answer for n, answer in enumerate(answers) if answer != str(n)}
        assert list(wrong) == [150, 151, 400, 700]
        assert wrong.pop(400) == "threw: no"
        assert set(wrong.values()) == {"used more than 0.1 seconds of computing time for one entry and was stopped"}

    def test_do_not_go_on_in_a_realm_that_an_entry_has_spoiled(self) -> None:
        body = "e => { if (e.n % 97 == 5) Object.defineProperty(this, 'kept', {value: e.n}); return typeof kept + e.n }"

        with Sandbox(Scripts(org_name=body), ()) as sandbox:
            answers = org_names(sandbox.evaluate(numbered(1000)))

        assert answers == [
            "changed the global object for good" if n % 97 == 5 else f"undefined{n}" for n in range(1000)
        ]

    def test_that_wait_without_computing_are_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = child_process.Child.send
        stopped: list[int] = []

        def stop_one(child: child_process.Child, command: bytes, data: bytes = b"") -> None:
            send(child, command, data)
            if command == b"E" and not stopped:
                stopped.append(child.pid)
                os.kill(child.pid, signal.SIGSTOP)

        monkeypatch.setattr(child_process.Child, "send", stop_one)
        started = time.monotonic()

        with Sandbox(ECHO, (), SandboxLimits(wall_seconds=0.5)) as sandbox:
            assert org_names(sandbox.evaluate(numbered(300))) == numbers(300)

        assert stopped
        assert time.monotonic() - started < 20


class TestPages:
    @settings(max_examples=20, deadline=None)
    @given(sizes=st.lists(st.sampled_from([0, 1, 3, 199, 450])))
    def test_come_back_page_by_page(self, sandbox: Sandbox, sizes: list[int]) -> None:
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        pages = [numbered(size, start) for size, start in zip(sizes, starts, strict=True)]

        answers = [org_names(verdicts) for verdicts in sandbox.evaluate_pages(iter(pages))]

        assert answers == [[entry.attributes["n"][0] for entry in page] for page in pages]

    def test_are_taken_only_a_few_ahead(self) -> None:
        taken = []

        def pages() -> Iterator[list[Entry]]:
            for number in range(500):
                taken.append(number)
                yield numbered(100)

        with Sandbox(ECHO, ()) as sandbox:
            found = sandbox.evaluate_pages(pages())
            for _ in range(100):
                next(found)
            ahead = len(taken) - 100

        assert ahead <= 2 * sandbox_batches.WAITING * len(sandbox._supervisors) + 2

    def test_that_nobody_wants_any_more_leave_nothing_behind(self) -> None:
        with Sandbox(ECHO, ()) as sandbox:
            found = sandbox.evaluate_pages(numbered(100) for _ in range(100))
            next(found)
            with pytest.raises(RuntimeError, match="busy"):
                sandbox.second_opinions(numbered(1))
            del found

            assert org_names(sandbox.evaluate(numbered(300))) == numbers(300)

    def test_end_with_the_sandbox_broken(self) -> None:
        endless = Scripts(active="e => { if (e.n > 200) for (;;); return true }")
        limits = SandboxLimits(cpu_seconds_per_entry=0.1, culprits=2)

        with Sandbox(endless, (), limits) as sandbox, pytest.raises(SandboxBroken, match="more than 2 entries"):
            list(sandbox.evaluate_pages([numbered(100), numbered(400)]))

    @pytest.mark.parametrize(
        ("scripts", "expected"),
        [(Scripts(), Verdict()), (Scripts(org_name="e => { if (e) { import('x') } }"), Verdict())],
    )
    def test_need_no_batches(self, scripts: Scripts, expected: Verdict) -> None:
        with Sandbox(scripts, ()) as sandbox:
            found = list(sandbox.evaluate_pages([numbered(2), [], numbered(1)]))

        assert [len(page) for page in found] == [2, 0, 1]
        if not any(scripts.values()):
            assert found[0] == [expected] * 2

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        with Sandbox(ECHO, ()) as sandbox:
            yield sandbox


names = st.sampled_from(["memberOf", "uid", "Mail", "MAIL", "cn;lang-de", "__proto__", "constructor", "DN", "toJSON"])
values = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.just("[]"), max_size=3)
entries = st.builds(
    Entry,
    dn=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    attributes=st.dictionaries(names, values.map(tuple)),
)


class TestEntryThatIsText:
    @settings(max_examples=60, deadline=None)
    @given(group=st.lists(entries, max_size=6))
    def test_looks_to_scripts_like_the_entry_that_was_stored(self, sandbox: Sandbox, group: list[Entry]) -> None:
        assert evaluate(sandbox, [stored(entry) for entry in group]) == sandbox.evaluate(group)

    @settings(max_examples=20, deadline=None)
    @given(group=st.lists(entries, max_size=6))
    def test_may_stand_among_others_and_be_looked_at_alone(self, sandbox: Sandbox, group: list[Entry]) -> None:
        mixed = [stored(entry) if number % 2 else entry for number, entry in enumerate(group)]

        expected = sandbox.evaluate(group)

        assert evaluate(sandbox, mixed) == expected
        assert [evaluate(sandbox, [entry])[0] for entry in mixed] == expected

    def test_gets_the_same_from_the_sample_scripts(self) -> None:
        scripts = Scripts(seed_scripts.ACTIVE_USER_ACCOUNT_CONTROL, seed_scripts.ORG_NAME, seed_scripts.ROLE_NAME)
        group = [
            Entry(
                f"cn={n},ou={('Staff', 'Students')[n % 2]}",
                {"userAccountControl": ("514" if n % 5 else "512",), "memberof": (f"CN=Support {n}",) * (n % 3)},
            )
            for n in range(60)
        ]

        with Sandbox(scripts, ("memberOf",)) as sandbox:
            assert evaluate(sandbox, [stored(entry) for entry in group]) == sandbox.evaluate(group)

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        shows = """e => JSON.stringify([{...e}, Object.keys(e), e.mail, e.MEMBEROF, typeof uid, 'mail' in e, e.dn])
            .replace(/[^ -~]/g, c => c.codePointAt(0).toString(16)).slice(0, 255)"""
        with Sandbox(Scripts(org_name=shows), ("memberOf",)) as sandbox:
            yield sandbox
