"""Whether an entry with a user's username and another id is the same person's: the name says it, where there is one."""

from __future__ import annotations

import pytest

from directory.sync.identify.same_person import KnownPerson, Likeness, likeness
from directory.values.ldap import Identity


@pytest.mark.parametrize(
    ("of_user", "of_entry", "expected"),
    [
        (("John", "Smith"), ("john", "SMITH"), Likeness.SAME),
        (("", "Smith"), ("", "Smith"), Likeness.SAME),
        (("John", "Smith"), ("Mallory", "Jones"), Likeness.OTHER),
        (("John", "Smith"), ("John", "Jones"), Likeness.OTHER),
        (("John", "Smith"), ("Jane", "Smith"), Likeness.OTHER),
        (("John", "Smith"), ("", "Smith"), Likeness.UNSURE),
        (("", "Smith"), ("John", "Smith"), Likeness.UNSURE),
        (("John", ""), ("John", ""), Likeness.UNSURE),
        (("", ""), ("Mallory", "Jones"), Likeness.UNSURE),
        (("John", "Smith"), ("", ""), Likeness.UNSURE),
    ],
)
def test_names_tell_people_apart(of_user: tuple[str, str], of_entry: tuple[str, str], expected: Likeness) -> None:
    who = Identity("uid=john", "id-2", ("john",), ("john@example.com",), *of_entry)

    assert likeness(KnownPerson(*of_user, active=True), who) is expected


def test_a_deactivated_user_of_the_same_name_may_be_a_namesake() -> None:
    who = Identity("uid=john", "id-2", ("john",), (), "John", "Smith")

    assert likeness(KnownPerson("John", "Smith", active=False), who) is Likeness.UNSURE
