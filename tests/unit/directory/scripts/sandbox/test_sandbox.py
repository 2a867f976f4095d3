"""What the three scripts may return, what they see of an entry, and how their mistakes are told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, compile_errors
from directory.values.ldap import Entry
from directory.values.scripts import ACTIVE, ORG_NAME, ROLE_NAME, ScriptError, Scripts, Verdict
from tests import seed_scripts

QUICK = SandboxLimits(cpu_seconds_per_entry=0.1)
ALWAYS_LISTS = ("memberOf", "objectClass", "proxyAddresses")
ADA = Entry(
    "uid=ada,ou=Staff,dc=example,dc=com",
    {
        "uid": ("ada",),
        "Mail": ("ada@example.com",),
        "memberOf": ("CN=Support,OU=Groups",),
        "telephoneNumber": ("1", "2", "3"),
        "userAccountControl": ("512",),
        "cn;lang-de": ("Ada die Erste",),
    },
)


def evaluate(scripts: Scripts, *entries: Entry) -> list[Verdict]:
    with Sandbox(scripts, ALWAYS_LISTS) as sandbox:
        return sandbox.evaluate(entries or (ADA,))


def active(source: str, entry: Entry = ADA) -> bool | str:
    """Return what the active script said, or its error's message."""
    verdict = evaluate(Scripts(active=source), entry)[0]
    return verdict.error.message if verdict.error else verdict.active


def org(expression: str, entry: Entry = ADA) -> str | None:
    """Return what an org name script that returns the expression said."""
    verdict = evaluate(Scripts(org_name=f"function (entry) {{ return {expression}; }}"), entry)[0]
    return f"error: {verdict.error.message}" if verdict.error else verdict.org_name


def returning(expressions: Iterable[str]) -> str:
    """Return a script that returns the first expression for Ada 0, the second for Ada 1 and so on."""
    return f"function (entry) {{ return [{', '.join(f'() => ({each})' for each in expressions)}][entry.n](); }}"


def adas(count: int) -> list[Entry]:
    return [Entry(ADA.dn, {**ADA.attributes, "n": (str(n),)}) for n in range(count)]


def varying(expressions: Collection[str]) -> list[bool]:
    """Return of which expressions the answer counts as one that depends on the time."""
    return [verdict.varies for verdict in evaluate(Scripts(active=returning(expressions)), *adas(len(expressions)))]


def actives(expressions: Collection[str]) -> dict[str, bool | str]:
    verdicts = evaluate(Scripts(active=returning(expressions)), *adas(len(expressions)))
    results = [verdict.error.message if verdict.error else verdict.active for verdict in verdicts]
    return dict(zip(expressions, results, strict=True))


def orgs(expressions: Collection[str]) -> dict[str, str | None]:
    verdicts = evaluate(Scripts(org_name=returning(expressions)), *adas(len(expressions)))
    results = [f"error: {verdict.error.message}" if verdict.error else verdict.org_name for verdict in verdicts]
    return dict(zip(expressions, results, strict=True))


def roles(expressions: Collection[str]) -> dict[str, tuple[str, ...] | str | None]:
    verdicts = evaluate(Scripts(role_name=returning(expressions)), *adas(len(expressions)))
    results = [f"error: {verdict.error.message}" if verdict.error else verdict.roles for verdict in verdicts]
    return dict(zip(expressions, results, strict=True))


def fine(results: Mapping[str, object]) -> list[str]:
    """Return the expressions that were not refused."""
    return [expression for expression, answer in results.items() if not str(answer).startswith("error: returned")]


def shown(expression: str, entry: Entry = ADA) -> object:
    """Return the JSON text of an expression about the entry."""
    return org(f"JSON.stringify({expression})", entry)


