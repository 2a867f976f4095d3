"""Which attributes a directory is asked for, where only those are wanted that the mapping and the scripts need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.attributes.requested_attributes import MOST, needed
from directory.ldap.entry_identity import UNIQUE_IDS
from directory.ldap.validation.dn_and_attribute_syntax import check_attribute
from directory.values.ldap import AttributeMapping
from directory.values.scripts import Scripts

WITH_ID = AttributeMapping(unique_id="employeeNumber")
OF_MAPPING = ("uid", "mail", "givenName", "sn", "employeeNumber", *UNIQUE_IDS, "objectClass")

short_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
identifiers = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
object_identifiers = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,5}){1,6}", fullmatch=True).filter(lambda oid: oid != "1.1")
options = st.from_regex(r"(;[A-Za-z0-9-]{1,8}){0,2}", fullmatch=True)
AS_IDENTIFIERS = (
    "function (entry) {{ return entry.{} }}",
    "function(e){{return e.{}-1}}",
    "e=>e?.{}?.length",
    "function (entry) {{ return {} }}",
    "({{ {}: it }}) => it",
    "e => `${{e.{}}}`",
    "e => e.a/e.{}/2",
    "// {}\ne => true",
    "e => {{ const\t{}=1 }}",
)
AS_TEXTS = (
    'function (entry) {{ return entry["{}"] }}',
    "e => ['a', '{}', 'b'].map(name => e[name])",
    "e => e[`{}`]",
    "e => `${{e['{}']}}`",
    "e => /* \" */ e[ '{}' ]",
    "e => 'a,{},b'.split(',').map(name => e[name])",
    "e => '{}' in e // it's",
)


def named(source: str) -> set[str]:
    """Return in small letters what is asked for because of a script."""
    found = needed(WITH_ID, Scripts(role_name=source))
    assert found is not None
    return {name.lower() for name in found[len(OF_MAPPING) :]}


class TestNeeded:
    def test_is_what_the_mapping_names_where_there_are_no_scripts(self) -> None:
        assert needed(WITH_ID, Scripts()) == OF_MAPPING

    def test_has_every_id_that_may_be_found_by_itself(self) -> None:
        found = needed(AttributeMapping(), Scripts())

        assert found == ("uid", "mail", "givenName", "sn", *UNIQUE_IDS, "objectClass")

    def test_leaves_out_what_is_not_mapped(self) -> None:
        mapping = AttributeMapping(
            username=" sAMAccountName ", email="", first_name="", last_name="", unique_id="objectGUID"
        )
        ids = ("objectGUID", *(name for name in UNIQUE_IDS if name != "objectGUID"))

        assert needed(mapping, Scripts()) == ("sAMAccountName", *ids, "objectClass")

    def test_has_what_any_of_the_three_scripts_names(self) -> None:
        scripts = Scripts("e => e.employeeType", "e => e.ou", "e => e.memberOf")

        found = needed(WITH_ID, scripts)

        assert found is not None
        assert {"employeeType", "ou", "memberOf"} < set(found)

    def test_has_each_name_once_in_whatever_letter_case(self) -> None:
        assert needed(WITH_ID, Scripts("MAIL", "Mail.Uid", "employeenumber.OBJECTCLASS")) == OF_MAPPING

    def test_has_names_without_options_as_these_come_along(self) -> None:
        mapping = AttributeMapping(username="uid;x-login", unique_id="employeeNumber")

        found = needed(mapping, Scripts(role_name="""e => e["userCertificate;binary"]"""))

        assert found is not None
        assert {"uid", "userCertificate"} < set(found)
        assert not any(";" in name for name in found)

    def test_never_asks_for_no_attribute_at_all(self) -> None:
        assert "1.1" not in named("e => '1.1'")

    def test_takes_everything_for_a_name_that_can_be_one(self) -> None:
        found = named("// photo?\nfunction (entry) { return entry['ms-DS-x'] == `é${entry.\\u0063n}` }")

        assert {"photo", "function", "entry", "return", "ms-ds-x"} <= found
        assert all(check_attribute(name) is None for name in found)

    def test_is_everything_where_scripts_name_too_many(self) -> None:
        table = [f"name{number}" for number in range(MOST)]

        assert needed(WITH_ID, Scripts(role_name=",".join(table))) is not None
        assert needed(WITH_ID, Scripts(role_name=",".join([*table, "another"]))) is None

    @given(st.sampled_from(AS_IDENTIFIERS), identifiers)
    def test_has_every_identifier(self, source: str, name: str) -> None:
        assert name.lower() in named(source.format(name))

    @given(st.sampled_from(AS_TEXTS), short_names | object_identifiers, options)
    def test_has_every_name_that_stands_in_a_text(self, source: str, name: str, option: str) -> None:
        assert name.lower() in named(source.format(name + option))

    @given(st.text(max_size=200), st.text(max_size=200))
    def test_is_made_of_attribute_names_whatever_the_scripts_are(self, one: str, other: str) -> None:
        found = needed(WITH_ID, Scripts(one, "", other))

        assert found is not None
        assert [name for name in found if check_attribute(name)] == []


@pytest.mark.parametrize("separator", [" ", ",", ";", "\n", "|"])
def test_a_list_in_one_text_names_each_of_its_parts(separator: str) -> None:
    assert {"memberof", "ms-ds-x", "ou"} <= named(f"e => `{separator.join(['memberOf', 'ms-DS-x', 'ou'])}`")
