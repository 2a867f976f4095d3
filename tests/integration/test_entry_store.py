"""Where entries are kept: each comes back to its own row, in whatever order the directory sends them."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.ldap.search.raw_entry import RawEntry
from directory.models import LdapServer, StoredEntry
from directory.sync.entries.entry_store import EntryStore, dn_key
from directory.sync.entries.entry_values import ReadEntry
from directory.values.ldap import Identity
from tests.makers import make_server

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NAMES = [f"uid=person{number},dc=example" for number in range(12)]
PAGES = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True), max_size=6)


def keep(server: LdapServer, dn: str) -> None:
    StoredEntry.objects.create(server=server, dn=dn, dn_key=dn_key(dn), digest="kept", run_id=1)


def found(server: LdapServer, pages: list[list[str]]) -> list[int | None]:
    entry_store = EntryStore(run_id=2, server_id=server.pk, fingerprint="")
    entry_keys = [entry_key for page in pages for entry_key in entry_store.entry_keys([(dn, b"") for dn in page])]
    assert [entry_key.key for entry_key in entry_keys] == [dn_key(dn) for page in pages for dn in page]
    return [entry_key.stored.pk if entry_key.stored else None for entry_key in entry_keys]


@given(rows=st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES)), unique=True), pages=PAGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_entry_has_the_row_of_its_server_and_dn_whatever_came_before(
    db: None, rows: list[tuple[bool, str]], pages: list[list[str]]
) -> None:
    with transaction.atomic():
        ours, theirs = make_server("Ours"), make_server("Theirs")
        for own, dn in rows:
            keep(ours if own else theirs, dn)
        kept = dict(StoredEntry.objects.filter(server=ours).values_list("dn", "pk"))
        assert found(ours, pages) == [kept.get(dn) for page in pages for dn in page]
        transaction.set_rollback(True)


@given(
    rows=st.lists(st.sampled_from(NAMES), unique=True),
    pages=st.lists(st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=5), max_size=6),
    late=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_stored_in_the_end_is_what_has_come_however_often(
    db: None, rows: list[str], pages: list[list[tuple[str, bool]]], late: bool
) -> None:
    with transaction.atomic():
        server, changed_dns = make_server(), dict[str, bool]()
        for dn in rows:
            keep(server, dn)
        entry_store = EntryStore(run_id=2, server_id=server.pk, fingerprint="")
        StoredEntry.objects.update(digest=entry_store.entry_keys([(rows[0], b"kept")])[0].digest if rows else "")
        waiting: list[ReadEntry] = []
        again = 0
        for page in pages:
            # What an entry says when it comes for the first time, it says each time.
            sent = [
                RawEntry(dn, b"changed" if changed_dns.setdefault(dn, changed) else b"kept", {}) for dn, changed in page
            ]
            first, repeats = entry_store.arrivals.take(sent, entry_store.entry_keys([each[:2] for each in sent]))
            again += len(repeats)
            waiting += [
                ReadEntry(entry_key, Identity(each.dn, "", ()), None) for each, entry_key in first if not entry_key.same
            ]
            if not late:
                entry_store.keep(waiting)
                waiting = []
        entry_store.keep(waiting)
        entry_store.forget_unseen()

        assert sorted(StoredEntry.objects.values_list("dn", flat=True)) == sorted(changed_dns)
        assert again == sum(map(len, pages)) - len(changed_dns)
        transaction.set_rollback(True)


def test_entries_that_come_as_they_came_before_are_read_on_and_not_looked_up() -> None:
    server = make_server()
    for dn in NAMES:
        keep(server, dn)
    entry_store = EntryStore(run_id=2, server_id=server.pk, fingerprint="")
    entry_store.entry_keys([(dn, b"") for dn in NAMES[:4]])
    with CaptureQueriesContext(connection) as queries:
        for start in (4, 8):
            assert all(
                entry_key.stored for entry_key in entry_store.entry_keys([(dn, b"") for dn in NAMES[start : start + 4]])
            )
    assert len(queries) == 2