class TestActiveScript:
    def test_keeps_an_account_that_is_truthy(self) -> None:
        values = ["true", "1", "'no'", "'0'", "[]", "{}", "-1", "Symbol()", "10n", "entry"]

        assert actives(values) == dict.fromkeys(values, True)

    def test_drops_an_account_that_is_falsy(self) -> None:
        values = ["false", "0", "''", "NaN", "0n"]

        assert actives(values) == dict.fromkeys(values, False)

    @pytest.mark.parametrize("body", ["", "return;", "return undefined", "return null", "true"])
    def test_must_return_something(self, body: str) -> None:
        assert "is a return missing?" in str(active(f"function (entry) {{ {body} }}"))

    def test_must_not_return_what_is_truthy_by_mistake(self) -> None:
        values = {
            "{then: function () {}}": "a promise",
            "(async function () { return false })()": "a promise",
            "(function* () {})()": "a generator",
            "function () {}": "a function",
        }

        results = actives(values)

        assert results == {value: f"returned {kind} instead of true or false" for value, kind in values.items()}

    def test_defaults_to_active(self) -> None:
        assert evaluate(Scripts()) == [Verdict()]
        assert evaluate(Scripts(active=" \n", org_name="e => 'Staff'")) == [Verdict(org_name="Staff")]

    def test_that_says_no_stops_the_others_from_running(self) -> None:
        scripts = Scripts("e => false", "e => { throw new Error('ran') }", "e => { throw new Error('ran') }")

        assert evaluate(scripts) == [Verdict(active=False)]

    def test_error_ends_the_entry(self) -> None:
        verdict = evaluate(Scripts("e => null", "e => 'Staff'", "e => []"))[0]

        assert verdict.error is not None
        assert (verdict.error.script, verdict.org_name, verdict.roles) == (ACTIVE, None, None)


class TestOrgNameScript:
    def test_places_by_the_trimmed_name(self) -> None:
        values = {"'Staff'": "Staff", "' Staff\\n'": "Staff", "''": None, "'  '": None, "null": None, "undefined": None}

        assert orgs(values) == values

    def test_must_return_text(self) -> None:
        values = [
            "1",
            "true",
            "['Staff']",
            "{}",
            "new String('Staff')",
            "Symbol()",
            "() => 1",
            "entry",
            "async () => 1",
        ]

        assert fine(orgs(values)) == []

    def test_may_use_255_characters(self) -> None:
        assert org("'x'.repeat(255)") == "x" * 255
        assert "more than 255" in str(org("'x'.repeat(256)"))

    def test_must_not_return_a_character_that_forges_lines(self) -> None:
        values = [r"'a\nb'", r"'a\0b'", r"'a\x7f.'", r"'\ud800'", r"'a\u2028b'", r"'a\x85b'"]

        results = set(orgs(values).values())

        assert results == {"error: returned an org name with a control or broken character"}

    def test_may_use_any_script_of_the_world(self) -> None:
        assert org("'Büro 東京 🗼'") == "Büro 東京 🗼"


class TestRoleNameScript:
    def test_gives_the_complete_set(self) -> None:
        values = {
            "['B', 'A', 'B', ' A ']": ("B", "A"),
            "'Desktop User'": ("Desktop User",),
            "[]": (),
            "null": None,
            "undefined": None,
            "new Array('A', 'B')": ("A", "B"),
            "Array.from({length: 64}, (_, i) => 'R' + i)": tuple(f"R{i}" for i in range(64)),
        }

        assert roles(values) == values

    def test_must_return_role_names_only(self) -> None:
        values = [
            "['A', 1]", "['A', null]", "[,'A']", "[['A']]", "1", "true", "{0: 'A', length: 1}", "new Set(['A'])",
            r"['a\tb']", r"['\udc00']", "Array.from({length: 65}, (_, i) => 'R' + i)", "new Array(1e9)",
            "(function* () { yield 'A' })()", "entry", "(async () => ['A'])()",
        ]  # fmt: skip

        assert fine(roles(values)) == []

    def test_survives_an_array_that_throws(self) -> None:
        value = "Object.defineProperty(['A'], 0, {get() { throw new Error('boo') }})"

        assert roles([value]) == {value: "error: Error: boo"}


