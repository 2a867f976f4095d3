"""Scripts that look at an attribute that the directory was not asked for: an error, since nobody knows what it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.ldap.attributes.requested_attributes import needed
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import AttributeMapping, Entry
from directory.values.scripts import ORG_NAME, ROLE_NAME, RequestedAttributes, ScriptError, Scripts, Verdict

ADVICE = "as nobody wrote it"
ADA = Entry(
    "uid=ada,ou=Staff,dc=example,dc=com",
    {
        "uid": ("ada",),
        "cn": ("Ada",),
        "cn;lang-de": ("Ada die Erste",),
        "memberOf": ("CN=Support", "CN=Sales"),
        "userCertificate;binary": ("MIIC",),
    },
)
# What the server sends where it is asked for all.
EVERYTHING = Entry(ADA.dn, {**ADA.attributes, "employeeType": ("inactive",), "mail": ("ada@example.com",)})
REQUESTED = ("uid", "cn", "memberOf", "userCertificate", "ou", "ms-DS-x", "missing", "tmp")


def verdict(source: str, *, script: str = "active", requested: tuple[str, ...] | None = REQUESTED) -> Verdict:
    """Return the verdict on Ada, which is the same in a batch, by itself, and on the text of her entry."""
    attributes = None if requested is None else RequestedAttributes(requested, ADVICE)
    with Sandbox(Scripts(**{script: source}), (), requested=attributes) as sandbox:
        text = EntryText(ADA.dn, '{"uid": ["ada"], "cn": ["Ada"], "cn;lang-de": ["Ada die Erste"]}')
        sandbox.evaluate([ADA])
        alone, both = sandbox.second_opinions([ADA])[0], sandbox.evaluate([ADA, ADA])
        assert [alone, alone] == both
        if alone.error and "memberOf" not in source:
            assert list(sandbox.evaluate_pages([[text]])) == [[alone]]
        return alone


def error(expression: str) -> str:
    found = verdict(f"function (entry) {{ return {expression}; }}").error
    return found.message if found else ""


def active(expression: str) -> bool | str:
    found = verdict(f"function (entry) {{ return {expression}; }}")
    return found.error.message if found.error else found.active


class TestAnAttributeThatWasNotAskedFor:
    @pytest.mark.parametrize(
        "expression",
        [
            "entry['employee' + 'Type'] != 'inactive'",
            "entry?.['employee' + 'Type']",
            "'employee' + 'Type' in entry",
            "entry.hasOwnProperty('employee' + 'Type')",
            "entry.propertyIsEnumerable('employee' + 'Type')",
            "Object.getOwnPropertyDescriptor(entry, 'employee' + 'Type') === undefined",
            "Object.prototype.hasOwnProperty.call(entry, 'employee' + 'Type')",
            "Reflect.has(entry, 'employee' + 'Type')",
            "Reflect.get(entry, 'employee' + 'Type')",
            "(({ ['employee' + 'Type']: kind }) => kind != 'inactive')(entry)",
            "['Type'].every(end => entry[`employee${end}`] != 'inactive')",
            "entry.employee\\u0054ype != 'inactive'",
            "employee\\u0054ype != 'inactive'",
            "typeof employee\\u0054ype",
            "Object.create(entry)['employee' + 'Type']",
        ],
    )
    def test_is_a_script_error(self, expression: str) -> None:
        assert error(expression) == f"attribute employeeType was not asked for, {ADVICE}"

    def test_is_named_as_the_script_spells_it(self) -> None:
        assert error("entry['EMPLOYEE' + 'type;x-y']") == f"attribute EMPLOYEEtype;x-y was not asked for, {ADVICE}"
        assert error("entry['2.5.' + '4.4']") == f"attribute 2.5.4.4 was not asked for, {ADVICE}"

    def test_is_told_with_its_script_and_line(self) -> None:
        found = verdict("function (entry) {\n  var a = 'ma';\n  return [entry[a + 'il']];\n}", script="role_name")

        assert found.error == ScriptError(ROLE_NAME, f"attribute mail was not asked for, {ADVICE}", 3)

    @pytest.mark.parametrize(
        "body",
        [
            "try { return entry['ma' + 'il'] == null } catch { return true }",
            "try { entry['ma' + 'il'] } finally { return true }",
            "try { entry['ma' + 'il'] } catch (error) { error.message = 'nothing'; throw error }",
            "try { entry['ma' + 'il'] } catch { throw 1 }",
            "try { Object.keys(entry) } catch {} try { entry['ma' + 'il'] } catch {} return undefined",
        ],
    )
    def test_is_an_error_even_where_the_script_catches_it(self, body: str) -> None:
        found = verdict(f"function (entry) {{ {body} }}").error

        assert found is not None
        assert "asked for" in found.message

    def test_is_no_error_of_the_entries_that_come_after(self) -> None:
        source = "function (entry) { return entry.uid == 'ada' ? entry['ma' + 'il'] : true }"
        bob = Entry("uid=bob", {"uid": ("bob",)})

        with Sandbox(Scripts(source), (), requested=RequestedAttributes(REQUESTED, ADVICE)) as sandbox:
            verdicts = sandbox.evaluate([bob, ADA] * 20)

        assert [each.error is None for each in verdicts] == [True, False] * 20

    def test_is_absent_where_everything_was_asked_for(self) -> None:
        source = "function (entry) { return entry['ma' + 'il'] === undefined && !('ma' + 'il' in entry) }"

        assert verdict(source, requested=None) == Verdict()

    def test_is_no_matter_where_its_script_is_not_run(self) -> None:
        scripts = Scripts(active="e => false", org_name="e => e['ma' + 'il']")

        with Sandbox(scripts, (), requested=RequestedAttributes(REQUESTED, ADVICE)) as sandbox:
            assert sandbox.evaluate([ADA]) == [Verdict(active=False)]


class TestTheNamesOfAnEntry:
    @pytest.mark.parametrize(
        "expression",
        [
            "Object.keys(entry)",
            "Object.values(entry)",
            "Object.entries(entry)",
            "Object.getOwnPropertyNames(entry)",
            "Object.getOwnPropertyDescriptors(entry)",
            "Object.assign({}, entry)",
            "Reflect.ownKeys(entry)",
            "JSON.stringify(entry)",
            "JSON.stringify({ a: [entry] })",
            "({ ...entry })",
            "(({ uid, ...rest }) => rest)(entry)",
            "(() => { for (var name in entry) return name })()",
        ],
    )
    def test_are_not_all_known(self, expression: str) -> None:
        assert error(expression) == (
            "goes through the names of an entry of which only needed attributes were asked for: "
            "write the names out, or have the server ask for all attributes"
        )
        assert verdict(f"entry => {{ {expression}; return true }}", requested=None) == Verdict()


class TestEverythingElse:
    @pytest.mark.parametrize(
        "expression",
        [
            "entry.uid == 'ada' && entry.UID == 'ada' && uid == 'ada' && Uid == 'ada'",
            "entry.dn.startsWith('uid=ada') && entry['d' + 'n'] && 'd' + 'n' in entry",
            "entry.missing === undefined && !('missing' in entry) && !entry.hasOwnProperty('MISSING')",
            "entry['mis' + 'sing'] === undefined && entry['MS-ds-' + 'X'] === undefined",
            "entry['c' + 'n'] == 'Ada' && entry['cn;lang-' + 'DE'] == 'Ada die Erste'",
            "entry['cn;lang-' + 'fr'] === undefined && entry['memberOf;range=0-' + '1499'] === undefined",
            "entry['userCertificate;binary'] == 'MIIC' && entry.userCertificate === undefined",
            "memberOf.length == 2 && memberof.includes('CN=Sales')",
            "typeof missing == 'undefined' && ((tmp = 1), tmp == 1) && typeof entry == 'object'",
            "entry._x === undefined && entry.$x === undefined && entry[0] === undefined && entry['é'] === undefined",
            "entry[''] === undefined && entry['a b'] === undefined && entry.__proto__ === undefined",
            "entry[Symbol.iterator] === undefined && !(Symbol.iterator in entry)",
            "`${entry}` == '[object Object]' && entry.valueOf() === entry && !Array.isArray(entry)",
            "[].concat(entry).length == 1 && !(entry instanceof Map) && JSON.stringify([entry.uid]) == '[\"ada\"]'",
            "parseInt('12') == 12 && Math.max(1, 2) == 2 && isNaN(NaN) && undefined === void 0 && Date.length == 7",
            "entry",
        ],
    )
    def test_is_as_it_is_where_everything_was_asked_for(self, expression: str) -> None:
        assert active(expression) is True
        assert verdict(f"entry => {expression}", requested=None) == verdict(f"entry => {expression}")

    def test_an_undeclared_name_is_told_as_before(self) -> None:
        assert error("missing.length").startswith("ReferenceError: missing is not defined")

    def test_an_entry_for_an_answer_is_told_as_before(self) -> None:
        found = verdict("e => e", script="org_name").error

        assert found == ScriptError(ORG_NAME, "returned an object instead of the org's name as text")

    def test_looking_at_the_time_is_noticed(self) -> None:
        assert verdict("e => Date.now() > 0").varies


# Ways to look at an attribute, most of which write its name out.
LOOKS = (
    "entry.{}", "entry['{}']", "typeof {}", "'{}' in entry", "entry?.{} ?? 'none'", "(({{ {} }}) => {})(entry)",
    "entry['{}'.slice(0, 3) + '{}'.slice(3)]", "entry[`${{'{}'}}`]", "entry['{}'.split('').join('')]",
    "['{}'].map(name => entry[name])", "entry.hasOwnProperty('{}')",
)  # fmt: skip
NAMES = ("uid", "cn", "memberOf", "EMPLOYEETYPE", "employeeType", "mail", "missing")


class TestWhatIsNeeded:
    @settings(max_examples=10, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(LOOKS), st.sampled_from(NAMES)), min_size=1, max_size=4))
    def test_is_enough_for_a_script_that_writes_its_names_out(self, looks: list[tuple[str, str]]) -> None:
        shown = [look.format(name, name) for look, name in looks]
        scripts = Scripts(org_name=f"function (entry) {{ return JSON.stringify([{', '.join(shown)}]) }}")
        names = needed(AttributeMapping(unique_id="uid"), scripts)
        assert names is not None
        lowered = {name.lower() for name in names}
        sent = {name: each for name, each in EVERYTHING.attributes.items() if name.partition(";")[0].lower() in lowered}

        with (
            Sandbox(scripts, ()) as all_requested,
            Sandbox(scripts, (), requested=RequestedAttributes(names, ADVICE)) as some_requested,
        ):
            verdicts = some_requested.evaluate([Entry(EVERYTHING.dn, sent)])

            assert verdicts == all_requested.evaluate([EVERYTHING])
            assert verdicts[0].error is None
