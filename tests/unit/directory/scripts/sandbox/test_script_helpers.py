"""The helpers under ldap: DNs as the standards write them, times of directories, and whether a list has a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import ldap.dn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import Entry
from directory.values.scripts import Scripts

FILETIME_BEGINS = datetime(1601, 1, 1, tzinfo=UTC)
SOME_TIME = datetime(1900, 1, 1)  # noqa: DTZ001  # hypothesis adds the zone


# By script, a few of the last ones: most tests ask the same of many values.
_OPEN: dict[str, Sandbox] = {}
MOST_OPEN = 8


@pytest.fixture(scope="module", autouse=True)
def sandboxes() -> Iterator[None]:
    """End the children with the last test."""
    yield
    while _OPEN:
        _OPEN.popitem()[1].close()


def sandbox_of(source: str) -> Sandbox:
    """Return a sandbox whose org name script is this one."""
    if source not in _OPEN:
        if len(_OPEN) == MOST_OPEN:
            _OPEN.pop(next(iter(_OPEN))).close()
        _OPEN[source] = Sandbox(Scripts(org_name=source), ("memberOf",))
    return _OPEN[source]


def value_of(expression: str, **attributes: tuple[str, ...]) -> object:
    """Return what an expression of a script is, as JSON would have it; "error: ..." where it throws."""
    source = f"function (entry) {{ return 'is ' + JSON.stringify({expression}) }}"
    verdict = sandbox_of(source).evaluate((Entry("uid=ada,ou=Staff,dc=example,dc=com", attributes),))[0]
    if verdict.error:
        return f"error: {verdict.error.message}"
    text = (verdict.org_name or "").removeprefix("is ")
    return None if text == "undefined" else json.loads(text)


def time(value: str) -> object:
    return value_of("ldap.time(entry.when)", when=(value,))


class TestNames:
    @pytest.mark.parametrize(
        ("dn", "ous"),
        [
            ("CN=Ada,OU=Sales,OU=Europe,DC=example,DC=com", ["Sales", "Europe"]),
            (r"CN=Ada,OU=R&D\, Labs,DC=example,DC=com", ["R&D, Labs"]),
            (r"CN=Ada,OU=R&D\2C Labs,DC=example", ["R&D, Labs"]),
            (r"CN=Ada,OU=Z\C3\BCrich,DC=example", ["Zürich"]),
            ("CN=Ada,OU=Zürich,DC=example", ["Zürich"]),
            (r"CN=Ada,OU=\ two blanks\ ,DC=example", [" two blanks "]),
            ("CN=Ada , OU = Sales , DC=example", ["Sales"]),
            ("CN=Ada;OU=Sales;DC=example", ["Sales"]),
            ('CN=Ada,OU="Sales, East",DC=example', ["Sales, East"]),
            ("CN=Ada,OU=#0c05 5a", ["#0c05 5a"]),
            ("CN=Ada,OU=#0c0553616c6573,DC=example", ["Sales"]),
            ("CN=Ada,2.5.4.11=Sales,organizationalUnitName=Europe", ["Sales", "Europe"]),
            ("OU=Sales+CN=Ada,OU=Europe", ["Sales", "Europe"]),
            ("CN=a=b,OU=c=d", ["c=d"]),
            ("CN=Ada,OU=,DC=example", [""]),
            (r"CN=\#1 \+ \"two\" \\ \<3\>,OU=x\=y", ["x=y"]),
            ("", []),
        ],
    )
    def test_values_are_read_unescaped_from_the_leaf_to_the_root(self, dn: str, ous: list[str]) -> None:
        assert value_of('ldap.values(entry.where, "ou")', where=(dn,)) == ous

    def test_the_parts_of_a_name_come_in_their_order(self) -> None:
        assert value_of("ldap.rdns(entry.dn)") == [
            {"type": "uid", "value": "ada"},
            {"type": "ou", "value": "Staff"},
            {"type": "dc", "value": "example"},
            {"type": "dc", "value": "com"},
        ]

    def test_the_first_value_of_a_type_under_any_letter_case(self) -> None:
        assert value_of('[ldap.value(entry.dn, "OU"), ldap.value(entry.dn, "Dc")]') == ["Staff", "example"]

    def test_what_a_name_does_not_have_is_undefined(self) -> None:
        assert value_of('[ldap.value(entry.dn, "l") === undefined, ldap.cn(entry.dn) === undefined]') == [True, True]

    @pytest.mark.parametrize(
        ("dn", "cn"),
        [
            (r"CN=R&D\, Labs,OU=Groups,DC=example", "R&D, Labs"),
            ("uid=ada+cn=Ada Lovelace,cn=users,dc=example", "Ada Lovelace"),
            ("uid=ada,cn=users,dc=example", None),
        ],
    )
    def test_the_cn_is_that_of_the_entry_and_not_of_a_branch(self, dn: str, cn: str | None) -> None:
        assert value_of("ldap.cn(entry.group)", group=(dn,)) == cn

    @pytest.mark.parametrize("dn", ["Staff", "cn=a,b", "cn=a,", r"cn=a\zz", 'cn="a', r"cn=\ff", "=a", "a b=c", "cn=a+"])
    def test_what_is_no_name_is_an_error_that_shows_it(self, dn: str) -> None:
        answer = value_of('ldap.value(entry.where, "ou")', where=(dn,))
        assert str(answer).startswith("error: Error: ldap.value got what is no DN, as ")
        assert str(answer).endswith(dn.strip())

    def test_an_absent_attribute_has_no_parts(self) -> None:
        assert value_of(
            '[ldap.rdns(entry.manager), ldap.values(entry.manager, "ou"), ldap.cn(entry.manager) ?? "none"]'
        ) == [
            [],
            [],
            "none",
        ]

    def test_several_values_have_to_be_chosen_from(self) -> None:
        answer = value_of("ldap.cn(entry.memberOf)", memberOf=("cn=a,dc=x", "cn=b,dc=x"))
        assert answer == ("error: TypeError: ldap.cn takes one value, and got 2: choose one, or go through the list")
        assert value_of("ldap.cn(entry.memberOf)", memberOf=("cn=a,dc=x",)) == "a"

    @settings(deadline=None, max_examples=40)
    @given(
        st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["cn", "ou", "uid", "x-own", "1.2.3"]),
                    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12),
                ),
                min_size=1,
                max_size=3,
            ),
            min_size=1,
            max_size=4,
        )
    )
    def test_any_name_that_openldap_writes_is_read_as_openldap_reads_it(
        self, rdns: list[list[tuple[str, str]]]
    ) -> None:
        dn = ldap.dn.dn2str([[(kind, value, 1) for kind, value in rdn] for rdn in rdns])
        expected = [{"type": kind, "value": value} for rdn in ldap.dn.str2dn(dn) for kind, value, _ in rdn]
        text = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
        assert value_of("JSON.stringify(ldap.rdns(entry.where)) === entry.text", where=(dn,), text=(text,)) is True, dn


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("20270131120000Z", "2027-01-31T12:00:00.000Z"),
            ("20270131120000.0Z", "2027-01-31T12:00:00.000Z"),
            ("20270131120000.123456Z", "2027-01-31T12:00:00.123Z"),
            ("20270131120000,5Z", "2027-01-31T12:00:00.500Z"),
            ("202701311200Z", "2027-01-31T12:00:00.000Z"),
            ("2027013112Z", "2027-01-31T12:00:00.000Z"),
            ("2027013112.5Z", "2027-01-31T12:30:00.000Z"),
            ("202701311200.25Z", "2027-01-31T12:00:15.000Z"),
            ("20270131120000+0130", "2027-01-31T10:30:00.000Z"),
            ("20270131120000-08", "2027-01-31T20:00:00.000Z"),
            ("20270131120000", "2027-01-31T12:00:00.000Z"),
            ("20161231235960Z", "2017-01-01T00:00:00.000Z"),
            ("20240229000000Z", "2024-02-29T00:00:00.000Z"),
            ("99991231235959Z", "9999-12-31T23:59:59.000Z"),
            ("2027-01-31", "2027-01-31T00:00:00.000Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00.000Z"),
            ("2027-01-31T12:00:00.250+02:00", "2027-01-31T10:00:00.250Z"),
            ("2027-01-31 12:00", "2027-01-31T12:00:00.000Z"),
            ("133500000000000000", "2024-01-17T21:20:00.000Z"),
            ("0133500000000000000", "2024-01-17T21:20:00.000Z"),
        ],
    )
    def test_the_times_that_directories_write(self, text: str, expected: str) -> None:
        assert time(text) == expected

    @pytest.mark.parametrize("text", ["0", "9223372036854775807", "-9223372036854775808", "16010101000000.0Z"])
    def test_never_is_null(self, text: str) -> None:
        assert value_of("ldap.time(entry.when) === null", when=(text,)) is True

    @pytest.mark.parametrize(
        "text",
        ["", "soon", "20270230000000Z", "20271301000000Z", "2027013124Z", "1735689600", "19500", "-5", "2027-02-30", "20270131120000X"],
    )  # fmt: skip
    def test_what_is_no_time_is_an_error_that_shows_it(self, text: str) -> None:
        assert str(time(text)).startswith(f"error: Error: ldap.time knows no such time: {text}. ")

    def test_an_absent_time_is_undefined_and_not_never(self) -> None:
        assert value_of("[ldap.time(entry.accountExpires) === undefined, ldap.time(entry.x) === null]") == [True, False]

    @settings(deadline=None, max_examples=25)
    @given(st.datetimes(SOME_TIME, timezones=st.just(UTC)))
    def test_filetime_and_generalized_time_of_one_moment_are_the_same(self, moment: datetime) -> None:
        at = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        ticks = (at - FILETIME_BEGINS) // timedelta(microseconds=1) * 10
        text = f"{at:%Y%m%d%H%M%S}.{at.microsecond // 1000:03}Z".zfill(19)
        found = value_of("[ldap.time(entry.a), ldap.time(entry.b)]", a=(str(ticks),), b=(text,))
        assert found == [at.isoformat(timespec="milliseconds").replace("+00:00", "Z")] * 2

    def test_a_time_alone_does_not_depend_on_the_time_of_day_and_a_comparison_does(self) -> None:
        sources = [
            "function (entry) { return ldap.time(entry.when) > 0 }",
            "function (entry) { return ldap.time(entry.when) > new Date() }",
            "function (entry) { return new (ldap.time(entry.when).constructor)() > 0 }",
        ]
        entry = Entry("uid=ada,dc=x", {"when": ("20270131120000Z",)})
        varies = []
        for source in sources:
            with Sandbox(Scripts(active=source), ()) as sandbox:
                varies.append(sandbox.evaluate((entry,))[0].varies)
        assert varies == [False, True, True]


class TestLists:
    GROUPS = ("CN=Help Desk,OU=Groups,DC=example", r"CN=R&D\, Labs,OU=Groups,DC=example", "Everybody")

    @pytest.mark.parametrize(
        ("name", "there"),
        [
            ("Help Desk", True),
            ("help  desk", True),
            ("Help", False),
            ("Desk", False),
            ("R&D, Labs", True),
            ("R&D", False),
            ("everybody", True),
            ("Groups", False),
            ("CN=Help Desk,OU=Groups,DC=example", True),
            ("cn=help desk, ou=groups, dc=EXAMPLE", True),
            ("CN=Help Desk,OU=Other,DC=example", False),
        ],
    )
    def test_a_name_is_there_as_a_whole_under_any_letter_case(self, name: str, *, there: bool) -> None:
        assert value_of(f"ldap.has(entry.memberOf, {json.dumps(name)})", memberOf=self.GROUPS) is there

    def test_one_value_and_none_are_lists_too(self) -> None:
        assert value_of('[ldap.has(entry.title, "chief"), ldap.has(entry.none, "x")]', title=("Chief",)) == [
            True,
            False,
        ]

    def test_a_name_that_is_none_is_an_error(self) -> None:
        assert str(value_of("ldap.has(entry.memberOf, entry.none)")).startswith(
            "error: TypeError: ldap.has takes a name"
        )


class TestTheNameOfTheHelpers:
    def test_a_script_may_have_a_variable_of_this_name(self) -> None:
        assert value_of("(function () { var ldap = 1; return ldap })()") == 1
        assert value_of("(function () { ldap = 2; return ldap })()") == 2

    def test_what_one_call_puts_there_the_next_one_does_not_see(self) -> None:
        source = "function (entry) { var seen = typeof ldap.cn; ldap = {}; return seen }"
        with Sandbox(Scripts(org_name=source), ()) as sandbox:
            verdicts = sandbox.evaluate([Entry(f"uid=u{n},dc=x", {}) for n in range(3)])
        assert [verdict.org_name for verdict in verdicts] == ["function"] * 3

    def test_the_helpers_stay_as_they_are(self) -> None:
        assert value_of(
            "(function () { ldap.cn = null; delete ldap.has; return [typeof ldap.cn, typeof ldap.has] })()"
        ) == [
            "function",
            "function",
        ]

    def test_an_attribute_of_this_name_is_read_of_the_entry(self) -> None:
        assert value_of("entry.ldap", ldap=("yes",)) == "yes"

    def test_no_helper_leads_to_the_host(self) -> None:
        names = value_of("Object.getOwnPropertyNames(ldap).sort()")
        assert names == ["cn", "has", "rdns", "time", "value", "values"]
        assert str(value_of('ldap.cn.constructor("return 1")()')).startswith(
            "error: TypeError: code cannot be made from text"
        )
