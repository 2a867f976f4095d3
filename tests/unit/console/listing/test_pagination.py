"""Pages of lists: the right rows in the right order wherever the page is, in the same number of statements."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.listing import pagination
from console.listing.listing import PAGE_SIZES
from console.listing.pagination import in_full_order
from directory.models import Alert, Match, RunChange
from directory.values.plan import Action
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, AuditEntry, Device, Org, SetBy, User
from tests.makers import (
    NOW,
    make_alert,
    make_at_once,
    make_change,
    make_device,
    make_matter,
    make_org,
    make_run,
    make_server,
    make_sysadmin,
    make_user,
    make_users,
    signed_in,
)

pytestmark = pytest.mark.django_db

SIZE = PAGE_SIZES[0]
NAMES = [("Ada", "Abel"), ("Bo", "Bauer"), ("Chloé", "Castillo"), ("", "")]


@pytest.fixture
def client() -> Client:
    client = signed_in(make_sysadmin())
    # The first look notes when the session began.
    client.get(reverse("dashboard"))
    return client


def make_two_orgs_of_users(count: int) -> None:
    orgs = [make_org("North"), make_org("South")]
    profiles = [Profile(f"u{n:03}", f"{n % 7}@x.com", *NAMES[n % len(NAMES)]) for n in range(count)]
    make_at_once(NewUser(profile, orgs[number % 2].pk) for number, profile in enumerate(profiles))


def shown(client: Client, place: str = "users:list", pk: int | None = None, **query: Any) -> list[int]:
    """Return the ids of the rows on a page."""
    context = client.get(reverse(place, args=[pk] if pk else []), query).context
    listing = context["listing"] if "listing" in context else context["page"].listing
    return [row.record.pk for row in listing.table.paginated_rows]


def statements_of(client: Client, **query: Any) -> list[str]:
    """Return the statements of a page of users."""
    with CaptureQueriesContext(connection) as found:
        client.get(reverse("users:list"), query)
    return [query["sql"] for query in found]


class TestThePagesOfAList:
    def test_put_together_are_the_whole_list(self, client: Client) -> None:
        make_two_orgs_of_users(2 * SIZE + 9)

        for sort in ("", "username", "-username", "name", "-name", "email", "-org", "states"):
            pages = [shown(client, sort=sort, page=number, per_page=SIZE) for number in (1, 2, 3)]

            assert [len(page) for page in pages] == [SIZE, SIZE, 10], sort
            assert [pk for page in pages for pk in page] == shown(client, sort=sort, per_page=PAGE_SIZES[-1]), sort

    def test_are_in_the_order_of_the_column(self, client: Client) -> None:
        make_two_orgs_of_users(SIZE + 5)

        names = [User.objects.get(pk=pk).username for pk in shown(client, sort="-username", page=2)]

        assert names == sorted(User.objects.values_list("username", flat=True), reverse=True)[SIZE:]

    def test_end_with_the_last_one_however_far_is_asked_for(self, client: Client) -> None:
        make_two_orgs_of_users(SIZE + 5)

        assert shown(client, page=999_999) == shown(client, page=2)

    @pytest.mark.parametrize("query", [{}, {"q": "u"}, {"state": "blocked"}])
    def test_are_in_order_also_where_the_column_has_few_values(self, client: Client, query: dict[str, Any]) -> None:
        make_two_orgs_of_users(3 * SIZE)
        User.objects.filter(username_key__endswith="3").update(blocked=True, blocked_by=SetBy.PERSON)
        User.objects.filter(username_key__regex="[89]$").update(active=False, deactivated_by=SetBy.SYNC)
        expected = User.objects.filter(username_key__startswith="u" if "q" in query else "")
        if "state" in query:
            expected = expected.filter(blocked=True)
        numbers = range(1, -(-len(expected) // SIZE) + 1)

        for sort, columns in (("org", ["org__name_key"]), ("states", ["active", "blocked", "pending"])):
            for sign in ("", "-"):
                order = [f"{sign}{column}" for column in (*columns, "pk")]
                pages = [shown(client, sort=f"{sign}{sort}", page=number, **query) for number in numbers]

                assert [pk for page in pages for pk in page] == [user.pk for user in expected.order_by(*order)], order

    def test_are_counted_with_the_values_of_a_column_that_has_few(self, client: Client) -> None:
        make_two_orgs_of_users(SIZE + 5)

        assert len(statements_of(client, sort="org", page=2)) == len(statements_of(client, page=2))
        assert sum("COUNT(" in statement for statement in statements_of(client, sort="org", page=2)) == 1

    def test_are_looked_for_from_the_nearer_end(self, client: Client) -> None:
        make_two_orgs_of_users(3 * SIZE)

        assert not any("OFFSET" in statement for statement in statements_of(client, page=999_999, sort="email"))
        assert any("OFFSET" in statement for statement in statements_of(client, page=2, sort="email"))

    def test_keep_open_alerts_before_dismissed_ones_from_either_end(self, client: Client) -> None:
        for number in range(SIZE + 5):
            make_alert(f"alert {number}")
        Alert.objects.filter(pk__in=[alert.pk for alert in Alert.objects.all()[::3]]).update(dismissed_at=NOW)

        found = [*shown(client, "alerts:list", page=1), *shown(client, "alerts:list", page=2)]

        assert found == list(Alert.objects.open_first().values_list("pk", flat=True))

    def test_take_the_same_statements_at_both_ends_of_a_long_list(self, client: Client) -> None:
        make_two_orgs_of_users(SIZE + 5)
        few = {page: len(statements_of(client, page=page, q="u0")) for page in (1, 2, 999_999)}
        make_users(f"u0{number:04}x" for number in range(4 * SIZE))

        assert {page: len(statements_of(client, page=page, q="u0")) for page in (1, 2, 999_999)} == few


class TestWhatASearchLeaves:
    def test_is_the_same_whether_few_or_many(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        make_two_orgs_of_users(2 * SIZE + 9)

        for sort, page in itertools.product(("", "-email"), (1, 2, 3, 999_999)):
            query: dict[str, Any] = {"q": "u0", "page": page, "sort": sort}
            few, statements = shown(client, **query), len(statements_of(client, **query))
            with monkeypatch.context() as patched:
                patched.setattr(pagination, "FEW", 3)

                assert (shown(client, **query), len(statements_of(client, **query))) == (few, statements), query
            assert few

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("ABEL", 3),
            ("abel ada", 3),
            ("abel bo", 0),
            ("%", 0),
            ("a_el", 0),
            ("castillo chloé", 2),
            ("x.com u00", 9),
            ("007", 1),
            ("0%", 0),
        ],
    )
    def test_has_every_word_in_any_letter_case(self, client: Client, text: str, count: int) -> None:
        make_two_orgs_of_users(9)

        assert len(shown(client, q=text)) == count

    @pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite has no arrays: ids don't come with their count"
    )
    @pytest.mark.parametrize("query", [{}, {"page": "2"}, {"sort": "-email"}])
    def test_is_searched_for_once(self, client: Client, query: dict[str, str]) -> None:
        make_two_orgs_of_users(2 * SIZE)

        statements = statements_of(client, q="u0", **query)

        assert sum("LIKE" in statement for statement in statements) == 1

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite compares only English letters in any case")
    def test_has_letters_of_all_languages_in_any_case(self, client: Client) -> None:
        make_two_orgs_of_users(9)

        assert len(shown(client, q="CHLOÉ")) == 2


class TestThePagesOfDevices:
    @pytest.mark.parametrize("query", [{}, {"q": "laptop"}, {"org": "top"}, {"archive": "live"}])
    def test_put_together_are_the_whole_list(self, client: Client, query: dict[str, Any]) -> None:
        wendy, stan = make_user("wendy", org=make_org("North")), make_user("stan", org=make_org("South"))
        for number in range(SIZE + 5):
            device = make_device((wendy, stan)[number % 2], f"laptop-{number % 4}", size_bytes=number % 5)
            connected = NOW if number % 3 else None
            Device.objects.filter(pk=device.pk).update(os=f"Debian {number % 3}", last_connected=connected)
        if "org" in query:
            query = {"org": str(Org.objects.get(depth=1).pk)}

        for sort in ("", "-name", "user", "-org", "os", "states", "stored", "-stored", "last_connected"):
            pages = [shown(client, "devices:list", sort=sort, page=number, **query) for number in (1, 2)]
            found = [pk for page in pages for pk in page]

            assert [len(page) for page in pages] == [SIZE, 5], sort
            assert found == shown(client, "devices:list", sort=sort, per_page=200, **query), sort
            assert len(set(found)) == SIZE + 5, sort

    def test_are_in_the_order_of_what_is_stored(self, client: Client) -> None:
        wendy = make_user("wendy")
        made = {
            name: make_device(wendy, name, size_bytes=size) for name, size in (("small", 1), ("large", 2), ("empty", 3))
        }
        Archive.objects.filter(device=made["empty"]).delete()

        found = shown(client, "devices:list", sort="stored")

        assert found == [made[name].pk for name in ("empty", "small", "large")]
        assert shown(client, "devices:list", sort="-stored", q="l") == [made["large"].pk, made["small"].pk]


class TestWhereAUserComesFrom:
    def test_leaves_those_who_are_matched_or_not(self, client: Client) -> None:
        wendy, stan, lou = make_user("wendy"), make_user("stan"), make_user("lou")
        User.objects.filter(pk=lou.pk).update(managed_locally=True)
        Match.objects.create(user=wendy, server=make_server(), dn="uid=wendy", matched_at=NOW)
        ada = User.objects.get(username="ada")

        assert shown(client, source="ldap") == [wendy.pk]
        assert shown(client, source="none") == [ada.pk, lou.pk, stan.pk]
        assert shown(client, source="local") == [ada.pk, lou.pk]

    def test_goes_together_with_a_legal_hold(self, client: Client) -> None:
        wendy, stan = make_user("wendy"), make_user("stan")
        make_matter("Doe", wendy)

        assert shown(client, hold="yes") == [wendy.pk]
        assert stan.pk in shown(client, hold="no")
        assert wendy.pk not in shown(client, hold="no", source="none")


class TestAFullOrder:
    @pytest.mark.parametrize(
        ("order", "full"),
        [
            (["email"], ["email", "pk"]),
            (["-email"], ["-email", "-pk"]),
            (["-last_name", "first_name"], ["-last_name", "first_name", "pk"]),
            ([], ["username_key"]),
            (["org__name_key", "-username_key", "email"], ["org__name_key", "-username_key"]),
            (["org__id"], ["org__id", "pk"]),
        ],
    )
    def test_ends_with_the_id_in_the_direction_of_the_last_column_unless_one_before_is_in_no_two_rows_the_same(
        self, order: list[str], full: list[str]
    ) -> None:
        assert list(in_full_order(User.objects.order_by(*order)).query.order_by) == full

    def test_knows_the_direction_of_an_expression(self) -> None:
        assert in_full_order(User.objects.order_by(F("email").desc())).query.order_by[-1] == "-pk"

    @pytest.mark.parametrize(
        ("model", "name", "columns"),
        [
            (User, "users_by_email", ["email", "id"]),
            (User, "users_by_name", ["last_name", "first_name", "id"]),
            (AuditEntry, "audit_by_action", ["action", "id"]),
            (AuditEntry, "audit_by_actor", ["actor_label", "id"]),
            (AuditEntry, "audit_by_object_label", ["object_label", "id"]),
            (RunChange, "changes_in_order", ["run_id", "id"]),
            (RunChange, "changes_by_outcome", ["run_id", "outcome", "id"]),
        ],
    )
    def test_of_a_long_table_has_an_index(self, model: Any, name: str, columns: list[str]) -> None:
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)

        assert found[name]["columns"] == columns


class TestTheChangesOfARun:
    def test_begin_and_end_somewhere_among_those_of_all_runs(self) -> None:
        server, wendy, stan = make_server(), make_user("wendy"), make_user("stan")
        first, second, empty = make_run(server), make_run(server), make_run(server)
        changes = [make_change(run, user, Action.MOVE) for user in (wendy, stan) for run in (first, second)]

        assert first.stored_changes.ends() == (changes[0].pk, changes[2].pk)
        assert second.stored_changes.ends() == (changes[1].pk, changes[3].pk)
        assert empty.stored_changes.ends() is None

    @pytest.mark.parametrize("query", [{"q": "uid=u"}, {"action": "move"}, {"q": "nobody"}, {"warnings": "yes"}])
    def test_are_found_on_every_page_of_what_a_filter_leaves(self, client: Client, query: dict[str, str]) -> None:
        run = make_run(make_server())
        found = [make_change(run, user, Action.MOVE) for user in make_users(f"u{n}" for n in range(2 * SIZE + 1))]
        expected = [change.pk for change in found] if query in ({"q": "uid=u"}, {"action": "move"}) else []

        pages = [shown(client, "runs:detail", run.pk, page=number, **query) for number in (1, 2, 3)]

        if expected:
            assert [pk for page in pages for pk in page] == expected
            assert shown(client, "runs:detail", run.pk, page=999_999, **query) == expected[-1:]
            assert shown(client, "runs:detail", run.pk, page=999_999_999, **query) == expected[-1:]
        else:
            assert pages == [[], [], []]

    @pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite has no arrays: ids don't come with their count"
    )
    def test_are_read_once_to_be_found_and_counted(self, client: Client) -> None:
        run = make_run(make_server())
        for user in make_users(f"u{number}" for number in range(2 * SIZE + 1)):
            make_change(run, user, Action.MOVE)

        with CaptureQueriesContext(connection) as found:
            answer = client.get(reverse("runs:detail", args=[run.pk]), {"q": "uid=u", "page": "2"})

        assert answer.context["page"].listing.table.paginator.count == 2 * SIZE + 1
        assert sum("LIKE" in query["sql"] and "COUNT" in query["sql"] for query in found) == 1
        assert not any("OFFSET" in query["sql"] for query in found)

    def test_are_found_on_one_page_after_the_other(self, client: Client) -> None:
        run = make_run(make_server())
        found = [make_change(run, user, Action.MOVE).pk for user in make_users(f"u{n}" for n in range(SIZE + 1))]
        answer = client.get(reverse("runs:detail", args=[run.pk]), {"q": "uid=u"})
        paginator = answer.context["page"].listing.table.paginator

        pages = [[row.record.pk for row in paginator.page(number).object_list] for number in (2, 1)]

        assert pages == [found[SIZE:], found[:SIZE]]

    def test_are_sorted_by_username_in_any_letter_case(self, client: Client) -> None:
        run = make_run(make_server())
        changes = {name: make_change(run, make_user(name)).pk for name in ("bo", "Abe", "Chloé", "dmitri")}

        found = shown(client, "runs:detail", run.pk, sort="username")

        assert found == [changes[name] for name in ("Abe", "bo", "Chloé", "dmitri")]
        assert shown(client, "runs:detail", run.pk, sort="-username") == found[::-1]

    @pytest.mark.parametrize("query", [{}, {"q": "uid=u"}])
    def test_are_sorted_by_username_on_every_page(self, client: Client, query: dict[str, str]) -> None:
        run = make_run(make_server())
        names = [f"{'uU'[number % 2]}{number:02}" for number in range(2 * SIZE + 1)]
        changes = {user.username: make_change(run, user).pk for user in make_users(reversed(names))}
        expected = [changes[name] for name in names]

        pages = [
            [shown(client, "runs:detail", run.pk, sort=sort, page=number, **query) for number in (1, 2, 999_999)]
            for sort in ("username", "-username")
        ]

        assert pages[0] == [expected[:SIZE], expected[SIZE : 2 * SIZE], expected[2 * SIZE :]]
        assert pages[1] == [expected[:SIZE:-1], expected[SIZE:0:-1], expected[:1]]

    def test_are_listed_without_those_of_a_run_at_the_same_time(self, client: Client) -> None:
        server, wendy, stan = make_server(), make_user("wendy"), make_user("stan")
        first, second = make_run(server), make_run(server)
        mine, _, also_mine = (make_change(run, user) for run, user in ((first, wendy), (second, wendy), (first, stan)))

        assert shown(client, "runs:detail", first.pk) == [mine.pk, also_mine.pk]
        assert shown(client, "runs:detail", first.pk, q="uid=stan") == [also_mine.pk]


class TestWhatAListReads:
    @pytest.mark.parametrize("place", ["runs:list", "runs:detail", "users:detail", "users:history"])
    def test_is_what_it_shows_in_statements_that_more_rows_do_not_add_to(self, client: Client, place: str) -> None:
        wendy, servers = make_user("wendy"), [make_server("North"), make_server("South")]
        run = make_run(*servers)
        make_change(run, wendy, Action.MOVE)
        pk = {"runs:list": None, "runs:detail": run.pk, "users:detail": wendy.pk, "users:history": wendy.pk}[place]
        address = reverse(place, args=[pk] if pk else [])
        with CaptureQueriesContext(connection) as few:
            client.get(address)

        for name in ("stan", "lou"):
            make_change(run, make_user(name), Action.MOVE)
            make_change(make_run(*servers), wendy, Action.MOVE)
        with CaptureQueriesContext(connection) as many:
            client.get(address)

        assert len(many) == len(few)
        assert not any(name in query["sql"] for query in many for name in ("put_back", "side_effects"))


class TestTheDaysOfTheAuditTrail:
    @pytest.fixture
    def entries(self) -> dict[int, AuditEntry]:
        """One for each hour of two days."""
        AuditEntry.objects.all().delete()
        start = datetime(2026, 3, 1, tzinfo=UTC)
        given = {
            "actor_label": "ada",
            "action": "moved",
            "object_type": "user",
            "object_id": 1,
            "object_label": "wendy",
        }
        return {hour: AuditEntry.objects.create(at=start + timedelta(hours=hour), **given) for hour in range(48)}

    @pytest.mark.parametrize(
        ("query", "zone", "hours"),
        [
            ({"until": "2026-03-01"}, "UTC", range(24)),
            ({"since": "2026-03-02"}, "UTC", range(24, 48)),
            ({"since": "2026-03-01", "until": "2026-03-01"}, "Europe/Berlin", range(23)),
            ({"since": "2026-03-02", "until": "2026-03-02"}, "America/New_York", range(29, 48)),
            ({"since": "2026-03-03"}, "UTC", range(0)),
        ],
    )
    def test_are_the_viewers(
        self, client: Client, entries: dict[int, AuditEntry], query: dict[str, Any], zone: str, hours: range
    ) -> None:
        client.cookies["time_zone"] = zone

        found = shown(client, "audit:list", per_page=50, sort="at", who="ada", q="wendy", **query)

        assert found == [entries[hour].pk for hour in hours]

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York"])
    def test_are_days_that_there_are_everywhere(self, client: Client, day: str, zone: str) -> None:
        client.cookies["time_zone"] = zone

        assert client.get(reverse("audit:list"), {"since": day, "until": day}).status_code == 200


class TestTheMembersOfRoles:
    def test_are_counted_for_each(self, client: Client) -> None:
        for number in range(3):
            make_user(f"u{number}", org=Org.objects.get(depth=1), roles=["PROe User", "Org Admin"][: 1 + number % 2])

        parameters = {"sort": "-members", "per_page": "100"}
        table = client.get(reverse("roles:list"), parameters).context["listing"].table

        counts = {row.record.name: row.record.member_count for row in table.paginated_rows}
        assert (counts["PROe User"], counts["Org Admin"], counts["SYSADMIN"], counts["Desktop User"]) == (3, 1, 1, 0)
        assert list(counts.values()) == sorted(counts.values(), reverse=True)
