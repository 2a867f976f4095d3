"""Finds entries without a readable username or id: each may belong to a user who was not found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Count

from directory.ldap.entry_identity import LONGEST_ID, Trait
from directory.models import StoredEntry
from directory.sync.identify import entry_claims, known_ids
from directory.sync.identify.known_ids import NOTHING
from directory.sync.identify.same_person import Likeness, likeness
from directory.sync.stored import plan_json
from directory.values.ldap import Identity
from orgs.models import User
from orgs.text import fold

PAGE = 1000
# The most DNs in a warning.
NAMED = 5
# Keys in the counts of a reading's row.
WITHOUT_USERNAME, LONG_IDS = "withoutUsername", "longIds"


def counts(server_id: int) -> dict[str, int]:
    """Return the counts for a reading's row: stored entries without a username, and those whose id is too long."""
    both = Trait.NO_USERNAME | Trait.LONG_ID
    stored = StoredEntry.objects.filter(server=server_id, traits__in=_with(both)).order_by()
    found = {Trait(traits): count for traits, count in stored.values_list("traits").annotate(Count("pk"))}
    return {
        WITHOUT_USERNAME: sum(count for traits, count in found.items() if Trait.NO_USERNAME in traits),
        LONG_IDS: sum(count for traits, count in found.items() if Trait.LONG_ID in traits),
    }


def not_text(server_id: int) -> list[str]:
    """Return a sentence about stored entries with a name or address that is no text; empty if there are none."""
    stored = StoredEntry.objects.filter(server=server_id, traits__in=_with(Trait.NOT_TEXT)).order_by("pk")
    if not (count := stored.count()):
        return []
    names = stored.values_list("dn", flat=True)[:NAMED]
    entries = "1 entry has" if count == 1 else f"{count} entries have"
    return [
        f"{entries} a username, a name or an email address that is not UTF-8, which counts as missing: {'; '.join(names)}"
        + (" and others" if count > NAMED else "")
        + ". Correct the values in the directory."
    ]


def warnings(server: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Yield the warnings about a reading with these counts."""
    if nameless := counts.get(WITHOUT_USERNAME, 0):
        entries = "1 entry has" if nameless == 1 else f"{nameless} entries have"
        yield (
            f"{server}: {entries} no username, and may be anybody whose immutable id is not known. See that the bind DN "
            "may read the username attribute; if they are no users' entries, let the search filter leave them out."
        )
    if long_ids := counts.get(LONG_IDS, 0):
        entries = "1 entry has" if long_ids == 1 else f"{long_ids} entries have"
        yield f"{server}: {entries} an immutable id of more than {LONGEST_ID} characters, which is not used."


class IdentityRow(NamedTuple):
    """A stored entry with its DN and its identity as JSON."""

    pk: int
    dn: str
    identity: dict[str, Any]


class Unidentified:
    """The stored entries of one server without a username, or without an id: whose they are is unknown."""

    def __init__(self, server_id: int) -> None:
        self._server_id = server_id
        self._found: dict[Trait, str] = {}

    def without_username(self) -> str:
        """Return the DN of an entry that has no username, and no user's id; empty if there is none."""
        return self._first(Trait.NO_USERNAME)

    def without_id(self) -> str:
        """Return the DN of an entry that has no id, and whose user is not certain; empty if there is none.

        A username may have passed to another person: if the user with it is known by an id, the names have to be equal,
        too.
        """
        return self._first(Trait.NO_ID)

    def _first(self, trait: Trait) -> str:
        if trait not in self._found:
            self._found[trait] = next((each.dn for page in self._pages(trait) for each in self._unknown(page)), "")
        return self._found[trait]

    def _pages(self, trait: Trait) -> Iterator[list[Identity]]:
        stored = StoredEntry.objects.filter(server=self._server_id, traits__in=_with(trait)).order_by("pk")
        last = 0
        columns = IdentityRow._fields
        while page := list(map(IdentityRow._make, stored.filter(pk__gt=last).values_list(*columns)[:PAGE])):
            last = page[-1].pk
            yield [plan_json.identity_from_json(dn, identity) for _, dn, identity in page]

    def _unknown(self, page: Sequence[Identity]) -> Iterator[Identity]:
        """Yield the entries that belong to no user of any org."""
        ids = {one for each in page for one in each.ids}
        owned = {one for one, _, _ in known_ids.owners(ids, server_id=self._server_id)}
        keys = {fold(name) for each in page for name in each.usernames}
        by_name = dict(User.objects.filter(username_key__among=keys).values_list("username_key", "pk"))
        users = set(by_name.values())
        noted, persons = known_ids.of(users), entry_claims.people(users)
        for each in page:
            named = {by_name[key] for key in map(fold, each.usernames) if key in by_name}
            sure = any(
                not noted.get(pk, NOTHING).ids
                # Count deactivated users as active here: their entries may well have stayed.
                or likeness(persons[pk]._replace(active=True), each) is Likeness.SAME
                for pk in named
            )
            if owned.isdisjoint(each.ids) and not sure:
                yield each


def _with(trait: Trait) -> list[int]:
    """Return all values of the column in which one of these traits is set."""
    return [value for value in range(sum(Trait) + 1) if value & int(trait)]
