"""The pages that ask before an act on a device: what they offer to whom, what they say, and what they do."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import SyncSettings
from orgs.actions import devices
from orgs.actions.backups import tokens
from orgs.actions.devices_by_hand import replacement, states
from orgs.actions.users import blocking, deactivation
from orgs.models import Archive, Device, Org, User
from orgs.rules.actors import SYSTEM, Actor
from tests.makers import NOW, PASSWORD, make_device, make_matter, make_org, make_sysadmin, make_user, signed_in
from tests.state import differences, snapshot

pytestmark = pytest.mark.django_db
ACTS = ("replace", "reactivate", "unblock", "authorize", "deauthorize", "block", "deactivate")


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> Client:
    """The browser of the administrator of the org Left."""
    return signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))


@pytest.fixture
def wendy(left: Org) -> User:
    return make_user("wendy", org=left)


@pytest.fixture
def laptop(wendy: User) -> Device:
    return make_device(wendy, size_bytes=5 * 2**30)


def address(device: Device, page: str) -> str:
    return reverse(f"devices:{page}", args=[device.pk])


def shown(client: Client, device: Device, page: str, **query: Any) -> str:
    response = client.get(address(device, page), query)
    assert response.status_code == 200
    return html.unescape(response.content.decode()).replace("\xa0", " ")


def sent(client: Client, device: Device, page: str, **given: Any) -> str:
    return html.unescape(client.post(address(device, page), given, follow=True).content.decode())


def signed_in_once(*, device_ids: list[int], by: Actor, at: datetime) -> None:
    """Let devices have a sign-in that counts, and deauthorize them."""
    for pk in device_ids:
        tokens.issue(device_id=pk, by=by, at=at)
    states.deauthorize(device_ids=device_ids, by=by, at=at)


def acts(client: Client, device: Device) -> set[str]:
    """Return the acts to which the device's page links."""
    page = client.get(address(device, "detail")).content.decode()
    return {name for name in ACTS if f'href="{address(device, name)}"' in page}


class TestTheDevicesPage:
    def test_offers_what_fits_the_devices_state(self, olga: Client, laptop: Device, wendy: User) -> None:
        assert acts(olga, laptop) == {"deauthorize", "block", "deactivate"}
        make_device(wendy, "other")
        assert acts(olga, laptop) == {"replace", "deauthorize", "block", "deactivate"}
        states.block(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        states.deauthorize(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        assert acts(olga, laptop) == {"replace", "unblock", "authorize", "deactivate"}
        devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        assert acts(olga, laptop) == {"replace", "unblock", "reactivate"}

    def test_offers_nothing_to_those_who_may_only_look(self, laptop: Device, left: Org) -> None:
        for role in ("All Org Manager", "Org Help Desk", "Org Manager"):
            client = signed_in(make_user(role.lower().replace(" ", "."), org=left, roles=[role], password=PASSWORD))

            assert acts(client, laptop) == set()
            assert all(client.post(address(laptop, act)).status_code == 403 for act in ACTS)

    def test_lets_the_help_desk_do_all_of_it(self, laptop: Device) -> None:
        client = signed_in(make_user("hanna", roles=["Help Desk"], password=PASSWORD))

        assert acts(client, laptop) == {"deauthorize", "block", "deactivate"}
        sent(client, laptop, "block")
        assert Device.objects.get(pk=laptop.pk).blocked

    def test_says_why_an_act_is_not_for_the_viewer(self, olga: Client, left: Org) -> None:
        make_sysadmin()
        of_boss = make_device(make_user("boss", org=left, roles=["SYSADMIN"]))
        states.block(device_ids=[of_boss.pk], by=SYSTEM, at=NOW)

        assert "unblock" not in acts(olga, of_boss)
        for page in ("detail", "unblock"):
            assert "Only somebody who holds it too may do this" in shown(olga, of_boss, page)
        sent(olga, of_boss, "unblock")
        assert Device.objects.get(pk=of_boss.pk).blocked

    def test_says_what_happened_and_what_a_legal_hold_means(self, olga: Client, laptop: Device, wendy: User) -> None:
        assert "Nothing has happened to this device yet." in shown(olga, laptop, "detail")
        states.block(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        make_matter("Inquiry", wendy)

        text = shown(olga, laptop, "detail")
        assert "blocked the device" in text
        assert "archives neither expire nor are purged" in text

    def test_names_the_device_whose_place_a_computer_took(self, olga: Client, laptop: Device, wendy: User) -> None:
        new = make_device(wendy, "new")
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=SYSTEM, at=NOW)

        assert f"It backs up as GUID {laptop.guid} as soon as its user has signed in on it." in shown(
            olga, new, "detail"
        )
        assert "New computers" in shown(olga, laptop, "detail")

    @pytest.mark.parametrize(
        ("act", "says"),
        [
            (lambda old: tokens.issue(device_id=old.pk, by=SYSTEM, at=NOW), "It backs up as GUID {} now."),
            (
                lambda old: states.authorize(device_ids=[old.pk], by=SYSTEM, at=NOW),
                "It backs up as GUID {} as soon as its user has signed in on it.",
            ),
            (
                lambda old: devices.deactivate(device_ids=[old.pk], by=SYSTEM, at=NOW),
                "{}, which is deactivated, so it backs up",
            ),
            (
                lambda old: states.block(device_ids=[old.pk], by=SYSTEM, at=NOW),
                "{}, which is blocked: it backs up nothing",
            ),
            (lambda old: blocking.block(user_ids=[old.user_id], by=SYSTEM, at=NOW), "because wendy is blocked"),
            (
                lambda old: deactivation.deactivate(user_ids=[old.user_id], by=SYSTEM, at=NOW),
                "because wendy is deactivated",
            ),
        ],
        ids=["signed in", "authorized", "deactivated", "blocked", "user blocked", "user deactivated"],
    )
    def test_says_whether_a_computer_backs_up_in_the_place_that_it_took(
        self, olga: Client, laptop: Device, wendy: User, act: Callable[[Device], Any], says: str
    ) -> None:
        new = make_device(wendy, "new")
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=SYSTEM, at=NOW)

        act(laptop)

        assert says.format(laptop.guid) in shown(olga, new, "detail")

    def test_shows_the_audit_trail_of_device_and_archive_to_those_who_may_see_it(self, laptop: Device) -> None:
        devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOW)

        assert "device deactivated" in shown(signed_in(make_sysadmin()), laptop, "audit")