class TestEntry:
    def test_finds_an_attribute_under_any_letter_case(self) -> None:
        expressions = ["entry.mail", "entry.Mail", "entry.MAIL", "entry['mAIL']"]

        assert orgs(expressions) == dict.fromkeys(expressions, "ada@example.com")

    def test_gives_one_value_as_text_and_several_as_an_array(self) -> None:
        assert shown("[entry.uid, entry.telephonenumber]") == '["ada",["1","2","3"]]'

    def test_always_gives_an_array_where_the_server_says_so(self) -> None:
        assert shown("entry.memberof") == '["CN=Support,OU=Groups"]'

    def test_gives_undefined_for_an_absent_attribute(self) -> None:
        assert org("String(entry.manager) + String(entry['']) + typeof entry.constructor") == "undefined" * 3

    def test_keeps_numbers_as_text(self) -> None:
        assert org("typeof entry.userAccountControl + (entry.userAccountControl & 512)") == "string512"

    def test_has_the_dn(self) -> None:
        assert org("entry.dn") == ADA.dn

    def test_treats_options_as_names_of_their_own(self) -> None:
        assert org("entry['CN;lang-DE'] + entry.cn") == "Ada die Ersteundefined"

    def test_lists_names_as_the_server_spelled_them(self) -> None:
        expected = '["dn","uid","Mail","memberOf","telephoneNumber","userAccountControl","cn;lang-de"]'

        assert shown("Object.keys(entry)") == expected
        assert shown("(function () { var a = []; for (var k in entry) a.push(k); return a })()") == expected
        assert shown("['mail' in entry, 'toString' in entry, entry.hasOwnProperty('UID')]") == "[true,false,true]"

    def test_can_be_turned_into_text(self) -> None:
        entry = Entry("cn=x", {"cn": ("x",), "objectClass": ("top",)})

        assert org("JSON.stringify(entry)", entry) == '{"dn":"cn=x","cn":"x","objectClass":["top"]}'
        assert org("entry + ''") == "[object Object]"
        assert org("JSON.stringify({...entry})", entry) == '{"dn":"cn=x","cn":"x","objectClass":["top"]}'

    def test_cannot_be_changed(self) -> None:
        changes = [
            "entry.uid = 'eve'",
            "entry.fresh = 1",
            "delete entry.uid",
            "Object.defineProperty(entry, 'uid', {})",
        ]

        results = orgs([f"(function () {{ {change} }})()" for change in changes])

        expected = {
            f"error: TypeError: the entry cannot be changed ({name}); to compare, write == or ==="
            for name in ("uid", "fresh")
        }
        assert set(results.values()) == expected

    def test_stays_as_it_is_when_a_script_tries_to_change_it(self) -> None:
        body = (
            "try { entry.uid = 'eve' } catch (e) {} try { entry.fresh = 1 } catch (e) {} return entry.uid + entry.fresh"
        )

        assert org(f"(function () {{ {body} }})()") == "adaundefined"

    def test_tells_a_script_that_compares_with_one_equals_sign(self) -> None:
        results = str(active("function (entry) { if (entry.employeeType = 'inactive') return false; return true }"))

        assert results == "TypeError: the entry cannot be changed (employeeType); to compare, write == or ==="

    def test_tells_a_strict_script_that_it_is_read_only(self) -> None:
        changes = ["Object.freeze(entry)", "Object.setPrototypeOf(entry, null)"]

        results = orgs([f"(function () {{ 'use strict'; {change} }})()" for change in changes])

        assert all(str(answer).startswith("error: TypeError") for answer in results.values())

    def test_gives_each_script_arrays_of_its_own(self) -> None:
        scripts = Scripts(
            "e => { e.telephoneNumber.length = 0; e.memberOf.push('x'); return e.memberOf.length == 2 }",
            "e => e.telephoneNumber.sort().reverse().join() + e.telephoneNumber[0]",
            "e => e.telephoneNumber",
        )

        assert evaluate(scripts, ADA, ADA) == [Verdict(org_name="3,2,13", roles=("1", "2", "3"))] * 2

    @pytest.mark.parametrize(
        "name", ["constructor", "__proto__", "toString", "hasOwnProperty", "then", "toJSON", "length", "get", "places"]
    )
    def test_survives_an_attribute_named(self, name: str) -> None:
        entry = Entry("cn=x", {name: ("value",)})

        assert org(f"entry.{name} + Object.keys(entry)", entry) == f"valuedn,{name}"

    def test_keeps_its_dn_beside_an_attribute_named_so(self) -> None:
        entry = Entry("cn=x", {"DN": ("other",), "cn": ("x",), "CN": ("y",)})

        assert shown("[entry.dn, entry.DN, entry.cn, entry.CN, Object.keys(entry)]", entry) == (
            '["cn=x","cn=x","x","x",["dn","cn"]]'
        )

    def test_has_no_attribute_without_values(self) -> None:
        assert shown("Object.keys(entry)", Entry("cn=x", {"mail": (), "cn": ("x",)})) == '["dn","cn"]'

    @settings(max_examples=50, deadline=None)
    @given(value=st.text(st.characters(exclude_categories=()), max_size=30))
    def test_passes_every_text_on_unchanged(self, sandbox: Sandbox, value: str) -> None:
        # Two halves of a pair that stand together are one character.
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        expected = ",".join(str(ord(unit)) for unit in text)

        verdict = sandbox.evaluate([Entry("cn=x", {"cn": (value,)})])[0]

        assert verdict.org_name == (expected or None)

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        source = "e => Array.from(e.cn, c => c.codePointAt(0)).join()"
        with Sandbox(Scripts(org_name=source), ()) as sandbox:
            yield sandbox


