"""The pages of orgs: the tree, the acts on an org with their effects, and its settings."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.actions.organization import org_settings
from directory.models import Match, Run, RunChange, StoredEntry
from directory.org_scope import own_lists, servers_by_org
from directory.sync.stored.plan_json import identity_to_json
from directory.values.ldap import Identity
from orgs.actions import devices, orgs
from orgs.models import Archive, Org, Repository, User
from orgs.rules.actors import SYSTEM
from orgs.rules.inheritance import effective_settings
from orgs.rules.snapshot_retention import KEEP_ALL, SnapshotRetention
from tests.backups import signed_in_device
from tests.makers import (
    NOW,
    PASSWORD,
    make_device,
    make_matter,
    make_org,
    make_role,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db
SCRIPT = "function (entry) {\n  if (entry.ou == 'eng') return \"engineering\";\n  return 'Sales';\n}"


@pytest.fixture
def ada() -> Client:
    return signed_in(make_sysadmin())


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def lower(left: Org) -> Org:
    return make_org("Lower", parent=left)


@pytest.fixture
def olga(left: Org) -> Client:
    return signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))


def page(name: str, org: Org) -> str:
    return reverse(f"orgs:{name}", args=[org.pk])


def shown(client: Client, address: str, data: dict[str, Any] | None = None, *, post: bool = False) -> str:
    response = client.post(address, data or {}, follow=True) if post else client.get(address, data or {})
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def stored(org: Org) -> Org:
    return Org.objects.get(pk=org.pk)


def confirm(client: Client, address: str, **data: Any) -> str:
    return shown(client, address, {"confirmed": "yes", **data}, post=True)


def entry_of(user: User, **verdict: Any) -> None:
    """Store what the scripts returned for a user at the last reading."""
    server = make_server(f"Corp {user.username}")
    StoredEntry.objects.create(
        server=server,
        user=user,
        dn=f"uid={user.username}",
        dn_key=user.username,
        run_id=1,
        identity=identity_to_json(Identity(f"uid={user.username}", "", (user.username,))),
        verdict={"active": True, "org_name": None, "roles": None, "error": None, **verdict},
    )


class TestTheTree:
    def test_has_a_sum_row(self, ada: Client, left: Org, lower: Org) -> None:
        for name, org in (("wendy", left), ("worker", lower)):
            make_user(name, org=org)

        text = shown(ada, reverse("orgs:list"))

        assert "All 4 orgs" in text
        assert "3<span" in text.split("All 4 orgs")[1]

    def test_shows_an_org_admin_their_part_with_its_own_sum(self, olga: Client, lower: Org) -> None:
        make_org("Right")

        text = shown(olga, reverse("orgs:list"))

        assert "Your 2 orgs" in text
        assert "Right" not in text
        assert "ADMIN" not in text

    @pytest.mark.parametrize("by", ["name", "part of the name", "key"])
    def test_finds_an_org_and_shows_those_above_it(self, ada: Client, left: Org, lower: Org, by: str) -> None:
        make_org("Right")
        words = {"name": "Lower", "part of the name": "loW", "key": lower.registration_key.lower()}[by]

        text = shown(ada, reverse("orgs:list"), {"q": words})

        assert "Left" in text
        assert "Right" not in text
        assert "1 org found" in text

    def test_says_that_nothing_was_found(self, ada: Client) -> None:
        text = shown(ada, reverse("orgs:list"), {"q": "nowhere"})

        assert "No org has this name or registration key." in text
        assert "Show all orgs" in text

    def test_leaves_out_deactivated_orgs_until_they_are_wanted(self, ada: Client, left: Org) -> None:
        orgs.set_active(org=left, active=False, by=SYSTEM, at=NOW)

        assert "Left" not in shown(ada, reverse("orgs:list"))
        assert "Left" in shown(ada, reverse("orgs:list"), {"inactive": "yes"})
        assert "Left" in shown(ada, page("detail", left))

    def test_answers_htmx_with_the_table_alone(self, ada: Client) -> None:
        response = ada.get(reverse("orgs:list"), headers={"HX-Request": "true", "HX-Target": "org-tree"})

        assert response.content.decode().strip().startswith('<div class="table-box" id="org-tree"')


class TestAnOrg:
    def test_shows_where_each_setting_comes_from(self, ada: Client, left: Org, lower: Org) -> None:
        orgs.change(org=left, archive_retention_days=90, by=SYSTEM, at=NOW)

        text = shown(ada, page("detail", lower))

        assert '<span class="visually-hidden">inherited from </span>Left' in text
        assert "90 days" in text
        assert "would inherit: 365 days" in shown(ada, page("detail", left))

    def test_names_no_org_above_to_an_org_admin(self, olga: Client, left: Org) -> None:
        orgs.change(org=Org.objects.get(depth=1), archive_retention_days=90, by=SYSTEM, at=NOW)

        text = shown(olga, page("detail", left))

        assert "ADMIN" not in text
        assert "an org above" in text

    def test_names_the_line_of_the_script_that_returns_it(self, ada: Client) -> None:
        engineering, _ = make_org("Engineering"), make_server("Corp", org_name_script=SCRIPT)

        assert "org name script</a> of Corp, line 2" in shown(ada, page("detail", engineering))

    def test_offers_a_manager_nothing_that_they_may_not_do(self, left: Org) -> None:
        mona = signed_in(make_user("mona", roles=["All Org Manager"], password=PASSWORD))

        text = shown(mona, page("detail", left))

        for word in ("Rename", "Move…", "Override", "Renew", "Deactivate…", "Add an org"):
            assert word not in text

    @pytest.mark.parametrize(
        "name",
        [
            "rename",
            "notes",
            "move",
            "deactivate",
            "reactivate",
            "renew-key",
            "retention",
            "snapshots",
            "key-holder",
            "default-roles",
        ],
    )
    def test_is_changed_only_where_the_permission_reaches(self, left: Org, name: str) -> None:
        """Who may see every org, and change their own, gets 403 for the others."""
        make_role("Reader", "admin.allorg.read", "admin.console.login")
        right = make_org("Right")
        rita = signed_in(make_user("rita", org=right, roles=["Reader", "Org Admin"], password=PASSWORD))

        assert rita.get(page(name, left)).status_code == 403
        assert rita.get(page(name, right)).status_code == 200


class TestANewOrg:
    def test_is_created_below_another_one(self, olga: Client, left: Org) -> None:
        text = shown(olga, reverse("orgs:add"), {"name": " New  org ", "parent": left.pk}, post=True)

        assert "New org is created." in text
        assert Org.objects.get(name="New org").path.startswith(left.path)

    def test_needs_a_free_name_and_keeps_what_was_typed(self, ada: Client, left: Org) -> None:
        response = ada.post(reverse("orgs:add"), {"name": "LEFT", "parent": left.pk})

        assert "The name Left is taken" in response.context["form"].errors["name"][0]
        assert 'value="LEFT"' in response.content.decode()

    def test_lies_in_the_part_of_who_creates_it(self, olga: Client) -> None:
        response = olga.post(reverse("orgs:add"), {"name": "New", "parent": Org.objects.get(depth=1).pk})

        assert "parent" in response.context["form"].errors
        assert not Org.objects.filter(name="New").exists()


class TestAnOrgThatARunDidNotFind:
    @pytest.fixture
    def run(self, left: Org, lower: Org) -> Run:
        run = make_run(unknown_orgs={"R & D": 2})
        for name, org in (("wendy", lower), ("worker", left)):
            user = make_user(name, org=org)
            values = {"username": name, "org": org, "outcome": "kept", "unknown_org": "R & D"}
            RunChange.objects.create(run=run, user=user, **values)
        return run

    def test_is_created_from_the_run_in_two_clicks(self, ada: Client, run: Run, left: Org) -> None:
        form = next(
            link for link in shown(ada, reverse("runs:detail", args=[run.pk])).split('href="') if "/orgs/add/" in link
        ).partition('"')[0]

        response = ada.get(form)
        text = " ".join(response.content.decode().split())
        assert "2 users would be placed here" in text
        assert "wendy" in text
        given: Any = response.context["form"].initial
        assert given == {"name": "R & D", "parent": left.pk}
        shown(ada, form, given, post=True)

        assert Org.objects.get(name="R & D").path.startswith(left.path)
        assert "exists by now:" in shown(ada, reverse("runs:detail", args=[run.pk]))

    def test_is_proposed_below_the_org_that_all_these_users_share(self, ada: Client, run: Run) -> None:
        RunChange.objects.filter(username="wendy").update(user=make_user("stan", org=make_org("Right")))

        response = ada.get(reverse("orgs:add"), {"run": str(run.pk), "name": "R & D"})

        assert response.context["form"].initial["parent"] == Org.objects.get(depth=1).pk

    def test_shows_nobody_to_who_may_not_see_runs(self, olga: Client, run: Run) -> None:
        text = shown(olga, reverse("orgs:add"), {"run": str(run.pk), "name": "R & D"})

        assert "would be placed here" not in text


class TestAnotherName:
    def test_shows_where_the_present_one_is_used(self, ada: Client) -> None:
        engineering, server = make_org("Engineering"), make_server("Corp", org_name_script=SCRIPT)
        entry_of(make_user("wendy", org=engineering), org_name="ENGINEERING")
        run = make_run(server, org_counts=[{"id": engineering.pk, "name": "Engineering", "users": 7}])

        text = shown(ada, page("rename", engineering))

        assert "org name script</a> of Corp, line 2:" in text
        assert "for 1 user, when their entry was read last" in text
        assert f"{run}</a>" in text
        assert "7 users" in text

    def test_is_given_after_it_was_shown_what_that_means(self, ada: Client) -> None:
        engineering, _ = make_org("Engineering"), make_server("Corp", org_name_script=SCRIPT)
        entry_of(make_user("wendy", org=engineering), org_name="engineering")

        text = shown(ada, page("rename", engineering), {"name": "Making"}, post=True)
        assert "Rename Engineering to Making?" in text
        assert "Have no such org" in text
        assert "Change the org name script as well: Corp, line 2." in text
        assert stored(engineering).name == "Engineering"

        assert "Engineering is called Making now." in confirm(ada, page("rename", engineering), name="Making")
        assert stored(engineering).name == "Making"

    def test_in_other_letter_case_breaks_no_script(self, ada: Client, left: Org) -> None:
        entry_of(make_user("wendy", org=left), org_name="Left")

        assert "Have no such org" not in shown(ada, page("rename", left), {"name": "LEFT"}, post=True)

    def test_that_is_taken_is_refused(self, olga: Client, left: Org) -> None:
        make_org("Right")

        assert "the name Right is taken" in confirm(olga, page("rename", left), name="right")
        assert stored(left).name == "Left"

    def test_shows_an_org_admin_no_scripts_and_runs(self, olga: Client, left: Org) -> None:
        assert "Where this name is used" not in shown(olga, page("rename", left))


def test_notes_are_saved(olga: Client, left: Org) -> None:
    text = shown(olga, page("notes", left), {"notes": "Moves in May.\nRing first."}, post=True)

    assert "The notes of Left are saved." in text
    assert "Ring first." in text


class TestAMove:
    def test_goes_nowhere_below_itself_and_nowhere_outside(self, olga: Client, left: Org, lower: Org) -> None:
        other = make_org("Other", parent=left)
        make_org("Right")

        response = olga.get(page("move", lower))

        assert list(response.context["form"].fields["parent"].queryset) == [other]
        assert "no other active org" in shown(olga, page("move", left))

    def test_shows_who_follows_and_whose_reach_changes(self, ada: Client, left: Org, lower: Org) -> None:
        right = make_org("Right")
        make_user("losing", org=left, roles=["Org Admin"])
        make_user("gaining", org=right, roles=["Org Admin"])
        make_device(make_user("wendy", org=lower))
        orgs.change(org=right, archive_retention_days=30, by=SYSTEM, at=NOW)

        text = shown(ada, page("move", lower), {"parent": right.pk}, post=True)

        assert "1 org, 1 device and 0 administrators among them." in text
        assert "Administrators: gaining." in text
        assert "Administrators: losing." in text
        assert "stay for 30 days" in text
        assert stored(lower).path == lower.path

    def test_is_made_when_it_is_confirmed(self, ada: Client, lower: Org) -> None:
        right = make_org("Right")

        assert "Lower lies below Right now." in confirm(ada, page("move", lower), parent=right.pk)
        assert stored(lower).path.startswith(right.path)

    def test_that_would_give_more_than_one_holds_is_refused_with_the_reason(self, left: Org, lower: Org) -> None:
        make_role("Mover", "admin.org.update_basic", "admin.org.read", "admin.console.login")
        mover = signed_in(make_user("mover", org=left, roles=["Mover"], password=PASSWORD))
        other = make_org("Other", parent=left)
        make_user("gaining", org=other, roles=["Org Admin"])

        text = confirm(mover, page("move", lower), parent=other.pk)

        assert "gaining would hold more than you do" in text
        assert stored(lower).path == lower.path

    def test_says_who_comes_into_the_scope_of_syncs(self, ada: Client, lower: Org) -> None:
        right, server = make_org("Right"), make_server("Corp")
        org_settings.set_servers(org=right, servers=[server.pk], by=SYSTEM, at=NOW)
        org_settings.set_directory_service(org=right, service="ldap", by=SYSTEM, at=NOW)
        make_user("wendy", org=lower)

        text = shown(ada, page("move", lower), {"parent": right.pk}, post=True)

        assert "Come into the scope" in text
        assert "The next sync looks for them in Corp." in text


class TestOutOfUse:
    def test_needs_nobody_active_and_says_who_is(self, olga: Client, left: Org, lower: Org) -> None:
        text = shown(olga, page("deactivate", left))

        assert "1 active user is in this org" in text
        assert "1 active org lies below it: Lower." in text
        assert "Deactivate the org" not in text
        assert "still has active users or orgs below it" in shown(olga, page("deactivate", left), post=True)
        assert stored(left).active

    def test_and_back(self, olga: Client, lower: Org) -> None:
        assert "Deactivate the org" in shown(olga, page("deactivate", lower))

        assert "Lower is deactivated." in shown(olga, page("deactivate", lower), post=True)
        assert not stored(lower).active
        assert "Come back into reach" in shown(olga, page("reactivate", lower))
        assert "Lower is active again." in shown(olga, page("reactivate", lower), post=True)
        assert stored(lower).active


def test_a_new_registration_key_is_shown_once_it_is_made(olga: Client, left: Org) -> None:
    make_device(User.objects.get(username="olga"))

    text = shown(olga, page("renew-key", left))
    assert left.registration_key in text
    assert "Keep backing up" in text

    done = shown(olga, page("renew-key", left), post=True)
    assert f"Left has the new registration key {stored(left).registration_key}." in done
    assert stored(left).registration_key != left.registration_key


class TestRetention:
    @pytest.fixture
    def archive(self, lower: Org) -> Archive:
        device = make_device(make_user("wendy", org=lower))
        devices.deactivate(device_ids=[device.pk], by=SYSTEM, at=NOW)
        return device.archives.get()

    def test_shows_what_would_expire_earlier_and_when(self, olga: Client, left: Org, archive: Archive) -> None:
        text = shown(olga, page("retention", left), {"days": 10_000}, post=True)
        assert "<del>365 days</del>" in text
        assert "Expire later" in text
        assert "9635 days later; 4.7 GB. The first on" in text
        assert "Also for 1 org that inherits this: Lower." in text
        assert effective_settings()[left.pk].archive_retention_days == 365

        confirm(olga, page("retention", left), days=10_000)
        assert Archive.objects.get(pk=archive.pk).expires_at == NOW + timedelta(days=10_000)

    def test_warns_of_archives_that_would_be_lost_at_once(self, olga: Client, left: Org, archive: Archive) -> None:
        Archive.objects.filter(pk=archive.pk).update(cold_since=NOW - timedelta(days=3650))
        Archive.objects.filter(pk=archive.pk).update(expires_at=NOW - timedelta(days=3650 - 365))

        text = shown(olga, page("retention", left), {"days": 5}, post=True)

        assert "Expire at once" in text
        assert "btn-danger" in text

    def test_is_inherited_again(self, olga: Client, left: Org) -> None:
        orgs.change(org=left, archive_retention_days=30, by=SYSTEM, at=NOW)

        assert "inherit it?" in shown(olga, page("retention", left), {"inherit": "yes"})
        confirm(olga, page("retention", left), inherit="yes")

        assert stored(left).archive_retention_days is None

    @pytest.mark.parametrize("days", ["0", "-1", "", "many", "99999999999999999999"])
    def test_is_a_number_of_days(self, olga: Client, left: Org, days: str) -> None:
        response = olga.post(page("retention", left), {"days": days, "confirmed": "yes"})

        assert "days" in response.context["form"].errors


class TestSnapshots:
    KEPT = {"last": 3, "daily": 7, "weekly": 0, "monthly": 0, "yearly": 0}

    @pytest.fixture
    def archive(self, lower: Org) -> Archive:
        made = signed_in_device(make_user("wendy", org=lower)).device
        return made.archives.get()

    def test_shows_how_many_archives_lose_some_and_stores_it(self, olga: Client, left: Org, archive: Archive) -> None:
        text = shown(olga, page("snapshots", left), self.KEPT, post=True)
        assert "<del>all</del>" in text
        assert "<ins>the last 3, 7 daily ones</ins>" in text
        assert "Lose old snapshots" in text
        assert "btn-danger" in text
        assert "Also for 1 org that inherits this: Lower." in text
        assert effective_settings()[left.pk].snapshot_retention == KEEP_ALL

        confirm(olga, page("snapshots", left), **self.KEPT)

        assert effective_settings()[archive.device.user.org_id].snapshot_retention == SnapshotRetention(last=3, daily=7)

    def test_says_that_a_legal_hold_keeps_all(self, olga: Client, left: Org, archive: Archive) -> None:
        make_matter("Inquiry", archive.device.user)

        text = shown(olga, page("snapshots", left), self.KEPT, post=True)

        assert "Stay whole: legal hold" in text
        assert "Lose old snapshots" not in text

    def test_is_inherited_again(self, olga: Client, left: Org) -> None:
        orgs.change(org=left, snapshot_retention=self.KEPT, by=SYSTEM, at=NOW)

        confirm(olga, page("snapshots", left), inherit="yes")

        assert stored(left).snapshot_retention is None

    @pytest.mark.parametrize("count", ["-1", "", "many", "99999999999999999999"])
    def test_are_numbers(self, olga: Client, left: Org, count: str) -> None:
        response = olga.post(page("snapshots", left), {**self.KEPT, "daily": count, "confirmed": "yes"})

        assert "daily" in response.context["form"].errors


class TestTheKey:
    def test_says_what_is_impossible_and_is_stored(self, olga: Client, left: Org) -> None:
        text = shown(olga, page("key-holder", left), {"holder": "user"}, post=True)
        assert "<ins>held by the user alone</ins>" in text
        assert "no export for a legal hold" in text
        assert "Silent deployment is refused" in text

        confirm(olga, page("key-holder", left), holder="user")

        assert effective_settings()[left.pk].key_holder == "user"
        made = signed_in_device(make_user("wendy", org=left))
        assert (made.password, Repository.objects.get().key_holder) == ("", "user")

    def test_is_inherited_again(self, olga: Client, left: Org) -> None:
        orgs.change(org=left, key_holder="user", by=SYSTEM, at=NOW)

        confirm(olga, page("key-holder", left), inherit="yes")

        assert effective_settings()[left.pk].key_holder == "rollcall"


class TestDefaultRoles:
    def test_are_those_that_one_may_give(self, olga: Client, left: Org) -> None:
        offered = [role.name for role in olga.get(page("default-roles", left)).context["form"].fields["roles"].queryset]

        assert "Org Admin" in offered
        assert "SYSADMIN" not in offered

    def test_concern_new_users_and_those_whose_script_asks_for_them(self, olga: Client, left: Org, lower: Org) -> None:
        role = make_role("Clerk", "admin.user.read")
        entry_of(make_user("wendy", org=lower), roles=[])
        entry_of(make_user("stan", org=lower), roles=["PROe User"])

        text = shown(olga, page("default-roles", left), {"roles": [role.pk]}, post=True)
        assert "Change with the next sync" in text
        assert "New: Clerk." in text
        assert "No default role any more: Desktop User, PROe User." in text

        confirm(olga, page("default-roles", left), roles=[role.pk])
        assert effective_settings()[lower.pk].default_roles == frozenset({"Clerk"})

    def test_may_be_none(self, olga: Client, left: Org) -> None:
        confirm(olga, page("default-roles", left))

        assert effective_settings()[left.pk].default_roles == frozenset()
        confirm(olga, page("default-roles", left), inherit="yes")
        assert effective_settings()[left.pk].default_roles == frozenset({"Desktop User", "PROe User"})


class TestServersAndDirectoryService:
    def test_are_for_server_administrators(self, olga: Client, left: Org) -> None:
        for name in ("servers", "directory-service"):
            assert olga.get(page(name, left)).status_code == 403
            assert page(name, left) not in shown(olga, page("detail", left))

    def test_are_put_into_an_order(self, left: Org) -> None:
        sam = signed_in(make_server_administrator())
        first, second, third = (make_server(name) for name in ("First", "Second", "Third"))
        given = {f"server-{first.pk}": "2", f"server-{second.pk}": "1", f"server-{third.pk}": ""}

        assert "<ins>Second, First</ins>" in shown(sam, page("servers", left), given, post=True)
        assert left.pk not in own_lists()
        confirm(sam, page("servers", left), **given)
        assert own_lists()[left.pk] == (second.pk, first.pk)

        confirm(sam, page("servers", left), inherit="yes")
        assert left.pk not in own_lists()

    def test_need_a_server(self, ada: Client, left: Org) -> None:
        server = make_server("First")

        response = ada.post(page("servers", left), {f"server-{server.pk}": "", "confirmed": "yes"})

        assert "Give at least one server a number." in str(response.context["form"].errors)

    def test_say_how_many_users_come_and_go(self, ada: Client, left: Org, lower: Org) -> None:
        server = make_server("Corp")
        org_settings.set_servers(org=left, servers=[server.pk], by=SYSTEM, at=NOW)
        wendy = make_user("wendy", org=lower)

        text = shown(ada, page("directory-service", left), {"service": "ldap"}, post=True)
        assert "Come into the scope" in text
        assert "held back unless it was simulated" in text
        confirm(ada, page("directory-service", left), service="ldap")
        assert servers_by_org()[lower.pk] == (server.pk,)

        Match.objects.create(user=wendy, server=server, dn="uid=wendy", matched_at=NOW)
        text = shown(ada, page("directory-service", lower), {"service": "local"}, post=True)
        assert "Leave the scope" in text
        assert "1 active user was found in Corp, which their org will not ask any more" in text

    def test_keep_the_acting_person_able_to_sign_in(self, left: Org) -> None:
        make_sysadmin("root")
        sam = make_user("sam", org=left, roles=["SYSADMIN"], password=PASSWORD)
        User.objects.filter(pk=sam.pk).update(managed_locally=False)

        text = confirm(signed_in(sam), page("directory-service", left), service="ldap")

        assert "you could not sign in any more" in text
        assert stored(left).directory_service == ""