class TestEveryAct:
    @pytest.mark.parametrize(
        ("act", "before", "says"),
        [
            ("deactivate", None, "5.0 GB go to cold storage. They expire on"),
            ("block", None, "No backup and no restore until it is unblocked."),
            ("deauthorize", None, "The backup app asks for the password of wendy, then goes on."),
            ("unblock", states.block, "Backup resumes by itself."),
            ("authorize", states.deauthorize, "wendy has to sign in once: the computer has no sign-in that counts."),
            ("authorize", signed_in_once, "whoever sits there needs no password"),
            ("reactivate", devices.deactivate, "5.0 GB leave cold storage."),
        ],
    )
    def test_asks_with_its_effects_and_then_does_it(
        self, olga: Client, laptop: Device, act: str, before: Any, says: str
    ) -> None:
        if before is not None:
            before(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        at_first = snapshot()

        assert says in shown(olga, laptop, act)
        assert differences(at_first, snapshot()) == []
        assert "laptop" in sent(olga, laptop, act)
        assert differences(at_first, snapshot()) != []
        # A second press finds another state, and does nothing.
        afterwards = snapshot()
        assert "This does not fit the state that the device is in by now." in sent(olga, laptop, act)
        assert differences(afterwards, snapshot()) == []

    @pytest.mark.parametrize("act", ACTS)
    def test_is_not_found_outside_the_viewers_part(self, olga: Client, act: str) -> None:
        foreign = make_device(make_user("stan", org=make_org("Right")))

        assert olga.get(address(foreign, act)).status_code == 404
        assert olga.post(address(foreign, act)).status_code == 404


class TestReactivating:
    @pytest.mark.parametrize(
        ("cut_off", "reason"),
        [
            (deactivation.deactivate, "wendy is deactivated: reactivate the user first."),
            (blocking.block, "wendy is blocked: unblock the user first."),
        ],
    )
    def test_is_refused_while_the_user_is_cut_off(
        self, olga: Client, laptop: Device, wendy: User, cut_off: Any, reason: str
    ) -> None:
        devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        cut_off(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        assert reason in shown(olga, laptop, "reactivate")
        assert reason in sent(olga, laptop, "reactivate")
        assert not Device.objects.get(pk=laptop.pk).active

    def test_is_the_way_where_the_setting_leaves_devices_off(self, olga: Client, laptop: Device, wendy: User) -> None:
        SyncSettings.load()
        SyncSettings.objects.update(reactivate_devices=False)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        deactivation.reactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW, with_devices=False)

        assert "a person brings each device back, as here" in shown(olga, laptop, "reactivate")
        sent(olga, laptop, "reactivate")
        assert Device.objects.get(pk=laptop.pk).active

    def test_says_what_it_means_for_the_device_whose_computer_leaves(
        self, olga: Client, laptop: Device, wendy: User
    ) -> None:
        new = make_device(wendy, "new")
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=SYSTEM, at=NOW)

        text = shown(olga, new, "reactivate")
        assert f"It backs up as GUID {laptop.guid} now, and ends that" in text
        assert f"GUID {laptop.guid} backs up again once its user signs in on a computer for it." in text
        sent(olga, new, "reactivate")
        assert "made its computer a device of its own again" in shown(olga, laptop, "detail")

    def test_says_it_for_each_device_on_the_way(self, olga: Client, laptop: Device, wendy: User) -> None:
        middle, new = make_device(wendy, "middle"), make_device(wendy, "new")
        replacement.replace(device_id=middle.pk, computer_id=new.pk, by=SYSTEM, at=NOW)
        replacement.replace(device_id=laptop.pk, computer_id=middle.pk, by=SYSTEM, at=NOW)

        assert f"It backs up as GUID {laptop.guid} as soon as" in shown(olga, new, "detail")
        assert f"GUID {laptop.guid} backs up again once" in shown(olga, new, "reactivate")


