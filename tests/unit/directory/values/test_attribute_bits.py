"""Which of the attributes that the mapping and the scripts name entries have, noted in a few digits."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.attributes.requested_attributes import MOST, named
from directory.values.attribute_bits import NamedAttributes
from directory.values.ldap import AttributeMapping
from directory.values.scripts import Scripts

NAMES = ("uid", "mail", "memberOf", "departmentNumber")
SPELLED = ("uid", "UID", "mail", "mail;lang-de", "MemberOf", "memberof", "departmentNumber", "jpegPhoto")


def test_an_attribute_counts_under_any_letter_case_and_option() -> None:
    attributes = NamedAttributes(NAMES)

    assert attributes.of({"UID": 1, "mail;lang-de": 1, "jpegPhoto": 1}) == "3"
    assert attributes.of({}) == "0"
    assert attributes.counts([("3", 5), ("0", 2), ("", 1), ("8", 1)]) == {"uid": 5, "mail": 5, "departmentnumber": 1}


@given(st.lists(st.lists(st.sampled_from(SPELLED), unique=True)))
def test_what_is_counted_is_what_the_entries_have(entries: list[list[str]]) -> None:
    attributes = NamedAttributes(NAMES)
    noted = Counter(attributes.of(dict.fromkeys(entry)) for entry in entries)
    plain = Counter(
        name.lower()
        for entry in entries
        for name in NAMES
        if name.lower() in {spelled.lower().partition(";")[0] for spelled in entry}
    )

    assert attributes.counts(noted.items()) == dict(plain)


def test_of_scripts_that_name_very_many_the_first_ones_count_and_all_fit_into_the_column() -> None:
    many = " ".join(f"name{number}" for number in range(2 * MOST))

    names = named(AttributeMapping(), Scripts(active=many))

    assert {"uid", "mail", "name0"} <= set(names)
    assert len(NamedAttributes(names).of(dict.fromkeys(names))) <= 80


def test_what_a_script_looks_at_comes_before_the_words_of_a_long_table() -> None:
    table = " ".join(f"name{number}" for number in range(2 * MOST))
    active = f"function (entry) {{ var x = '{table}'; return entry.pwdReset && entry?.a1 && entry['ms-DS-b2;x-opt'] }}"

    names = named(AttributeMapping(), Scripts(active=active, role_name="e => e . createTimestamp"))

    assert {"pwdReset", "a1", "ms-DS-b2", "createTimestamp"} < set(names)
