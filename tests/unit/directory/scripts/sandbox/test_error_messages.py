"""What scripts are told: why a source is no script, what an entry lacks, and what means something else elsewhere."""

from __future__ import annotations

import pytest

from directory.scripts.sandbox.child_supervisor import ChildSupervisor
from directory.scripts.sandbox.protocol import with_line_feeds
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, compile_errors
from directory.values.ldap import Entry
from directory.values.scripts import ACTIVE, ScriptError, Scripts

ENTRY = Entry("uid=ada,ou=Staff", {"uid": ("ada",), "memberOf": ("cn=Help",), "n": ("1234.5",)})


def error_of(body: str) -> ScriptError | None:
    with Sandbox(Scripts(active=f"function (entry) {{\n{body}\n}}"), ["memberOf"]) as sandbox:
        return sandbox.evaluate([ENTRY])[0].error


def message_of(body: str) -> str:
    error = error_of(body)
    assert error is not None
    return error.message


def answers(value: str) -> object:
    with Sandbox(Scripts(org_name=f"entry => String({value})"), ["memberOf"]) as sandbox:
        verdict = sandbox.evaluate([ENTRY])[0]
    assert verdict.error is None, verdict.error
    return verdict.org_name


def refusal(source: str) -> ScriptError:
    return compile_errors(Scripts(active=source))[ACTIVE]


class TestASourceThatIsNoScript:
    @pytest.mark.parametrize(
        ("source", "message", "line"),
        [
            (
                "function (entry) {\n  if (entry.uid) {\n    return true;\n  }\n",
                "a closing brace } is missing at the end",
                4,
            ),
            (
                "function (entry) {\n  if (entry.uid) {\n    return true;\n",
                "2 closing braces } are missing at the end",
                3,
            ),
            ("entry => {\n return true", "a closing brace } is missing at the end", 2),
            ("function (entry) { return (entry.uid", "the script ends too early", 1),
            ("function (entry) {\n return [entry.uid", "the script ends too early", 2),
        ],
    )
    def test_says_what_is_not_closed(self, source: str, message: str, line: int) -> None:
        error = refusal(source)

        assert message in error.message
        assert error.line == line

    @pytest.mark.parametrize(
        "source", ["// function (entry) { return true }", "/* nothing\n yet */", "\n  // a\n /* b */ \n"]
    )
    def test_is_only_a_comment(self, source: str) -> None:
        assert refusal(source).message.startswith("is only a comment: write a function")

    @pytest.mark.parametrize(
        "source",
        [
            "function helper(text) { return text }\nfunction (entry) { return helper(entry.uid) }",
            "function helper(text) { return text }\nfunction main(entry) { return helper(entry.uid) }",
            "var roles = ['a'];\nfunction (entry) { return roles }",
            "const f = entry => true",
            "// first\nlet a = 1; entry => true",
            "function (entry) { return true }\nfunction helper() {}",
        ],
    )
    def test_has_its_helpers_outside(self, source: str) -> None:
        assert "helpers and variables go between its braces" in refusal(source).message

    @pytest.mark.parametrize("source", ["true", "1; e => true", "x = e => true"])
    def test_is_something_else(self, source: str) -> None:
        assert refusal(source).message.startswith("must be exactly one function")


class TestAnAbsentAttribute:
    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ("return entry.department.trim() == 'x'", "department"),
            ("return entry.DEPARTMENT[0] == 'x'", "DEPARTMENT"),
            ("return entry['department'].length > 1", "department"),
            ("for (var group of entry.groups) {} return true", "groups"),
            ("return entry.department\n  .trim()\n  .length > 1", "department"),
            (
                "var who = entry.uid;\n if (entry.title) { return true }\n return entry.department.indexOf(who) > -1",
                "department",
            ),
        ],
    )
    def test_is_named(self, body: str, name: str) -> None:
        assert message_of(body).endswith(f"of undefined: the entry has no attribute {name}")

    def test_is_not_named_for_another_value_that_is_not_there(self) -> None:
        body = "if (!entry.department) {}\n var mine = {};\n return mine.x.y"

        assert message_of(body) == "TypeError: cannot read property 'y' of undefined"

    def test_is_named_where_it_is_written_without_the_entry(self) -> None:
        assert message_of("return department.trim()").endswith("the entry has no attribute of this name")

    def test_of_one_entry_is_not_named_for_another(self) -> None:
        source = "function (entry) { return entry.n ? entry.n.trim() != '' : entry.uid.trim() != '' }"
        entries = [Entry("cn=a", {}), Entry("cn=b", {"n": ("1",)}), Entry("cn=c", {"uid": ("x",)})]

        with Sandbox(Scripts(active=source), []) as sandbox:
            errors = [verdict.error and verdict.error.message for verdict in sandbox.evaluate(entries)]

        assert errors == [
            "TypeError: cannot read property 'trim' of undefined: the entry has no attribute uid",
            None,
            None,
        ]

    def test_without_a_console_says_what_to_do(self) -> None:
        assert "leave console.log out" in message_of("console.log(entry.uid); return true")


