"""What scripts must not reach, keep, or get away with."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict, deque
from dataclasses import replace
from pathlib import Path

import pytest

from directory.scripts.sandbox import child_process
from directory.scripts.sandbox.resource_limits import SandboxBroken, SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, compile_errors
from directory.values.ldap import Entry
from directory.values.scripts import ACTIVE, ROLE_NAME, Scripts, Verdict

SHORT = SandboxLimits(cpu_seconds_per_entry=0.1)
# A slow machine sends its entries one by one when a batch takes a large part of this time; with this it never does.
PATIENT = SandboxLimits(cpu_seconds_per_entry=60)
NUMBERED = [Entry(f"cn={n}", {"n": (str(n),), "list": ("b", "a")}) for n in range(60)]


def org(expression: str) -> str | None:
    with Sandbox(Scripts(org_name=f"function (entry) {{ return {expression}; }}"), (), SHORT) as sandbox:
        verdict = sandbox.evaluate(NUMBERED[:1])[0]
    return f"error: {verdict.error.message}" if verdict.error else verdict.org_name


def run(body: str, *, limits: SandboxLimits = SHORT) -> list[Verdict]:
    """Run the body as an active script for sixty entries."""
    with Sandbox(Scripts(active=f"function (entry) {{ {body} }}"), (), limits) as sandbox:
        return sandbox.evaluate(NUMBERED)


def culprits(verdicts: list[Verdict]) -> dict[int, str]:
    return {n: verdict.error.message for n, verdict in enumerate(verdicts) if verdict.error}


class TestHost:
    def test_has_nothing_but_the_language(self) -> None:
        names = [
            "process", "require", "console", "call_python", "dukpy", "std", "os", "scriptArgs", "module", "exports",
            "Worker", "fetch", "setTimeout", "setInterval", "queueMicrotask", "performance", "navigator", "print",
            "eval", "Atomics", "SharedArrayBuffer", "ArrayBuffer", "DataView", "Uint8Array", "Float64Array", "WeakRef",
            "WeakMap", "WeakSet", "FinalizationRegistry", "Proxy", "Iterator", "Promise", "DOMException", "Deno", "gc",
        ]  # fmt: skip

        found = org("[" + ",".join(f"typeof {name}, typeof globalThis.{name}, typeof this.{name}" for name in names) + "]"
                    ".filter(type => type != 'undefined').length + ''")  # fmt: skip

        assert found == "0"

    @pytest.mark.parametrize(
        "expression",
        ["process.env", "require('fs')", "call_python('dukpy.load_module', '/etc/passwd')", "std.getenv('PATH')"],
    )
    def test_asked_for_is_a_reference_error(self, expression: str) -> None:
        assert str(org(expression)).startswith("error: ReferenceError")

    def test_makes_no_code_from_text(self) -> None:
        makers = [
            "Function", "(function () {}).constructor", "(() => 1).constructor", "Object.constructor",
            "entry.toString.constructor", "(function* () {}).constructor", "(async () => 1).constructor",
            "(async function* () {}).constructor", "Reflect.getPrototypeOf(async () => 1).constructor",
            "Function.prototype.constructor", "(class {}).constructor", "Object.getPrototypeOf(function* () {}).constructor",
        ]  # fmt: skip
        attempts = "".join(
            f"try {{ {maker}('return this')(); made.push('{number}') }} catch (e) {{ said.add(e.message) }}"
            f"try {{ new ({maker})('return this')(); made.push('{number}') }} catch (e) {{ said.add(e.message) }}"
            for number, maker in enumerate(makers)
        )

        answer = org(
            f"(function () {{ var made = [], said = new Set(); {attempts} return [...made, ...said].join() }})()"
        )

        assert answer == "code cannot be made from text here"

    def test_imports_no_module(self) -> None:
        body = "import('os').then(m => { leaked = m }); return true"

        assert set(culprits(run(body))) == set(range(60))

    def test_tells_the_date_but_nothing_random(self) -> None:
        assert org("String(new Date().getFullYear() > 2020) + new Date(0).getTimezoneOffset()") == "true0"
        assert "Math.random" in str(org("Math.random()"))

    def test_names_in_errors_do_not_tell_the_way_in(self) -> None:
        assert "rollcall_" not in str(org("JSON.stringify([new Error('x').stack, Object.getOwnPropertyNames(this)])"))

    def test_keeps_the_language_whole(self) -> None:
        honest = """(function () {
            var own = {}; own.toString = function () { return 'T' }; own.constructor = 1; own.valueOf = null;
            function Person(name) { this.name = name; this.toString = function () { return this.name } }
            Person.prototype.hello = function () { return 'hello ' + this };
            class Boss extends Person { get rank() { return 9 } }
            var error = new TypeError('x'); error.name = 'N'; error.message = 'm';
            function count() { count.calls = (count.calls || 0) + 1; return count.calls } count();
            var tags = new Map([['a', 1]]); var seen = new Set(entry.list);
            var text = [own + '', new Boss('Bo').hello(), new Boss('Bo').rank, error + '', count(), tags.get('a'), seen.size];
            text.push([3, 1, 2].sort().join(''), 'a-b'.replace(/-/g, '+'), [...'xy'].map(c => c + c), error instanceof Error);
            text.push([].constructor === Array, count instanceof Function, Object.assign({}, {b: 1}).b, 2n ** 64n);
            for (const [key, value] of tags) text.push(key + value);
            return text.join();
        })()"""

        assert org(honest) == "T,hello Bo,9,N: m,2,1,2,123,a+b,xx,yy,true,true,true,1,18446744073709551616,a1"


class TestState:
    def test_has_no_place_in_anything_that_scripts_can_reach(self) -> None:
        walk = """(function () {
            var seen = new Set(), open = [], pending = [globalThis, Object.getPrototypeOf(entry), arguments.callee.caller,
                function () {}, () => 1, function* () {}, async function () {}, async function* () {}, class {}, /x/,
                [].values(), new Map().keys(), new Set().keys(), ''.matchAll(/x/g), ''[Symbol.iterator](), 1n, Symbol(),
                (function* () {}).prototype, (async function* () {}).prototype, (async () => 1)(), new Date(), new Error()
            ].flatMap((value, i) => i ? [Object.getPrototypeOf(Object(value))] : [value]);
            while (pending.length) {
                var value = pending.pop();
                if (Object(value) !== value || seen.has(value)) continue;
                seen.add(value);
                if (!Object.isFrozen(value) && value !== globalThis) open.push(typeof value + value.name);
                pending.push(Object.getPrototypeOf(value));
                for (var key of Reflect.ownKeys(value)) {
                    var found = Object.getOwnPropertyDescriptor(value, key);
                    pending.push(found.value, found.get, found.set);
                }
            }
            return [open.join(), seen.size > 400].join();
        })()"""

        assert org(walk) == ",true"

    def test_is_not_kept_by_hiding_a_name_from_whoever_cleans_up(self) -> None:
        hide = """Object.defineProperty(globalThis, 'Reflect', {configurable: true, value: {ownKeys: () => [1],
            deleteProperty: () => true, isExtensible: () => true, getPrototypeOf: Object.getPrototypeOf}});"""

        verdicts = run(f"if (typeof kept != 'undefined') return false; kept = 1; {hide} return true")

        assert verdicts == [Verdict()] * 60

    def test_is_not_kept_where_bare_names_are_looked_up(self) -> None:
        """A function that is called by a bare name gets the place of these names as its this."""
        spoil = ["Object.defineProperty(at(), 'kept', {value: 1})", "Object.freeze(at())", "at().kept = 1",
                 "Object.setPrototypeOf(at(), {kept: 1})"]  # fmt: skip
        body = "at = function () { return this }; if (e.n % 10 == 3) { ATTEMPT } return typeof kept"

        for attempt in spoil:
            scripts = Scripts(org_name=f"e => {{ {body.replace('ATTEMPT', attempt)} }}")
            with Sandbox(scripts, ()) as sandbox:
                verdicts = sandbox.evaluate([Entry(e.dn, {**e.attributes, "at": ("x",)}) for e in NUMBERED])

            honest = [verdict for n, verdict in enumerate(verdicts) if n % 10 != 3]
            assert honest == [Verdict(org_name="undefined")] * 54, attempt

    @pytest.mark.parametrize(
        "leave",
        [
            "var a = []; for (var i = 0; i < 90; i++) a.push('x'.repeat(1e6) + i); a.push(a)",
            "(async () => { var a = []; for (var i = 0; i < 90; i++) a.push('x'.repeat(1e6) + i); await 1; a.pop() })()",
        ],
    )
    def test_is_not_kept_in_the_memory_that_is_left(self, leave: str) -> None:
        """One entry leaves much, the next one needs much and would say so if there were too little."""
        need = "for (var i = 0; i < 80; i++) b.push('y'.repeat(1e6) + i)"
        body = f"""function (entry) {{
            var b = [];
            if (entry.n == 33) {{ {leave} }}
            if (entry.n == 34) {{ try {{ {need} }} catch (e) {{ return 'too little' }} return 'enough' }}
            return entry.n;
        }}"""

        with Sandbox(Scripts(org_name=body), (), SandboxLimits(memory_bytes=150 << 20)) as sandbox:
            verdicts = sandbox.evaluate(NUMBERED)

        assert [n for n, verdict in enumerate(verdicts) if verdict.error] == []
        assert verdicts[34].org_name == "enough"

    def test_is_not_kept_in_names_that_are_remembered(self) -> None:
        """Long answers with the same meaning must not fill the memory one after the other."""
        limits = SandboxLimits(memory_bytes=80 << 20)
        entries = [Entry(f"cn={n}", {"n": (str(n),)}) for n in range(10_000)]

        with Sandbox(Scripts(org_name="e => ' '.repeat(9000) + e.n"), (), limits) as sandbox:
            verdicts = sandbox.evaluate(entries)

        assert verdicts == [Verdict(org_name=str(n)) for n in range(10_000)]

    def test_is_not_kept_between_the_scripts_of_an_entry(self) -> None:
        scripts = Scripts(
            "e => { kept = 1; this.also = 2; return kept }", "e => typeof kept + typeof also", "e => typeof kept"
        )

        with Sandbox(scripts, ()) as sandbox:
            verdicts = sandbox.evaluate(NUMBERED)

        assert verdicts == [Verdict(org_name="undefinedundefined", roles=("undefined",))] * 60

    def test_that_cannot_be_wiped_is_an_error(self) -> None:
        verdicts = run(
            "if (entry.n == 7) Object.defineProperty(this, 'kept', {value: 1}); return typeof kept == 'undefined'"
        )

        assert culprits(verdicts) == {7: "changed the global object for good"}
        assert all(verdict.active for verdict in verdicts)


class TestLimits:
    @pytest.mark.parametrize(
        "work",
        [
            "while (true) {}",
            "for (;;) { try { null.x } catch (e) {} }",
            "/^(a+)+$/.test('a'.repeat(40) + 'b')",
            "new Array(1e9).join()",
            "var s = 'x'.repeat(1 << 24); while (true) s.indexOf('y'.repeat(1 << 22))",
            "var a = []; a[4e9] = 1; a.length = 4294967295; a.reverse()",
            "return { get then() { while (true) {} } }",
            "throw { get message() { while (true) {} } }",
            "(async function f() { await 1; f() })()",
        ],
    )
    def test_stop_endless_work_for_the_one_entry(self, work: str) -> None:
        verdicts = run(f"if (entry.n == 33) {{ {work} }} return entry.n != 5")

        assert list(culprits(verdicts)) == [33]
        assert "used more than" in culprits(verdicts)[33]
        assert [n for n, verdict in enumerate(verdicts) if not verdict.active] == [5]

    @pytest.mark.parametrize(
        "eat",
        ["var a = []; while (true) a.push('x'.repeat(1e6) + a.length)", "var a = [1]; while (true) a = a.concat(a)"],
    )
    def test_stop_a_memory_eater_for_the_one_entry(self, eat: str) -> None:
        limits = SandboxLimits(memory_bytes=150 * 1024 * 1024)

        verdicts = run(f"if (entry.n == 33) {{ {eat} }} return entry.n != 5", limits=limits)

        assert culprits(verdicts) == {33: "used more than the memory allowed"}
        assert [n for n, verdict in enumerate(verdicts) if not verdict.active] == [5]

    def test_stop_recursion(self) -> None:
        verdicts = run("function f() { return f() + 1 } if (entry.n == 3) f(); return true")

        assert culprits(verdicts) == {3: "RangeError: Maximum call stack size exceeded"}

    def test_name_the_script_that_was_stopped(self) -> None:
        scripts = Scripts("e => true", "e => 'Staff'", "e => { while (e.n == 2) {} return [] }")

        with Sandbox(scripts, (), SHORT) as sandbox:
            verdicts = sandbox.evaluate(NUMBERED[:5])

        error = verdicts[2].error
        assert error is not None
        assert error.script == ROLE_NAME
        assert error.message == "used more than 0.1 seconds of computing time for one entry and was stopped"
        assert verdicts[3] == Verdict(org_name="Staff", roles=())

    def test_let_slow_scripts_finish(self) -> None:
        verdicts = run("var end = Date.now() + 20; while (Date.now() < end) {} return true")

        assert culprits(verdicts) == {}

    @pytest.mark.parametrize("work", ["while (true) {}", "throw new InternalError('out of memory')"])
    def test_end_the_run_when_many_entries_pass_them(self, work: str) -> None:
        few = replace(SHORT, culprits=5)

        with pytest.raises(SandboxBroken, match=r"active script .* more than 5 entries.*nothing was applied"):
            run(work, limits=few)

    def test_hold_while_a_source_is_loaded(self) -> None:
        errors = compile_errors(Scripts("(function () { while (true) {} })()"), SHORT)

        assert "used more than" in errors[ACTIVE].message

    def test_end_a_child_that_answers_too_much(self) -> None:
        limits = SandboxLimits(answer_bytes=1000)

        with Sandbox(Scripts(org_name="e => 'x'.repeat(200)"), (), limits) as sandbox:
            verdicts = sandbox.evaluate(NUMBERED)

        assert {verdict.org_name for verdict in verdicts} == {"x" * 200}

    def test_divide_batches_that_are_large(self) -> None:
        limits = SandboxLimits(batch_bytes=5000)
        entries = [Entry("cn=x", {"n": (str(n) * 1000,)}) for n in range(10)]

        with Sandbox(Scripts(org_name="e => e.n[0]"), (), limits) as sandbox:
            verdicts = sandbox.evaluate(entries)

        assert [verdict.org_name for verdict in verdicts] == list("0123456789")


class TestChild:
    def test_that_is_killed_costs_no_verdict(self) -> None:
        with Sandbox(Scripts(org_name="e => e.n"), ()) as sandbox:
            for _ in range(5):
                sandbox.evaluate(NUMBERED[:1])
                os.kill(pid_of(sandbox), signal.SIGKILL)

                verdicts = sandbox.evaluate(NUMBERED)

                assert [verdict.org_name for verdict in verdicts] == [str(n) for n in range(60)]

    def test_that_crashes_names_the_entry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = child_process.Child.send

        def crash(child: child_process.Child, command: bytes, data: bytes = b"") -> None:
            if b'"cn=7"' in data:
                os.kill(child.pid, signal.SIGSEGV)
            send(child, command, data)

        monkeypatch.setattr(child_process.Child, "send", crash)

        assert culprits(run("return true")) == {7: "the script engine crashed"}

    @pytest.mark.parametrize(
        "answer",
        [b"", b"[", b"null", b'{"scripts":["active"],"distinct":[[1,2,3]],"answers":[0],"spoiled":false}',
         b'{"scripts":["active"],"distinct":[],"answers":[-1],"spoiled":false}', b'{"answers":[]}'],
    )  # fmt: skip
    @pytest.mark.parametrize("command", [b"A", b"E"])
    def test_that_lies_is_replaced(self, monkeypatch: pytest.MonkeyPatch, answer: bytes, command: bytes) -> None:
        send, receive = child_process.Child.send, child_process.Child.receive
        # A child answers in the order in which it is asked, and several are asked at once.
        commands: dict[child_process.Child, deque[bytes]] = defaultdict(deque)
        lies = iter([answer])

        def listen(child: child_process.Child, request: bytes, data: bytes = b"") -> None:
            commands[child].append(request)
            send(child, request, data)

        def lie(child: child_process.Child) -> child_process.Reply:
            reply = receive(child)
            false_reply = next(lies, None) if commands[child].popleft() == command else None
            return reply if false_reply is None else replace(reply, body=false_reply)

        monkeypatch.setattr(child_process.Child, "send", listen)
        monkeypatch.setattr(child_process.Child, "receive", lie)

        assert run("return true", limits=PATIENT) == [Verdict()] * 60
        assert next(lies, None) is None

    def test_that_cannot_start_says_why(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        broken = tmp_path / "child.py"
        broken.write_text("raise ImportError('dukpy is not installed')")
        monkeypatch.setattr(child_process, "CHILD", broken)

        with pytest.raises(SandboxBroken, match="cannot be started: ImportError: dukpy is not installed"):
            run("return true")

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
    def test_has_nothing_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "hunter2")
        secret = os.open("/dev/null", os.O_RDONLY)
        os.set_inheritable(secret, True)

        with Sandbox(Scripts(active="e => true"), ()) as sandbox:
            sandbox.evaluate(NUMBERED[:1])
            proc = Path("/proc") / str(pid_of(sandbox))
            status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
            limits = (proc / "limits").read_text()
            if os.geteuid() == 0:
                environment = (proc / "environ").read_bytes()
                files = sorted(int(link.name) for link in (proc / "fd").iterdir())

                assert (environment, files) == (b"", [0, 1, 2])
                assert status["Uid"].split() == ["65534"] * 4
                assert status["Groups"].strip() == ""
        os.close(secret)

        assert status["NoNewPrivs"].strip() == "1"
        for name in ("open files", "processes", "file size", "core file size"):
            assert f"Max {name}".ljust(26) + "0".ljust(21) + "0" in limits

    def test_ends_with_the_sandbox(self) -> None:
        with Sandbox(Scripts(active="e => true"), ()) as sandbox:
            sandbox.evaluate(NUMBERED[:1])
            pid = pid_of(sandbox)

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_ends_with_its_parent(self) -> None:
        reader, writer = os.pipe()
        if (parent := os.fork()) == 0:
            sandbox = Sandbox(Scripts(active="e => true"), ())
            sandbox.evaluate(NUMBERED[:1])
            os.write(writer, str(pid_of(sandbox)).encode())
            time.sleep(60)
        pid = int(os.read(reader, 20))

        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)

        assert ended(pid)


def pid_of(sandbox: Sandbox) -> int:
    child = sandbox._supervisor._child
    assert child is not None
    return child.pid


def ended(pid: int) -> bool:
    for _ in range(500):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.01)
    return False
