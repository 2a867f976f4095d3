import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.entry_identity import UNIQUE_IDS, identity, is_theirs
from directory.values.ldap import AttributeMapping, Encoded, Entry, Identity

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

    def test_takes_every_identifier_the_chosen_one_first(self) -> None:
        jane = entry(GUID=("3",), objectGUID=("2",), entryUUID=("1",), employeeNumber=("7",))

        found = [identity(jane, AttributeMapping(unique_id=name)).ids for name in ("", "objectguid", "EmployeeNumber")]

        assert found == [("1", "2", "3"), ("2", "1", "3"), ("employeenumber: 7", "1", "2", "3")]

    def test_takes_no_identifier_that_is_too_long_and_cuts_none(self) -> None:
        jane = entry(entryUUID=("x" * 256,), nsUniqueId=("y" * 255,))

        found = identity(jane, AttributeMapping())

        assert (found.ids, found.long_id) == (("y" * 255,), True)

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

        assert found.unique_id == "consistencyguid: /+8="


KNOWN = {("a", 0), ("staffnumber: 7", 1)}


@pytest.mark.parametrize(
    ("ids", "server", "theirs"),
    [
        (("a",), 1, True),
        (("b", "a"), 2, True),
        (("b",), 1, False),
        ((), 1, False),
        (("staffnumber: 7",), 1, True),
        (("staffnumber: 7",), 2, False),
        # Another number of the same attribute is another person's, whatever else the entry has.
        (("staffnumber: 8", "a"), 1, False),
        (("staffnumber: 8", "a"), 2, True),
        (("badge: 8", "a"), 1, True),
    ],
)
def test_an_entry_is_a_users_by_any_id_that_is_known(ids: tuple[str, ...], server: int, theirs: bool) -> None:
    who = Identity("uid=x", ids[0] if ids else "", (), further_ids=ids[1:])

    assert is_theirs(who, server, KNOWN) is theirs


def test_a_username_longer_than_any_of_rollcalls_is_none() -> None:
    found = identity(entry(uid=("x" * 256, "y" * 255)), AttributeMapping())

    assert found.usernames == ("y" * 255,)
