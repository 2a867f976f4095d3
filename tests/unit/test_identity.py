from hypothesis import given
from hypothesis import strategies as st

from directory.sync.identity import UNIQUE_IDS, identity
from directory.sync.values import AttributeMapping, Encoded, Entry

DN = "uid=jane,dc=example,dc=com"


def entry(**attributes: tuple[str, ...]) -> Entry:
    return Entry(DN, attributes)


class TestIdentity:
    def test_takes_what_the_mapping_names(self) -> None:
        jane = entry(uid=("jane",), mail=("jane@example.com",), givenName=("Jane",), sn=("Doe",), entryUUID=("1-2",))

        found = identity(jane, AttributeMapping())

        assert (found.dn, found.unique_id, found.usernames) == (DN, "1-2", ("jane",))
        assert (found.emails, found.first_name, found.last_name) == (("jane@example.com",), "Jane", "Doe")

    def test_finds_attributes_under_any_letter_case(self) -> None:
        jane = entry(SAMACCOUNTNAME=("jdoe",), objectguid=("a-b",))

        found = identity(jane, AttributeMapping(username="sAMAccountName", unique_id="objectGUID"))

        assert (found.usernames, found.unique_id) == (("jdoe",), "a-b")

    def test_has_no_username_where_the_attribute_is_missing(self) -> None:
        found = identity(entry(cn=("Jane",)), AttributeMapping())

        assert found.usernames == ()

    def test_has_no_username_where_there_are_only_spaces(self) -> None:
        found = identity(entry(uid=("  ", "\t")), AttributeMapping())

        assert found.usernames == ()

    def test_keeps_several_usernames_in_the_servers_order(self) -> None:
        found = identity(entry(uid=("zoe", "anna", "zoe ")), AttributeMapping())

        assert found.usernames == ("zoe", "anna")

    def test_prefers_entryuuid_to_other_identifiers(self) -> None:
        jane = entry(GUID=("3",), objectGUID=("2",), entryUUID=("1",))

        found = identity(jane, AttributeMapping())

        assert found.unique_id == "1"

    def test_does_not_fall_back_from_a_mapped_identifier(self) -> None:
        jane = entry(entryUUID=("1",))

        found = identity(jane, AttributeMapping(unique_id="employeeNumber"))

        assert found.unique_id == ""

    @given(st.sampled_from(UNIQUE_IDS), st.text(min_size=1).filter(str.strip))
    def test_finds_every_known_identifier_by_itself(self, name: str, value: str) -> None:
        found = identity(Entry(DN, {name.upper(): (value,)}), AttributeMapping())

        assert found.unique_id == value.strip()

    @given(st.lists(st.text()))
    def test_never_gives_an_empty_or_untrimmed_username(self, values: list[str]) -> None:
        found = identity(entry(uid=tuple(values)), AttributeMapping())

        assert all(name and name == name.strip() for name in found.usernames)


class TestWhatIsNoText:
    def test_is_nobodys_name(self) -> None:
        odd = Encoded("/+8=")

        found = identity(entry(uid=(odd, "jane"), mail=(odd,), givenName=(odd,), sn=(odd,)), AttributeMapping())

        assert (found.usernames, found.emails, found.first_name, found.last_name) == (("jane",), (), "", "")

    def test_may_be_an_immutable_id(self) -> None:
        found = identity(entry(consistencyGuid=(Encoded("/+8="),)), AttributeMapping(unique_id="consistencyGuid"))

        assert found.unique_id == "/+8="


def test_a_username_longer_than_any_of_rollcalls_is_none() -> None:
    found = identity(entry(uid=("x" * 256, "y" * 255)), AttributeMapping())

    assert found.usernames == ("y" * 255,)
