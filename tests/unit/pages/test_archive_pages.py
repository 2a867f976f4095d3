"""The pages of archives: list and filters, bytes by org, what is due, and keeping archives longer."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orgs.models import Archive, AuditEntry, Org, User
from tests.makers import PASSWORD, make_device, make_matter, make_org, make_sysadmin, make_user, signed_in

pytestmark = pytest.mark.django_db
GB = 2**30


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> Client:
    """The browser of the administrator of the org Left."""
    return signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))


def archive(user: User, *, gigabytes: int = 5, name: str = "laptop", **dates: Any) -> Archive:
    """Make an archive of a new device; with ``expires_at`` it is in cold storage, with ``purge_at`` it has expired."""
    made = Archive.objects.get(device=make_device(user, name, size_bytes=gigabytes * GB))
    if dates:
        state = "expired" if "purge_at" in dates else "cold storage"
        began = {"cold_since": timezone.now() - timedelta(days=300), "expires_at": timezone.now()}
        Archive.objects.filter(pk=made.pk).update(state=state, **began | dates)
    return Archive.objects.get(pk=made.pk)


def shown(client: Client, page: str, *arguments: int, **query: Any) -> str:
    response = client.get(reverse(f"archives:{page}", args=arguments), query)
    assert response.status_code == 200
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    return html.unescape(content.decode()).replace("\xa0", " ")


class TestTheList:
    def test_filters_by_state_expiry_size_hold_org_and_day(self, olga: Client, left: Org, now: datetime) -> None:
        lower = make_org("Left lower", parent=left)
        archive(make_user("live", org=left), gigabytes=200)
        archive(make_user("soon", org=left), expires_at=now + timedelta(days=5))
        archive(make_user("later", org=lower), expires_at=now + timedelta(days=80))
        archive(make_user("gone", org=left), purge_at=now + timedelta(days=12))
        on_hold = make_user("kept", org=left)
        archive(on_hold, expires_at=now + timedelta(days=200))
        make_matter("Inquiry", on_hold)

        def found(**query: Any) -> set[str]:
            text = shown(olga, "export", **query)
            return {name for name in ("live", "soon", "later", "gone", "kept") if f",{name}," in text}

        assert found() == {"live", "soon", "later", "gone", "kept"}
        assert found(state="live") == {"live"}
        assert found(state="cold storage") == {"soon", "later", "kept"}
        assert found(expiry="7") == {"soon"}
        assert found(expiry="90") == {"soon", "later"}
        assert found(size="100gb") == {"live"}
        assert found(hold="yes") == {"kept"}
        assert found(hold="no", state="cold storage") == {"soon", "later"}
        assert found(org=lower.pk) == {"later"}
        assert found(day=str(timezone.localdate(now + timedelta(days=5)))) == {"soon"}
        assert found(day=str(timezone.localdate(now + timedelta(days=12)))) == {"gone"}

    def test_says_that_archives_on_hold_wait(self, olga: Client, left: Org, now: datetime) -> None:
        wendy = make_user("wendy", org=left)
        archive(wendy, expires_at=now - timedelta(days=1))
        make_matter("Inquiry", wendy)

        text = shown(olga, "list")

        assert "On legal hold" in text
        assert "waits while on hold" in text

    def test_counts_the_viewers_part_only(self, olga: Client, left: Org) -> None:
        archive(make_user("wendy", org=left))
        archive(make_user("stan", org=make_org("Right")))

        assert "1 to 1 of 1" in shown(olga, "list")

    @pytest.mark.parametrize("sort", ["device", "-user", "org", "state", "-size", "cold_since", "due", "-due"])
    def test_sorts_by_each_column(self, olga: Client, left: Org, now: datetime, sort: str) -> None:
        archive(make_user("wendy", org=left), expires_at=now + timedelta(days=5))
        archive(make_user("will", org=left))

        text = shown(olga, "list", sort=sort)

        assert "wendy" in text
        assert "will" in text


class TestBytesByOrg:
    def test_add_up_and_are_sorted_by_size(self, olga: Client, left: Org, now: datetime) -> None:
        lower = make_org("Left lower", parent=left)
        archive(make_user("wendy", org=left), gigabytes=1)
        archive(make_user("will", org=lower), gigabytes=3)
        archive(make_user("walt", org=lower), gigabytes=2, expires_at=now)
        make_org("Empty", parent=left)
        archive(make_user("stan", org=make_org("Right")), gigabytes=900)

        rows = [line.split(",") for line in shown(olga, "by-org-export").splitlines()[1:]]

        assert rows == [
            ["Left", str(6 * GB), str(GB), str(GB), "0", "0", "1"],
            ["Left lower", str(5 * GB), str(5 * GB), str(3 * GB), str(2 * GB), "0", "2"],
        ]
        text = shown(olga, "by-org")
        assert "3 archives: 6.0 GB" in " ".join(text.split())
        assert "Right" not in text

    def test_say_so_where_nothing_is_stored(self, olga: Client) -> None:
        assert "No org has archives yet." in shown(olga, "by-org")


class TestWhatIsDue:
    def test_is_shown_by_day_with_users_and_bytes(self, olga: Client, left: Org, now: datetime) -> None:
        soon, wendy = now + timedelta(days=5), make_user("wendy", org=left)
        archive(wendy, gigabytes=1, expires_at=soon)
        archive(wendy, gigabytes=2, name="desktop", expires_at=soon)
        for number in range(4):
            archive(make_user(f"zed{number}", org=left), gigabytes=1, expires_at=soon)
        archive(make_user("old", org=left), gigabytes=7, purge_at=now + timedelta(days=12))
        archive(make_user("later", org=left), expires_at=now + timedelta(days=31))
        archive(make_user("stan", org=make_org("Right")), expires_at=soon)

        text = " ".join(shown(olga, "due").split())

        assert "6 archives (7.0 GB) expire" in text
        assert "1 expired archive (7.0 GB) is purged." in text
        assert "5 users:" in text
        assert "zed1" in text
        assert "and 2 more" in text
        assert f"state=cold%20storage&day={timezone.localdate(soon)}&hold=no" in text
        assert "later" not in text.partition("<tbody>")[2]
        assert "stan" not in text

    def test_leaves_out_what_is_on_hold_and_says_so(self, olga: Client, left: Org, now: datetime) -> None:
        wendy = make_user("wendy", org=left)
        archive(wendy, expires_at=now + timedelta(days=5))
        make_matter("Inquiry", wendy)

        text = " ".join(shown(olga, "due").split())

        assert "1 archive (5.0 GB) is not counted here: its user is on legal hold." in text
        assert "Nothing expires and nothing is purged in the next 30 days." in text

    def test_counts_what_is_overdue_as_due_today(self, olga: Client, left: Org, now: datetime) -> None:
        archive(make_user("wendy", org=left), expires_at=now - timedelta(days=2))

        assert f"{timezone.localdate()}</a>" in shown(olga, "due")

    def test_takes_the_same_queries_for_many(self, left: Org, now: datetime) -> None:
        client = signed_in(make_sysadmin())
        archive(make_user("wendy", org=left), expires_at=now + timedelta(days=5))
        shown(client, "due")
        with CaptureQueriesContext(connection) as few:
            shown(client, "due")
        for number in range(20):
            archive(make_user(f"user{number}", org=left), expires_at=now + timedelta(days=number))
        with CaptureQueriesContext(connection) as many:
            shown(client, "due")

        assert len(few) == len(many)


class TestKeepingLonger:
    @pytest.fixture
    def cold(self, left: Org, now: datetime) -> Archive:
        return archive(make_user("wendy", org=left), expires_at=now + timedelta(days=5))

    def day(self, days: int) -> str:
        return str(timezone.localdate() + timedelta(days=days))

    def test_asks_with_its_effects_and_then_does_it(self, olga: Client, cold: Archive) -> None:
        assert "Keep until" in shown(olga, "keep-one-longer", cold.pk)
        text = shown(olga, "keep-one-longer", cold.pk, until=self.day(100))
        assert f"5.0 GB stay in cold storage until {self.day(100)}." in text
        assert f"Now: until {self.day(5)}." in text
        assert not AuditEntry.objects.filter(action="archive kept longer").exists()

        address = reverse("archives:keep-one-longer", args=[cold.pk])
        response = olga.post(f"{address}?until={self.day(100)}", {"shown": 1}, follow=True)

        assert "Kept longer: 1." in response.content.decode()
        expires_at = Archive.objects.get(pk=cold.pk).expires_at
        assert expires_at is not None
        assert str(timezone.localdate(expires_at)) == self.day(100)

    def test_of_all_that_a_filter_leaves_changes_these_and_no_others(
        self, olga: Client, cold: Archive, left: Org, now: datetime
    ) -> None:
        later = archive(make_user("later", org=left), expires_at=now + timedelta(days=300))
        live = archive(make_user("live", org=left))
        foreign = archive(make_user("stan", org=make_org("Right")), expires_at=now + timedelta(days=5))

        text = " ".join(shown(olga, "keep-longer", state="cold storage", until=self.day(100)).split())
        assert "Keep 1 archive until" in text
        assert "Their date is the same or later, and stays." in text
        address = f"{reverse('archives:keep-longer')}?state=cold+storage&until={self.day(100)}"
        response = olga.post(address, {"shown": 1})

        assert response["Location"] == f"{reverse('archives:list')}?state=cold+storage"
        changed = AuditEntry.objects.filter(action="archive kept longer").values_list("object_id", flat=True)
        assert set(changed) == {cold.pk}
        for each in (later, live, foreign):
            assert Archive.objects.get(pk=each.pk).expires_at == each.expires_at

    @pytest.mark.parametrize(
        ("days", "says"), [(-1, "Choose today or a later day."), (4000, "belongs on a legal hold")]
    )
    def test_takes_no_day_that_is_past_or_too_far_away(self, olga: Client, cold: Archive, days: int, says: str) -> None:
        assert says in shown(olga, "keep-one-longer", cold.pk, until=self.day(days))

    @pytest.mark.parametrize("sent", [{}, {"shown": "1"}, {"shown": "all"}])
    def test_changes_nothing_where_these_are_not_those_that_were_shown(
        self, olga: Client, cold: Archive, left: Org, now: datetime, sent: dict[str, str]
    ) -> None:
        address = f"{reverse('archives:keep-longer')}?until={self.day(100)}"
        assert 'name="shown" value="1"' in olga.get(address).content.decode()
        archive(make_user("another", org=left), expires_at=now + timedelta(days=5))

        response = olga.post(address, sent, follow=True)

        text = " ".join(response.content.decode().split())
        assert "Nothing is kept longer yet, as these are other archives by now" in text
        assert "Keep 2 archives until" in text
        assert not AuditEntry.objects.filter(action="archive kept longer").exists()

    @pytest.mark.parametrize("query", ["state=thawed", "size=all", "day=soon", "org=FOREIGN"])
    def test_is_refused_where_a_filter_is_not_valid(self, olga: Client, cold: Archive, query: str) -> None:
        query = query.replace("FOREIGN", str(make_org("Right").pk))
        address = f"{reverse('archives:keep-longer')}?{query}&until={self.day(100)}"

        for response in (olga.get(address, follow=True), olga.post(address, {"shown": 1}, follow=True)):
            assert response.redirect_chain == [(f"{reverse('archives:list')}?{query}", 302)]
            assert "A filter is not valid, so nothing is kept longer" in response.content.decode()
        assert not AuditEntry.objects.filter(action="archive kept longer").exists()

    def test_of_what_is_lost_changes_nothing(self, olga: Client, left: Org, now: datetime) -> None:
        lost = archive(make_user("wendy", org=left), expires_at=now - timedelta(days=1))

        text = shown(olga, "keep-one-longer", lost.pk, until=self.day(100))
        assert "Have expired. No date brings them back." in text
        assert "calendar-plus" not in text.partition('class="ask')[2].partition("</form>")[0]

    def test_is_not_found_outside_the_viewers_part(self, olga: Client, now: datetime) -> None:
        foreign = archive(make_user("stan", org=make_org("Right")), expires_at=now + timedelta(days=5))
        address = reverse("archives:keep-one-longer", args=[foreign.pk])

        assert olga.get(address).status_code == 404
        assert olga.post(f"{address}?until={self.day(100)}").status_code == 404

    def test_is_not_for_those_who_may_only_look(self, cold: Archive) -> None:
        client = signed_in(make_user("mona", roles=["All Org Manager"], password=PASSWORD))

        assert client.get(reverse("archives:keep-longer")).status_code == 403
        assert "Keep these longer" not in shown(client, "list")
        assert "Keep longer" not in client.get(reverse("devices:detail", args=[cold.device_id])).content.decode()
