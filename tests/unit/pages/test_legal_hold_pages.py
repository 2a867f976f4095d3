"""The pages of legal holds: what they show of whose part, what they ask before an act, and what they do and say after it."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.presenters.legal_holds import custodian_lists
from orgs.actions import legal_holds
from orgs.actions.matters import matter_edits
from orgs.actions.matters.matter_edits import MatterText
from orgs.actions.users import deactivation
from orgs.models import Archive, Custodian, Matter, MatterEvent, Org, PreservationPolicy, User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, Actor
from tests.makers import (
    NOW,
    PASSWORD,
    make_device,
    make_matter,
    make_org,
    make_policy,
    make_role,
    make_sysadmin,
    make_user,
    make_users,
    signed_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> Client:
    """The browser of the administrator of the org Left."""
    return signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))


@pytest.fixture
def ada() -> Client:
    """The browser of a SYSADMIN."""
    return signed_in(make_sysadmin())


@pytest.fixture
def wendy(left: Org) -> User:
    wendy = make_user("wendy", org=left, email="Wendy@Left.example")
    make_device(wendy)
    return wendy


@pytest.fixture
def stan() -> User:
    """A user of another org."""
    return make_user("stan", org=make_org("Right"))


def address(page: str, *ids: int) -> str:
    return reverse(f"legal_holds:{page}", args=ids)


def shown(client: Client, page: str, *ids: int, **query: Any) -> str:
    response = client.get(address(page, *ids), query)
    assert response.status_code == 200, response.status_code
    return html.unescape(response.content.decode())


def sent(client: Client, page: str, *ids: int, **given: Any) -> str:
    return html.unescape(client.post(address(page, *ids), given, follow=True).content.decode())


def on_hold() -> set[str]:
    return set(User.objects.on_legal_hold().values_list("username", flat=True))


def rows_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


class TestAMatter:
    def test_is_opened_and_edited_on_its_pages(self, ada: Client, left: Org) -> None:
        policy = make_policy("Mail only")
        given = {"name": "Harbour", "reference": "HS-1", "policy": policy.pk, "org": left.pk, "notes": "Since May."}

        text = sent(ada, "add", **given)

        matter = Matter.objects.get()
        assert "Harbour is open" in text
        assert (matter.reference, matter.policy, matter.org, matter.notes) == ("HS-1", "Mail only", left, "Since May.")
        version = ada.get(address("edit", matter.pk)).context["form"]["version"].value()
        sent(ada, "edit", matter.pk, **given | {"name": "Harbour Street", "version": version})
        assert Matter.objects.get().name == "Harbour Street"

    def test_that_somebody_else_has_edited_meanwhile_is_compared_and_saved_again(self, ada: Client) -> None:
        matter = make_matter("Inquiry")
        version = ada.get(address("edit", matter.pk)).context["form"]["version"].value()
        sent(ada, "edit", matter.pk, name="First", version=version)

        response = ada.post(address("edit", matter.pk), {"name": "Second", "version": version})

        assert "somebody else has changed First" in html.unescape(response.content.decode()).lower().replace(
            "first", "First"
        )
        assert Matter.objects.get().name == "First"
        sent(ada, "edit", matter.pk, name="Second", version=response.context["form"]["version"].value())
        assert Matter.objects.get().name == "Second"

    def test_of_an_org_admin_belongs_to_an_org_of_their_part(self, olga: Client, left: Org, stan: User) -> None:
        for elsewhere in ("", stan.org_id):
            sent(olga, "add", name="Theirs", org=elsewhere)
        assert not Matter.objects.exists()

        sent(olga, "add", name="Ours", org=left.pk)

        assert Matter.objects.get().org == left


class TestScope:
    def test_a_matter_of_all_orgs_is_seen_where_it_holds_somebody_and_changed_by_nobody_there(
        self, olga: Client, wendy: User, stan: User
    ) -> None:
        matter = make_matter("Inquiry", wendy, stan)
        Matter.objects.update(notes="confidential")

        text = shown(olga, "detail", matter.pk)

        assert "wendy" in text
        assert "1 user on hold" in text
        assert "stan" not in text
        assert "confidential" not in text
        for page in ("edit", "close", "reopen", "find-custodians", "list-custodians", "put-on-hold", "release"):
            assert olga.get(address(page, matter.pk)).status_code == 403
            assert olga.post(address(page, matter.pk), {"user": wendy.pk, "confirmed": "yes"}).status_code in {403, 405}
        assert on_hold() == {"wendy", "stan"}

    def test_the_org_of_a_matter_outside_is_neither_named_nor_told_by_the_order(
        self, olga: Client, wendy: User, stan: User
    ) -> None:
        first, second = make_org("Aardvark"), make_org("Zebra")
        matters = [make_matter(f"Matter {each.name}", wendy, org=each) for each in (stan.org, first, second)]
        Matter.objects.update(name="Inquiry")

        def lists() -> list[str]:
            return [shown(olga, "list", sort=sort) for sort in ("org", "-org")]

        def order(text: str) -> list[str]:
            return re.findall(r"/legal-holds/(\d+)/", text)

        before = lists()
        assert set(order(before[0])) == {str(matter.pk) for matter in matters}
        Matter.objects.filter(pk=matters[1].pk).update(org=second)
        Matter.objects.filter(pk=matters[2].pk).update(org=first)

        assert [order(text) for text in lists()] == [order(text) for text in before]
        for text in (*before, *(shown(olga, "detail", matter.pk) for matter in matters)):
            assert not {"Right", "Aardvark", "Zebra"} & set(re.findall(r"\w+", text))
            assert "An org outside your part" in text

    def test_the_org_of_a_matter_outside_can_not_be_guessed_by_the_filter(
        self, left: Org, wendy: User, stan: User
    ) -> None:
        make_role("Looker", Permission.USER_READ, Permission.ALL_ORG_READ, Permission.CONSOLE_LOGIN)
        lea = signed_in(make_user("lea", org=left, roles=["Looker"], password=PASSWORD))
        matter = make_matter("Inquiry", wendy, org=stan.org)

        assert f"/legal-holds/{matter.pk}/" in shown(lea, "list")
        response = lea.get(address("list"), {"org": stan.org_id})
        assert response.context["listing"].filters.form.errors["org"]

    def test_what_a_matter_said_before_it_came_into_the_viewers_part_is_left_out(
        self, olga: Client, ada: Client, left: Org, wendy: User, stan: User
    ) -> None:
        matter = make_matter("Inquiry", wendy, org=stan.org)
        edits = [
            MatterText("Inquiry", notes="confidential", org=stan.org),
            MatterText("Inquiry", reference="HS-1", notes="secret", org=left),
            MatterText("Inquiry", reference="HS-1", notes="ours", org=left),
        ]
        for edit in edits:
            known = matter_edits.version(Matter.objects.get())
            matter_edits.edit(matter_id=matter.pk, text=edit, known=known, by=SYSTEM, at=NOW)

        def sentences(client: Client) -> list[str]:
            return [
                shown(client, "events", matter.pk),
                *(str(rows_of(client.get(address(*page)))) for page in (("report", matter.pk), ("report-all",))),
            ]

        for text in sentences(olga):
            assert not any(word in text for word in ("confidential", "Right", "Left;")), text
            assert "reference: – → HS-1" in text
            assert "notes: secret → ours" in text
        for text in sentences(ada):
            assert "org: Right → Left" in text
            assert "notes: – → confidential" in text

    def test_a_matter_elsewhere_is_not_there(self, olga: Client, stan: User) -> None:
        matter = make_matter("Inquiry", stan, org=stan.org)

        assert "Inquiry" not in shown(olga, "list")
        assert olga.get(address("detail", matter.pk)).status_code == 404
        assert olga.get(address("report", matter.pk)).status_code == 404
        assert rows_of(olga.get(address("report-all"))) == []

    def test_a_matter_with_custodians_elsewhere_is_not_closed_and_says_why_without_a_name(
        self, olga: Client, left: Org, wendy: User, stan: User
    ) -> None:
        matter = make_matter("Ours", wendy, stan, org=left)

        text = shown(olga, "close", matter.pk)

        assert "users outside your part" in text
        assert "stan" not in text
        assert "Close the matter" not in text
        assert "outside your part" in sent(olga, "close", matter.pk, confirmed="yes")
        assert on_hold() == {"wendy", "stan"}

    def test_nobody_outside_is_found_listed_added_or_released(
        self, olga: Client, left: Org, wendy: User, stan: User
    ) -> None:
        matter = make_matter("Ours", org=left)

        assert "stan" not in shown(olga, "find-custodians", matter.pk)
        assert "There is no such user in your part" in sent(olga, "list-custodians", matter.pk, names="stan")
        sent(olga, "put-on-hold", matter.pk, users=f"{stan.pk} {wendy.pk}", confirmed="yes")
        assert on_hold() == {"wendy"}
        legal_holds.add_custodians(matter=matter, user_ids=[stan.pk], by=SYSTEM, at=NOW)
        assert "stan" not in sent(olga, "release", matter.pk, all="yes")
        sent(olga, "release", matter.pk, users=f"{stan.pk} {wendy.pk}", confirmed="yes")
        assert on_hold() == {"stan"}

    def test_policies_of_all_orgs_can_be_read_and_chosen_but_not_changed(self, olga: Client, left: Org) -> None:
        shared, ours = make_policy("Shared"), make_policy("Ours", left)
        foreign = make_policy("Foreign", make_org("Right"))

        text = shown(olga, "policies")

        assert ("Shared" in text, "Ours" in text, "Foreign" in text) == (True, True, False)
        assert "Shared" in shown(olga, "add")
        assert olga.get(address("policy-edit", shared.pk)).status_code == 403
        assert olga.get(address("policy-edit", foreign.pk)).status_code == 404
        assert olga.get(address("policy-edit", ours.pk)).status_code == 200


class TestPuttingOnHold:
    def test_asks_by_name_and_says_by_name(self, ada: Client, wendy: User, stan: User) -> None:
        matter = make_matter("Inquiry", stan)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        text = shown(ada, "put-on-hold", matter.pk, user=[wendy.pk, stan.pk])

        assert "Put 1 user on hold" in text
        assert "Stay deactivated" in text
        assert "Custodians of this matter already" in text
        assert on_hold() == {"stan"}
        text = sent(ada, "put-on-hold", matter.pk, users=f"{wendy.pk}", confirmed="yes")
        assert "1 user is on hold: wendy." in text
        assert on_hold() == {"stan", "wendy"}

    def test_says_when_nothing_is_left_to_keep(self, ada: Client, wendy: User) -> None:
        matter = make_matter("Inquiry")
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        Archive.objects.all().delete()

        assert "a hold keeps nothing" in shown(ada, "put-on-hold", matter.pk, user=wendy.pk)

    def test_takes_all_whom_a_filter_leaves(self, ada: Client, left: Org, wendy: User, stan: User) -> None:
        matter = make_matter("Inquiry")

        text = sent(ada, "put-on-hold", matter.pk, all="yes", filter=f"org={left.pk}")

        assert "wendy" in text
        assert "stan" not in text
        assert on_hold() == set()
        assert "Put all" in shown(ada, "find-custodians", matter.pk, org=left.pk)

    def test_names_many_in_a_fold_and_leads_to_all_names_afterwards(self, ada: Client) -> None:
        people = make_users(f"user{number:02d}" for number in range(30))
        matter = make_matter("Inquiry")
        ids = " ".join(str(user.pk) for user in people)

        text = sent(ada, "put-on-hold", matter.pk, users=ids)
        assert "and 20 more" in text
        assert "user29" in text
        text = sent(ada, "put-on-hold", matter.pk, users=ids, confirmed="yes")

        assert "30 users are on hold: user00" in text
        assert "These are the events of one act" in text
        assert len(on_hold()) == 30

    def test_refuses_more_than_a_request_can_do(self, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        people = make_users(["a1", "a2", "a3"])
        matter = make_matter("Inquiry")
        monkeypatch.setattr("console.views.legal_holds.custodian_additions.MOST_AT_ONCE", 2)

        ids = " ".join(str(user.pk) for user in people)

        assert "narrow the filter" in sent(ada, "put-on-hold", matter.pk, users=ids, confirmed="yes")
        text = sent(ada, "put-on-hold", matter.pk, all="yes", filter="state=active")
        assert f'href="{reverse("users:list")}?state=active"' in text
        assert on_hold() == set()

    def test_by_a_closed_matter_is_refused(self, ada: Client, wendy: User) -> None:
        matter = make_matter("Inquiry")
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)

        assert "open it again first" in sent(ada, "put-on-hold", matter.pk, users=f"{wendy.pk}", confirmed="yes")
        assert on_hold() == set()

    @pytest.mark.parametrize("users", ["", "x", "-1", "9" * 30, "²"])
    def test_of_nobody_is_refused(self, ada: Client, users: str) -> None:
        matter = make_matter("Inquiry")

        assert "Nobody is chosen" in sent(ada, "put-on-hold", matter.pk, users=users, confirmed="yes")


class TestAList:
    def test_shows_the_fate_of_every_row_before_anything_is_done(self, ada: Client, wendy: User, stan: User) -> None:
        make_user("bo", email="team@left.example")
        make_user("jo", email="team@left.example")
        matter = make_matter("Inquiry", stan)
        names = "WENDY\nwendy@left.EXAMPLE\nstan\nnobody\nteam@left.example\nbo\n"

        text = sent(ada, "list-custodians", matter.pk, names=names)

        assert "2 to put on hold, 1 there already, 3 wrong." in text
        assert "The same user as in line 1" in text
        assert "There is no such user in your part" in text
        assert "write the username instead (bo, jo)" in text
        assert "stan is a custodian already" in text
        assert on_hold() == {"stan"}

    @pytest.mark.parametrize(
        "content",
        [
            b"username,org\nwendy,Left\n",
            b"\xef\xbb\xbforg;email\r\nLeft;wendy@left.example\r\n",
            "wendy\n".encode("utf-16"),
            b"wendy",
        ],
    )
    def test_may_be_a_file_in_several_forms(self, ada: Client, wendy: User, content: bytes) -> None:
        matter = make_matter("Inquiry")

        text = sent(ada, "list-custodians", matter.pk, file=SimpleUploadedFile("people.csv", content))

        assert "1 to put on hold, 0 there already, 0 wrong." in text

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"PK\x03\x04x", "no CSV file"),
            (b"\xff\xfa\x00", "not UTF-8"),
            (b"", "file is empty"),
            (b"username\n", "nobody in the list"),
            (b"a\0b", "no text file"),
        ],
    )
    def test_that_cannot_be_read_says_why(self, ada: Client, content: bytes, words: str) -> None:
        matter = make_matter("Inquiry")

        assert words in sent(ada, "list-custodians", matter.pk, file=SimpleUploadedFile("people.csv", content))

    def test_takes_as_many_queries_for_many_rows_as_for_few(self, ada: Client) -> None:
        make_users(f"user{number}" for number in range(60))
        matter = make_matter("Inquiry")
        counts = []
        for size in (3, 60):
            rows = [(number, f"user{number}") for number in range(size)]
            with CaptureQueriesContext(connection) as queries:
                fates = custodian_lists.fates(rows, matter, User.objects.get(username="ada"))
            assert all(row.user_id for row in fates)
            counts.append(len(queries))

        assert counts[0] == counts[1]


class TestReleasing:
    def test_says_who_is_deactivated_at_once_before_and_after(self, ada: Client, wendy: User, stan: User) -> None:
        matter, _other = make_matter("Inquiry", wendy, stan), make_matter("Second", stan)
        deactivation.deactivate(user_ids=[wendy.pk, stan.pk], by=SYSTEM, at=NOW)

        text = sent(ada, "release", matter.pk, all="yes")

        assert "Deactivated at once" in text
        assert "Stay on hold" in text
        assert "Release 2 users" in text
        text = sent(ada, "release", matter.pk, users=f"{wendy.pk} {stan.pk}", confirmed="yes")
        assert "2 users are released: stan, wendy. 1 user is deactivated, as that was pending: wendy." in text
        assert not User.objects.get(pk=wendy.pk).active
        assert User.objects.get(pk=stan.pk).active

    def test_says_whose_archives_begin_to_expire(self, ada: Client, wendy: User) -> None:
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        matter = make_matter("Inquiry", wendy)

        assert "each expires on its date again" in shown(ada, "release", matter.pk, user=wendy.pk)
        Archive.objects.update(expires_at=NOW)
        assert "they expire within the hour" in shown(ada, "release", matter.pk, user=wendy.pk)

    def test_is_offered_on_the_users_page_and_leads_back_there(self, olga: Client, left: Org, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy, org=left)
        further = make_matter("Second", org=left)
        page = reverse("users:holds", args=[wendy.pk])

        text = html.unescape(olga.get(page).content.decode())

        assert f"{address('release', matter.pk)}?user={wendy.pk}&back=user" in text
        assert f"{address('put-on-hold', further.pk)}?user={wendy.pk}&back=user" in text
        response = olga.post(
            address("release", matter.pk), {"users": f"{wendy.pk}", "back": f"{wendy.pk}", "confirmed": "yes"}
        )
        assert response.headers["Location"] == page
        assert on_hold() == set()

    def test_of_oneself_is_refused(self, left: Org) -> None:
        olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)
        matter = make_matter("Inquiry", olga, org=left)
        client = signed_in(olga)

        assert "would release you yourself" in shown(client, "release", matter.pk, user=olga.pk)
        sent(client, "release", matter.pk, users=f"{olga.pk}", confirmed="yes")
        sent(client, "close", matter.pk, confirmed="yes")
        assert on_hold() == {"olga"}


class TestClosingAndReopening:
    def test_say_by_name_what_happens(self, ada: Client, wendy: User, stan: User) -> None:
        matter = make_matter("Inquiry", wendy, stan)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        text = shown(ada, "close", matter.pk)
        assert "Deactivated at once" in text
        assert "go to cold storage" in text
        text = sent(ada, "close", matter.pk, confirmed="yes")
        assert "Inquiry is closed. 2 users are released: stan, wendy. 1 user is deactivated" in text

        Archive.objects.all().delete()
        text = shown(ada, "reopen", matter.pk)
        assert "On hold again" in text
        assert "Stay released" in text
        text = sent(ada, "reopen", matter.pk, confirmed="yes")
        assert "1 user stays released, as no archive is left: wendy." in text
        assert "1 user is on hold: stan." in text
        assert on_hold() == {"stan"}

    def test_twice_changes_nothing_the_second_time(self, ada: Client, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        sent(ada, "close", matter.pk, confirmed="yes")

        assert "is closed already" in sent(ada, "close", matter.pk, confirmed="yes")
        sent(ada, "reopen", matter.pk, confirmed="yes")
        assert "is open already" in sent(ada, "reopen", matter.pk, confirmed="yes")
        assert MatterEvent.objects.filter(kind="reopened").count() == 1

    def test_of_a_matter_that_held_nobody_speaks_of_reopening(self, ada: Client) -> None:
        matter = make_matter("Inquiry")
        assert "nobody is released" in shown(ada, "close", matter.pk)
        sent(ada, "close", matter.pk, confirmed="yes")

        text = shown(ada, "reopen", matter.pk)

        assert "nobody is on hold again" in text
        assert "nobody is released" not in text

    def test_that_had_to_wait_still_says_by_name_what_it_did(self, ada: Client, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        Custodian.objects.update(added_at=timezone.now() + timedelta(hours=1))

        assert "1 user is released: wendy." in sent(ada, "release", matter.pk, users=str(wendy.pk), confirmed="yes")


class TestTheEventsOfOneAct:
    @pytest.mark.parametrize(
        "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "yesterday"]
    )
    def test_at_a_moment_that_can_not_be_are_none(self, ada: Client, wendy: User, moment: str) -> None:
        matter = make_matter("Inquiry", wendy)

        assert "Nothing matches" in shown(ada, "events", matter.pk, act=moment)
        assert rows_of(ada.get(address("report", matter.pk), {"act": moment})) == []
        assert ada.get(address("report-all"), {"act": moment}).status_code == 200


class TestTheReport:
    def test_has_every_event_with_who_when_and_run(self, ada: Client, wendy: User) -> None:
        matter = make_matter("Inquiry", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=Actor("sync", run_id=41), at=NOW)
        sent(ada, "close", matter.pk, confirmed="yes")

        rows = rows_of(ada.get(address("report", matter.pk)))

        assert [(row["event"], row["username"], row["who"], row["run"]) for row in rows] == [
            ("opened", "", "system", ""),
            ("custodian added", "wendy", "system", ""),
            ("blocked instead of deactivated", "wendy", "sync", "41"),
            ("closed", "", "ada", ""),
            ("custodian released", "wendy", "ada", ""),
            ("pending deactivation carried out", "wendy", "ada", ""),
        ]
        assert all(row["when"] for row in rows)

    def test_has_no_cell_that_a_spreadsheet_takes_for_a_formula(self, ada: Client) -> None:
        make_matter('=HYPERLINK("http://example.com")')

        (row,) = rows_of(ada.get(address("report-all")))

        assert row["matter"].startswith("'=")

    def test_has_the_viewers_part_only(self, olga: Client, left: Org, wendy: User, stan: User) -> None:
        make_matter("Ours", wendy, stan, org=left)

        rows = rows_of(olga.get(address("report-all")))

        assert {row["username"] for row in rows} == {"", "wendy"}


class TestAPolicy:
    def test_is_added_edited_and_deleted_unless_a_matter_uses_it(self, ada: Client) -> None:
        sent(ada, "policy-add", name="Mail only", kept="All mail.")
        policy = PreservationPolicy.objects.get()
        sent(ada, "policy-edit", policy.pk, name="Mail", kept="All.", before_name="Mail only", before_kept="All mail.")
        policy.refresh_from_db()
        assert (policy.name, policy.kept) == ("Mail", "All.")
        matter = legal_holds.open_matter(name="Inquiry", policy=policy, by=SYSTEM, at=NOW)

        assert "give them another policy first" in shown(ada, "policy-delete", policy.pk)
        assert "policy of a matter" in sent(ada, "policy-delete", policy.pk)
        Matter.objects.filter(pk=matter.pk).delete()
        assert "Mail is deleted" in sent(ada, "policy-delete", policy.pk)

    def test_that_somebody_else_has_edited_meanwhile_is_compared_and_saved_again(self, ada: Client) -> None:
        policy = make_policy("Mail")

        text = sent(ada, "policy-edit", policy.pk, name="Post", kept="", before_name="Old", before_kept="Older.")

        assert "Your values are in the form" in text
        assert PreservationPolicy.objects.get().name == "Mail"