class TestTheTime:
    def test_makes_an_answer_one_that_may_be_another_later_however_a_script_comes_to_it(self) -> None:
        looks = ["Date.now() > 0", "new Date(0)", "globalThis['Da' + 'te'].name", "!!Reflect.get(globalThis, 'Date')"]
        does_not = ["true", "entry.mail", "'Date'", "(() => { var Date = 1; return Date })()", "entry.Date || true"]

        assert varying([*looks, *does_not]) == [True] * len(looks) + [False] * len(does_not)

    def test_counts_for_the_entry_alone_and_in_any_of_its_scripts(self) -> None:
        scripts = Scripts(
            active="function () { return true }", org_name="function (e) { return e.n == 1 ? '' + Date.length : 'x' }"
        )

        assert [verdict.varies for verdict in evaluate(scripts, *adas(3))] == [False, True, False]


class TestBareName:
    def test_reads_the_attribute(self) -> None:
        assert org("MEMBEROF[0]") == "CN=Support,OU=Groups"
        assert org("typeof memberof + typeof manager") == "objectundefined"

    def test_loses_to_a_declaration_and_to_javascript(self) -> None:
        entry = Entry("cn=x", {"Array": ("x",), "uid": ("attribute",)})

        assert org("(function () { var uid = 'mine'; return uid })()", entry) == "mine"
        assert org("typeof Array", entry) == "function"

    def test_that_nobody_knows_is_an_error(self) -> None:
        assert org("manager") == (
            "error: ReferenceError: manager is not defined: "
            "it is no variable of the script, and the entry has no attribute of this name"
        )

    def test_works_in_a_strict_script(self) -> None:
        assert org("(function () { 'use strict'; return uid })()") == "ada"

    def test_that_is_assigned_without_var_is_a_variable_until_the_script_ends(self) -> None:
        body = "entry => { uid = entry.uid + '!'; uid += '?'; return uid + entry.uid }"
        entries = [Entry("cn=x", {"uid": (name,)}) for name in ("ada", "eve")]

        verdicts = evaluate(Scripts(org_name=body, role_name="entry => uid"), *entries)

        assert [verdict.org_name for verdict in verdicts] == ["ada!?ada", "eve!?eve"]
        assert [verdict.roles for verdict in verdicts] == [("ada",), ("eve",)]

    def test_reads_the_entry_that_is_evaluated(self) -> None:
        entries = [Entry("cn=x", {"uid": (str(n),)} if n % 2 else {}) for n in range(50)]

        verdicts = evaluate(Scripts(org_name="e => typeof uid == 'undefined' ? 'none' : uid"), *entries)

        assert [verdict.org_name for verdict in verdicts] == [str(n) if n % 2 else "none" for n in range(50)]