class TestDeactivating:
    def test_is_refused_while_the_user_is_on_hold(self, olga: Client, laptop: Device, wendy: User) -> None:
        make_matter("Inquiry", wendy)

        assert "block the device instead" in shown(olga, laptop, "deactivate")
        sent(olga, laptop, "deactivate")
        assert Archive.objects.get(device=laptop).state == "live"


class TestReplacing:
    def test_offers_the_users_other_devices_and_nobody_elses(self, olga: Client, laptop: Device, wendy: User) -> None:
        make_device(wendy, "new")
        blocked = make_device(wendy, "lost")
        states.block(device_ids=[blocked.pk], by=SYSTEM, at=NOW)
        make_device(make_user("will", org=wendy.org), "alien")

        text = shown(olga, laptop, "replace")

        assert "new ·" in text
        assert "lost ·" not in text
        assert "alien" not in text

    def test_shows_the_effects_on_both_and_then_does_it(self, olga: Client, laptop: Device, wendy: User) -> None:
        new = make_device(wendy, "new", size_bytes=2 * 2**30)

        text = shown(olga, laptop, "replace", computer=new.pk)
        assert f"new backs up as GUID {laptop.guid} from now on" in text
        assert "5.0 GB stay, and new goes on with them." in text
        assert "2.0 GB go to cold storage." in text
        assert "asks for the password of wendy once" in text
        assert "new has taken the place" in sent(olga, laptop, "replace", computer=new.pk)
        assert Device.objects.get(pk=laptop.pk).name == "new"

    def test_says_what_has_expired(self, olga: Client, laptop: Device, wendy: User) -> None:
        new = make_device(wendy, "new")
        devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        Archive.objects.filter(device=laptop).update(expires_at=NOW)

        assert "Have expired and do not come back: 5.0 GB." in shown(olga, laptop, "replace", computer=new.pk)

    def test_does_not_take_a_device_of_somebody_else(self, olga: Client, laptop: Device, wendy: User) -> None:
        make_device(wendy, "new")
        foreign = make_device(make_user("stan", org=make_org("Right")), "foreign")

        before = snapshot()
        response = olga.post(address(laptop, "replace"), {"computer": foreign.pk})

        assert response.status_code == 200
        assert differences(before, snapshot()) == []

    def test_offers_no_computer_whose_archive_a_legal_hold_keeps(
        self, olga: Client, laptop: Device, wendy: User
    ) -> None:
        new = make_device(wendy, "new")
        empty = Device.objects.create(user=wendy, name="empty")
        make_matter("Inquiry", wendy)

        text = shown(olga, laptop, "replace")
        assert ("empty ·" in text, "new ·" in text) == (True, False)
        before = snapshot()
        assert olga.post(address(laptop, "replace"), {"computer": new.pk}).status_code == 200
        assert differences(before, snapshot()) == []
        Device.objects.filter(pk=empty.pk).delete()
        assert "replace" not in acts(olga, laptop)
        assert "wendy is on legal hold, and replacing sends the archive of the other device" in shown(
            olga, laptop, "replace"
        )

    def test_says_that_there_is_no_other_device(self, olga: Client, laptop: Device) -> None:
        assert "wendy has no other device that may back up" in shown(olga, laptop, "replace")