class TestWhatMeansSomethingElseElsewhere:
    @pytest.mark.parametrize(
        ("value", "instead"),
        [
            ("'a'.localeCompare('B')", "compare with ==="),
            ("'a'.localeCompare('B', 'de', {sensitivity: 'base'})", "compare with ==="),
            ("'i'.toLocaleUpperCase('tr')", "write toUpperCase()"),
            ("'I'.toLocaleLowerCase(['tr'])", "write toLowerCase()"),
            ("Number(entry.n).toLocaleString()", "write String(value)"),
            ("Number(entry.n).toLocaleString('de', {style: 'percent'})", "write String(value)"),
            ("[1234.5].toLocaleString()", "write String(value)"),
            ("10n.toLocaleString()", "write String(value)"),
            ("new Date(0).toLocaleString()", "write value.toISOString()"),
            ("new Date(0).toLocaleDateString('en-US', {month: 'long'})", "write value.toISOString()"),
            ("new Date(0).toLocaleTimeString()", "write value.toISOString()"),
        ],
    )
    def test_is_an_error_that_says_what_to_write(self, value: str, instead: str) -> None:
        message = message_of(f"return {value} != ''")

        assert "is not available, as there are no languages here" in message
        assert instead in message

    def test_but_what_is_the_same_everywhere_works(self) -> None:
        assert answers("'Ä'.toLocaleLowerCase() + 'ß'.toLocaleUpperCase()") == "äSS"
        assert answers("['a', 'b'].toLocaleString() + ({}).toLocaleString()") == "a,b[object Object]"


class TestBuiltInObjects:
    @pytest.mark.parametrize(
        "body",
        [
            "Array.prototype.contains = function (x) { return this.indexOf(x) > -1 }; return true",
            "if (!Array.prototype.last) Array.prototype.last = function () { return this[0] }; return true",
            "String . prototype\n.trim = function () { return 'x' }; return true",
            "Object.prototype['active'] = true; return true",
            "Array.prototype.indexOf = function () { return 0 }; return true",
            "var list = Array.prototype; list.indexOf = function () { return 0 }; return true",
            "entry.memberOf.__proto__.join = function () { return '' }; return true",
            "Object.prototype.toString = function () { return '' }; return true",
        ],
    )
    def test_cannot_be_given_methods_in_silence(self, body: str) -> None:
        assert "cannot be set" in message_of(body)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("(() => { var a = ['x']; a.indexOf = () => 7; return a.indexOf('x') })()", "7"),
            ("(() => { var a = ['x']; a.contains = () => 8; return a.contains('x') })()", "8"),
            ("(() => { var a = entry.memberOf; a.includes = () => 9; return a.includes('x') })()", "9"),
            ("(() => { var a = ['x']; a.toString = () => 'mine'; return '' + a })()", "mine"),
            ("(() => { function P() {} P.prototype.name = 'p'; return new P().name })()", "p"),
            ("(() => { if (!String.prototype.trim) String.prototype.trim = () => 1; return ' a '.trim() })()", "a"),
            ("'Array.prototype.last = 1'.length", "24"),
            ("/Array.prototype.last = 1/.source.length", "24"),
            ("(() => { /* Array.prototype.last = 1 */ return Array.prototype.last == 1 })()", "false"),
        ],
    )
    def test_stay_as_they_are_while_own_ones_may_have_any_method(self, value: str, expected: str) -> None:
        assert answers(value) == expected

    def test_are_the_same_for_the_next_entry(self) -> None:
        source = "e => { if (e.n == 0) { var a = [1]; a.indexOf = () => 7 } return String([1].indexOf(1)) }"

        with Sandbox(Scripts(org_name=source), []) as sandbox:
            verdicts = sandbox.evaluate([Entry("cn=x", {"n": (str(n),)}) for n in range(50)])

        assert {verdict.org_name for verdict in verdicts} == {"0"}


class TestRecursion:
    @pytest.mark.parametrize(
        "body",
        [
            "function depth(n) { return n ? 1 + depth(n - 1) : 0 } return depth(5000) == 5000",
            "function depth(n) { var a = n, b = n + 1, c = [a, b]; return n ? 1 + depth(c[0] - 1) : 0 } return depth(5000) == 5000",
            "function depth(n) { return n ? [n].map(m => 1 + depth(m - 1))[0] : 0 } return depth(5000) == 5000",
            "var depth = n => n ? 1 + depth(n - 1) : 0; return depth(5000) == 5000",
        ],
    )
    def test_may_be_5000_calls_deep(self, body: str) -> None:
        assert error_of(body) is None

    def test_without_an_end_is_an_error_of_this_entry_alone(self) -> None:
        source = "e => { function again() { return 1 + again() } return e.n == 3 ? again() > 0 : true }"

        with Sandbox(Scripts(active=source), []) as sandbox:
            verdicts = sandbox.evaluate([Entry("cn=x", {"n": (str(n),)}) for n in range(20)])

        assert [number for number, verdict in enumerate(verdicts) if verdict.error] == [3]
        assert "Maximum call stack" in str(verdicts[3].error)


class TestWorkLeftBehind:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("e => true", False),
            ("e => { /* async, import */ return true }", False),
            ("e => { // import nothing\n return true }", False),
            ("e => e.uid != 'import' && e.uid != `async`", False),
            ("e => !/async|import/.test(e.uid)", False),
            ("// import\ne => true // async", False),
            ("e => { import('x'); return true }", True),
            ("e => { /* async */ (async () => 1)(); return true }", True),
            ("e => `${(async () => 1)()}` != ''", True),
            ("e => { var a = 1 /async/ 2; return true }", True),
        ],
    )
    def test_is_told_by_the_code_not_by_words_in_comments_and_texts(self, source: str, expected: bool) -> None:
        worker = ChildSupervisor({ACTIVE: with_line_feeds(source)}, SandboxLimits())
        try:
            loaded = worker.load(ACTIVE)
        finally:
            worker.close()

        assert (loaded.error, loaded.leaves_work_behind) == (None, expected)