class TestSource:
    @pytest.mark.parametrize(
        "source",
        [
            "function (entry) { return true; }",
            "function named(entry) { return true }",
            "entry => true",
            "(entry) => { return true };",
            "// why\n/* because */ function (entry) { return true } ; // done\n/* really */ ;\n",
            "\ufefffunction(entry){return true}",
            "function () { return true }",
            "classy => true",
            "function (entry) { return true }\r\n// done",
        ],
    )
    def test_may_be_one_function(self, source: str) -> None:
        assert active(source) is True

    @pytest.mark.parametrize(
        "source",
        [
            "function(){return 1}){}(function(){",
            "function(){return 1}),(function(){return 1}",
            "function(){return 1}} {(function(){return 1})",
            "function(){return 1}; while (true) {}",
            "function(){return 1}, function(){return 1}",
            "(function(){ return function(e){return true} })()",
            "function f(){return f}()",
            "(function (entry) { return true })",
            "function(e){return true} + 1",
            "true",
            "1; e => true",
            "class { constructor(entry) {} }",
            "x = e => true",
            "async function (entry) { return true }",
            "async entry => true",
            "function* (entry) { yield true }",
            "function (entry, more) { return true }",
            "return entry => true",
            "e => true /* open",
            "e => true <!-- html",
            "// only a comment",
            "import('os')",
            "get x() { return 1 }",
            "x(entry) { return true }",
            "e => true //" + "x" * 33_000,
        ],
    )
    def test_must_be_exactly_one_function(self, source: str) -> None:
        errors = compile_errors(Scripts(org_name=source), QUICK)

        assert list(errors) == [ORG_NAME]

    def test_that_does_not_compile_is_an_error_for_every_entry(self) -> None:
        scripts = Scripts("e => false", "e => 'Staff'", "function (entry) {\n  return [;\n}")

        verdicts = evaluate(scripts, ADA, ADA)

        error = verdicts[0].error
        assert error is not None
        assert (error.script, error.line) == (ROLE_NAME, 2)
        assert error.message.startswith("SyntaxError: ")
        assert verdicts == [Verdict(error=error)] * 2

    def test_errors_are_told_for_each_script(self) -> None:
        errors = compile_errors(Scripts("e => ", "e => 'Staff'", "async e => []"))

        assert list(errors) == [ACTIVE, ROLE_NAME]
        assert errors[ROLE_NAME].message == "async and generator functions are not supported"

    def test_without_faults_has_no_errors(self) -> None:
        assert compile_errors(Scripts()) == {}
        assert compile_errors(Scripts(seed_scripts.ACTIVE_DEFAULT, seed_scripts.ORG_NAME)) == {}


class TestScriptError:
    def test_names_the_script_the_line_and_the_message(self) -> None:
        source = "// first\nfunction (entry) {\n  var x = 1;\n  throw new Error('no ' + entry.uid);\n}"

        error = evaluate(Scripts(active=source))[0].error

        assert error == ScriptError(ACTIVE, "Error: no ada", 4)

    @pytest.mark.parametrize(
        ("body", "line"),
        [
            ("\n\n return entry.manager.name;", 3),
            ("\n var a = 1;\n return missing;", 3),
            ("\n\n return entry.foo();", 3),
            ("\n return [1].map(function (x) {\n\n  return x.y.z;\n });", 4),
            ("\n var x = 1;\n\n for (var i = 0; i < entry.manager.length; i++) {\n }", 4),
            ("\n\n return new Array(-1);", 3),
        ],
    )
    def test_finds_the_line_of(self, body: str, line: int) -> None:
        error = evaluate(Scripts(active=f"function (entry) {{{body}\n}}"))[0].error

        assert error is not None
        assert error.line == line

    def test_tells_what_was_thrown(self) -> None:
        messages = {
            "'text'": "threw: text",
            "7": "threw: 7",
            "undefined": "threw: undefined",
            "Symbol('s')": "threw: Symbol(s)",
            "{message: 'hm'}": "threw: hm",
            "entry": "threw an object",
            "{get message() { throw 1 }}": "threw an object that cannot be read",
            "Object.create(Error.prototype, {name: {value: Symbol()}})": "threw an object that cannot be read",
        }

        results = actives([f"(() => {{ throw {thrown} }})()" for thrown in messages])

        assert list(results.values()) == list(messages.values())

    def test_message_is_one_short_line(self) -> None:
        message = str(active("e => { throw new Error('a\\nDIRSYNC:: b\\0\\ud800' + 'x'.repeat(5000)) }"))

        assert len(message) == 500
        assert message.startswith("Error: a\ufffdDIRSYNC:: b\ufffd\ufffdxxx")

    def test_leaves_the_neighbours_alone(self) -> None:
        entries = [Entry("cn=x", {"n": (str(n),)}) for n in range(100)]

        verdicts = evaluate(Scripts("e => { if (e.n == 50) throw 1; return e.n != 7 }"), *entries)

        assert [n for n, verdict in enumerate(verdicts) if verdict.error] == [50]
        assert [n for n, verdict in enumerate(verdicts) if not verdict.active] == [7]


