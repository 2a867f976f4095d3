"""The pages of acts on many users: choose, see the effects, confirm, follow, undo; and who sees what of them."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.models import BulkAct, BulkKind, BulkState
from orgs.models import AuditEntry, Org, Role, User
from tests.bulk_acts import carried_out, confirmed, done, prepared
from tests.makers import PASSWORD, make_matter, make_org, make_sysadmin, make_user, make_users, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> User:
    """The administrator of the org Left."""
    return make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)


def text_of(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return html.unescape(content.decode())


def chosen(client: Client, act: str, users: list[User], **more: str) -> str:
    """Choose these users for an act; return the page that asks."""
    response = client.post(
        reverse("bulk_acts:choose"), {"act": act, "user": [user.pk for user in users], **more}, follow=True
    )
    return text_of(response)


class TestChoosing:
    def test_from_the_list_shows_the_effects_and_who_is_left_out(self) -> None:
        ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])

        page = chosen(signed_in(ada), "block", [ada, ben, cem])

        assert "Block 3 users?" in page
        assert "Your own account" in page
        assert "Block 2" in page
        assert not User.objects.filter(blocked=True).exists()

    def test_all_that_a_filter_leaves(self, left: Org) -> None:
        ada = make_sysadmin()
        make_user("ben", org=left)
        make_users(["cem"])

        page = chosen(signed_in(ada), "block", [], everyone="yes", filters=f"org={left.pk}")

        assert "Block 1 user?" in page

    def test_a_filter_that_is_not_valid_chooses_nobody(self) -> None:
        ada = make_sysadmin()

        page = chosen(signed_in(ada), "block", [], everyone="yes", filters="org=4711")

        assert "a filter of the list is not valid" in page
        assert not BulkAct.objects.exists()

    def test_nobody_is_refused(self) -> None:
        assert "tick users in the list first" in chosen(signed_in(make_sysadmin()), "block", [])

    def test_takes_no_foreign_users(self, olga: User, left: Org) -> None:
        ben, stan = make_user("ben", org=left), make_user("stan")

        page = chosen(signed_in(olga), "block", [ben, stan])

        assert "Block 1 user?" in page
        assert "stan" not in page

    def test_an_unknown_act_is_refused(self) -> None:
        assert "There is no such act" in chosen(signed_in(make_sysadmin()), "delete", make_users(["ben"]))

    def test_is_not_for_readers(self, left: Org) -> None:
        rea = make_user("rea", org=left, roles=["Org Manager"], password=PASSWORD)

        assert signed_in(rea).post(reverse("bulk_acts:choose"), {"act": "block"}).status_code == 403

    def test_saves_the_chosen_as_csv(self, left: Org, olga: User) -> None:
        ben, stan = make_user("ben", org=left), make_user("stan")

        response = signed_in(olga).post(reverse("users:export-chosen"), {"user": [ben.pk, stan.pk]})

        lines = text_of(response).splitlines()
        assert [line.partition(",")[0] for line in lines[1:]] == ["ben"]

    def test_offers_only_what_the_viewer_may_do(self, left: Org, olga: User) -> None:
        rea = make_user("rea", org=left, roles=["Org Manager"], password=PASSWORD)

        readers, admins = (text_of(signed_in(user).get(reverse("users:list"))) for user in (rea, olga))

        assert 'value="block"' not in readers
        assert 'value="block"' in admins


class TestAsking:
    def test_a_move_asks_for_the_org_first(self, left: Org) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])
        client = signed_in(ada)

        assert "Choose an org" in chosen(client, "move", people)

        act = BulkAct.objects.get()
        page = text_of(client.get(reverse("bulk_acts:ask", args=[act.pk]), {"org": left.pk}))
        assert "To Left" in page
        assert "Move 2" in page

    def test_an_org_outside_cannot_be_chosen(self, left: Org, olga: User) -> None:
        right, ben = make_org("Right"), make_user("ben", org=left)
        client = signed_in(olga)
        assert "Right" not in chosen(client, "move", [ben])

        client.post(reverse("bulk_acts:ask", args=[BulkAct.objects.get().pk]), {"org": right.pk})

        assert BulkAct.objects.get().state == BulkState.PREPARED

    def test_roles_want_the_password_again(self, settings: Any) -> None:
        settings.CONFIRMED_SECONDS = 0
        client = signed_in(make_sysadmin())
        people = make_users(["ben"])

        chosen(client, "add-role", people)

        response = client.get(reverse("bulk_acts:ask", args=[BulkAct.objects.get().pk]))
        assert response["Location"].startswith(reverse("session:confirm"))

    def test_more_than_a_hundred_want_the_number(self, left: Org) -> None:
        ada, people = make_sysadmin(), make_users([f"user{number:03}" for number in range(101)])
        make_users([f"more{number:03}" for number in range(500)])
        client = signed_in(ada)
        act = prepared(BulkKind.MOVE, people, by=ada, at=timezone.now())
        address = reverse("bulk_acts:ask", args=[act.pk])

        assert "Type 101" in text_of(client.get(address, {"org": left.pk}))
        client.post(address, {"org": left.pk, "typed": "100"})
        assert BulkAct.objects.get().state == BulkState.PREPARED
        assert "It has begun" in text_of(client.post(address, {"org": left.pk, "typed": "101"}, follow=True))

    def test_a_passed_limit_is_shown_and_wants_the_password(self, settings: Any) -> None:
        settings.CONFIRMED_SECONDS = 0
        ada, people = make_sysadmin(), make_users([f"user{number:03}" for number in range(101)])
        act = prepared(BulkKind.BLOCK, people, by=ada)

        client, address = signed_in(ada), reverse("bulk_acts:ask", args=[act.pk])

        page = text_of(client.get(address))
        response = client.post(address, {"typed": "101"})

        assert "This act passes a limit. Nothing is done yet" in page
        assert '<th scope="col">Effect</th>' in page
        assert "101 people are more than 5 %" in page
        assert "It needs your password or your second factor again" in page
        assert response["Location"].startswith(reverse("session:confirm"))
        act.refresh_from_db()
        assert act.state == BulkState.PREPARED

    @pytest.mark.parametrize("kind", ["move", "hold", "block", "unblock", "deactivate", "reactivate"])
    def test_every_kind_shows_its_effects(self, kind: str, left: Org) -> None:
        ada, (ben, cem, dan) = make_sysadmin(), make_users(["ben", "cem", "dan"])
        done(BulkKind.BLOCK, [cem], by=ada)
        done(BulkKind.DEACTIVATE, [dan], by=ada)
        act = prepared(BulkKind(kind), [ben, cem, dan], by=ada)
        given = {"org": left.pk, "matter": make_matter("Inquiry").pk}

        page = text_of(signed_in(ada).get(reverse("bulk_acts:ask", args=[act.pk]), given))

        assert "What happens" in page
        assert "This act would change nobody" not in page

    def test_is_done_only_by_who_prepared_it(self) -> None:
        ada, bob = make_sysadmin(), make_sysadmin("bob")
        act = prepared(BulkKind.BLOCK, make_users(["ben"]), by=ada)

        assert signed_in(bob).post(reverse("bulk_acts:ask", args=[act.pk])).status_code == 404
        assert signed_in(bob).get(reverse("bulk_acts:detail", args=[act.pk])).status_code == 404


class TestTheActsPage:
    def test_shows_progress_and_then_results(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])
        act = confirmed(prepared(BulkKind.BLOCK, [ada, *people], by=ada), by=ada)
        client, address = signed_in(ada), reverse("bulk_acts:detail", args=[act.pk])

        waiting = text_of(client.get(address))
        assert "0 of 3" in waiting
        assert "Cancel" in waiting

        carried_out(act)
        page = text_of(client.get(address))
        assert "the acting person's own account" in page
        polled = client.get(address, headers={"HX-Request": "true", "HX-Target": "bulk-progress"})
        assert polled.status_code == 286

    def test_results_are_filtered_and_saved_as_csv(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])
        act = done(BulkKind.BLOCK, [ada, *people], by=ada)

        page = text_of(signed_in(ada).get(reverse("bulk_acts:detail", args=[act.pk]), {"outcome": "left out"}))
        rows = text_of(signed_in(ada).get(reverse("bulk_acts:results", args=[act.pk]))).splitlines()

        assert "ben" not in page
        assert len(rows) == 4

    def test_counts_and_shows_only_the_viewers_part(self, left: Org, olga: User) -> None:
        ada, ben, stan = make_sysadmin(), make_user("ben", org=left), make_user("stan")
        act = done(BulkKind.BLOCK, [ben, stan], by=ada)
        client = signed_in(olga)

        page = text_of(client.get(reverse("bulk_acts:detail", args=[act.pk])))
        rows = text_of(client.get(reverse("bulk_acts:results", args=[act.pk])))

        assert "stan" not in page + rows
        assert "1 to 1 of 1" in page
        assert "Only users of your part are counted" in page

    def test_does_not_name_an_org_outside(self, left: Org, olga: User) -> None:
        ada, right, ben = make_sysadmin(), make_org("Right"), make_user("ben", org=left)
        make_user("right.admin", org=right)
        act = done(BulkKind.MOVE, [ben, User.objects.get(username="olga")], by=ada, org=right)
        User.objects.filter(pk=ben.pk).update(org=left)
        User.objects.filter(pk=olga.pk).update(org=left)

        page = text_of(signed_in(olga).get(reverse("bulk_acts:detail", args=[act.pk])))

        assert "one outside your part" in page
        assert "Right" not in page

    def test_an_act_on_others_is_not_there(self, olga: User) -> None:
        ada, stan = make_sysadmin(), make_user("stan")
        act = done(BulkKind.BLOCK, [stan], by=ada)
        client = signed_in(olga)

        for page in ("detail", "results"):
            assert client.get(reverse(f"bulk_acts:{page}", args=[act.pk])).status_code == 404
        for page in ("cancel", "undo"):
            assert client.post(reverse(f"bulk_acts:{page}", args=[act.pk])).status_code == 404
        assert f"· {act.pk}" not in text_of(client.get(reverse("bulk_acts:list")))

    def test_is_cancelled_by_who_began_it_and_not_by_an_org_admin(self, left: Org, olga: User) -> None:
        ada, ben = make_sysadmin(), make_user("ben", org=left)
        act = confirmed(prepared(BulkKind.BLOCK, [ben], by=ada), by=ada)
        address = reverse("bulk_acts:cancel", args=[act.pk])

        assert signed_in(olga).post(address).status_code == 403
        assert "It stops" in text_of(signed_in(ada).post(address, follow=True))
        assert BulkAct.objects.get().state == BulkState.CANCELLED

    def test_offers_an_undo_which_asks_first(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])
        act = done(BulkKind.BLOCK, people, by=ada)
        client = signed_in(ada)

        page = text_of(client.post(reverse("bulk_acts:undo", args=[act.pk]), follow=True))
        assert "Undo: Unblock 2 users?" in page

        undo = BulkAct.objects.get(undo_of=act)
        client.post(reverse("bulk_acts:ask", args=[undo.pk]))
        carried_out(undo)
        assert not User.objects.filter(blocked=True).exists()
        assert "Undone by bulk act" in text_of(client.get(reverse("bulk_acts:detail", args=[act.pk])))

    def test_what_has_no_undo_says_so(self) -> None:
        ada = make_sysadmin()
        act = done(BulkKind.HOLD, make_users(["ben"]), by=ada, matter=make_matter("Inquiry"))

        page = text_of(signed_in(ada).get(reverse("bulk_acts:detail", args=[act.pk])))

        assert "is not undone as a whole" in page

    def test_the_audit_trail_and_the_users_history_lead_to_it(self) -> None:
        ada, (ben,) = make_sysadmin(), make_users(["ben"])
        act = done(BulkKind.BLOCK, [ben], by=ada)
        client, address = signed_in(ada), reverse("bulk_acts:detail", args=[act.pk])

        assert f'href="{address}"' in text_of(client.get(reverse("audit:list")))
        assert f'href="{address}"' in text_of(client.get(reverse("users:history", args=[ben.pk])))
        assert AuditEntry.objects.filter(bulk_act_id=act.pk).exists()

    def test_a_role_is_added_after_the_password(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben"])
        role = Role.objects.get(name="Org Manager")
        act = prepared(BulkKind.ADD_ROLE, people, by=ada, at=timezone.now())
        client = signed_in(ada)

        page = text_of(client.post(reverse("bulk_acts:ask", args=[act.pk]), {"role": role.pk}, follow=True))
        assert "It has begun" in page
        carried_out(act)

        assert role.grants.get().user.username == "ben"