class TestSeedScript:
    def test_deactivates_by_account_control(self) -> None:
        entries = [Entry("cn=x", {"userAccountControl": (value,)}) for value in ("512", "514", "66050")]

        verdicts = evaluate(Scripts(active=seed_scripts.ACTIVE_USER_ACCOUNT_CONTROL), *entries)

        assert [verdict.active for verdict in verdicts] == [True, False, False]

    def test_deactivates_by_employee_type(self) -> None:
        entries = [Entry("cn=x", {"employeeType": (value,)}) for value in ("inactive", "full")] + [Entry("cn=y", {})]

        verdicts = evaluate(Scripts(active=seed_scripts.ACTIVE_EMPLOYEE_TYPE), *entries)

        assert [verdict.active for verdict in verdicts] == [False, True, True]

    def test_places_by_the_ou(self) -> None:
        entries = [Entry(f"cn=x,ou={ou}", {}) for ou in ("Staff", "Students", "Other")]

        verdicts = evaluate(Scripts(org_name=seed_scripts.ORG_NAME), *entries)

        assert [verdict.org_name for verdict in verdicts] == ["Staff", "Students", "Default"]

    def test_grants_roles_by_groups_named_without_the_entry(self) -> None:
        groups = ("CN=Admins,OU=G", "CN=Support,OU=G", "CN=Managers,OU=G")
        entries = [Entry("cn=x", {"memberOf": groups}), Entry("cn=y", {"memberOf": groups[1:2]}), Entry("cn=z", {})]

        verdicts = evaluate(Scripts(role_name=seed_scripts.ROLE_NAME), *entries)

        basic = ("PROe User", "Desktop User")
        assert [verdict.roles for verdict in verdicts] == [
            (*basic, "SYSADMIN", "All Org Admin", "All Org Manager"),
            (*basic, "All Org Admin"),
            basic,
        ]


entries = st.builds(
    Entry,
    dn=st.sampled_from(["cn=a,ou=Staff", "cn=b,ou=Students", "cn=c"]),
    attributes=st.dictionaries(
        st.sampled_from(["memberOf", "userAccountControl", "uid", "leak", "Mail"]),
        st.lists(st.sampled_from(["512", "514", "CN=Admins", "CN=Support", ""]), min_size=1, max_size=3).map(tuple),
    ),
)


class TestVerdict:
    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        nosy = """function (entry) {
            if (typeof leaked != "undefined") return "leaked";
            leaked = entry.uid || 1;
            if (entry.mail == "514") throw new Error(entry.dn);
            if (entry.mail == "512") Object.defineProperty(this, "kept", {value: 1});
            return entry.dn + typeof kept;
        }"""
        with Sandbox(
            Scripts(seed_scripts.ACTIVE_USER_ACCOUNT_CONTROL, nosy, seed_scripts.ROLE_NAME), ("memberOf",)
        ) as sandbox:
            yield sandbox

    @settings(max_examples=30, deadline=None)
    @given(group=st.lists(entries, max_size=20))
    def test_of_an_entry_does_not_depend_on_its_neighbours(self, sandbox: Sandbox, group: list[Entry]) -> None:
        together = sandbox.evaluate(group)

        alone = [sandbox.evaluate([entry])[0] for entry in group]

        assert together == alone
