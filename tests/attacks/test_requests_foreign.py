"""An org admin reaches for what belongs to another company: by id, by filter, by search, in exports, counts, fragments."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.values.plan import Action
from orgs.models import User
from tests.attacks.attempts import attack, body
from tests.attacks.urls import PAGES, SCOPED, mostly_whole, of_area
from tests.attacks.world import ORG_ADMIN, SYSADMIN, World
from tests.makers import make_change, make_org, make_role, make_run, make_user, signed_in

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "user-list"}
# Those that an org admin may open for their own objects; the others refuse them whatever the object is.
OF_OBJECTS = [
    name for name, page in PAGES.items() if page.arguments and page.area in SCOPED and ORG_ADMIN in page.admitted
]
OF_ALL_OBJECTS = [name for name in PAGES if PAGES[name].arguments]
OTHER_IDS = ("0", "-1", "999999999", "9" * 30, "1e3", "0x10", "1;2", "1'", "%00", "..%2f1", "١")


def secrets(world: World) -> list[str]:
    """Everything that names the other company."""
    there = world.foreign
    return [there.org.name, there.worker.username, there.worker.email, there.device.name, there.device.guid]


def shows_nothing(world: World, text: str) -> None:
    for secret in secrets(world):
        assert secret not in text, f"the answer holds {secret}"


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_an_object_of_another_company_is_not_there(world: World, name: str) -> None:
    address = PAGES[name].address(world)

    with attack(
        f"{name} of another company",
        how=f"{address} as an org admin: the page, its fragment, a HEAD, a POST",
        expected="404 and not 403, exactly as for an id that nobody has",
    ) as attempt:
        client = world.client(ORG_ADMIN)
        nobody = body(client.get(address.replace(str(world.objects["user"].pk), "987654321")))
        for response in (client.get(address), client.get(address, headers=FRAGMENT), client.post(address)):
            text = attempt.answer(response, 404, 405)
            shows_nothing(world, text)
        assert client.head(address).status_code in {404, 405}
        assert body(client.get(address)) in {nobody, ""}


@pytest.mark.whole
@pytest.mark.parametrize("area", sorted({PAGES[name].area for name in OF_ALL_OBJECTS}))
def test_an_id_that_nobody_has_is_not_there(world: World, area: str) -> None:
    pages = of_area(area, OF_ALL_OBJECTS)

    with attack(
        f"{area} with made-up ids",
        how=f"ids {', '.join(OTHER_IDS)} at {len(pages)} pages as a SYSADMIN, GET and POST",
        expected="404 each time",
    ) as attempt:
        client = world.client(SYSADMIN)
        for page in pages:
            address = page.address(world)
            for argument in page.arguments:
                real = str(page._argument(argument, world))
                for other in OTHER_IDS:
                    made_up = f"/{other}/".join(address.rsplit(f"/{real}/", 1))
                    for response in (client.get(made_up), client.post(made_up)):
                        # A NUL is refused before anything looks for it; so is a method that the page does not take.
                        attempt.answer(response, 400 if other == "%00" else 404, 405, 404, what=made_up)


class TestObjectsInsideOthers:
    def test_a_change_of_another_run_is_not_there(self, world: World) -> None:
        other = make_change(make_run(), world.own.worker, Action.BLOCK)

        with attack(
            "a change under another run's address", how="GET /history/RUN/changes/CHANGE/ of two runs", expected="404"
        ) as attempt:
            address = reverse("runs:change", args=[world.objects["run"].pk, other.pk])
            attempt.answer(world.client(SYSADMIN).get(address), 404)

    def test_an_org_above_is_not_there(self, world: World) -> None:
        below = make_user("below", org=world.own.lower, roles=["Org Admin"])

        with attack(
            "the org above one's own",
            how="GET its page, its users and those of the tree's top as the admin of the org below",
            expected="404; the org above is named nowhere",
        ) as attempt:
            client = signed_in(below)
            attempt.answer(client.get(reverse("orgs:detail", args=[world.own.org.pk])), 404)
            attempt.answer(client.get(reverse("users:detail", args=[world.own.worker.pk])), 404)
            attempt.answer(client.get(reverse("devices:detail", args=[world.own.device.pk])), 404)
            text = attempt.answer(client.get(reverse("orgs:detail", args=[world.own.lower.pk])), 200)
            assert ">Acme<" not in text

    def test_an_org_whose_name_or_path_begins_alike_is_not_there(self, world: World) -> None:
        make_org("Acme Two")
        stranger = make_user("stranger", org=make_org("Acmeville"))

        with attack(
            "an org beside one's own whose name begins alike",
            how="its users' pages and the list of orgs as an org admin",
            expected="404, and not in the list",
        ) as attempt:
            client = world.client(ORG_ADMIN)
            attempt.answer(client.get(reverse("users:detail", args=[stranger.pk])), 404)
            text = attempt.answer(client.get(reverse("orgs:list")), 200)
            assert "Acmeville" not in text
            assert "Acme Two" not in text

    def test_a_moved_user_is_gone_at_once(self, world: World) -> None:
        page = reverse("users:detail", args=[world.own.worker.pk])
        User.objects.filter(pk=world.own.worker.pk).update(org=world.foreign.org)

        with attack(
            "a user who has moved to another company",
            how="GET their page in a session from before",
            expected="404",
        ) as attempt:
            attempt.answer(world.client(ORG_ADMIN).get(page), 404)


LISTS = [
    *("users:list", "users:export", "devices:list", "devices:export", "orgs:list", "roles:list", "dashboard"),
    *("archives:list", "archives:export", "archives:by-org", "archives:by-org-export", "archives:due"),
]


@pytest.mark.parametrize("name", mostly_whole(LISTS, {"users:export", "dashboard"}))
def test_a_list_holds_ones_own_part_only(world: World, name: str) -> None:
    there = world.foreign

    with attack(
        f"another company in {name}",
        how="plain, sorted, every page size, as a fragment; filtered and searched by its ids, names, emails, GUIDs",
        expected="200 with one's own part, or nothing",
    ) as attempt:
        client = world.client(ORG_ADMIN)
        queries: list[dict[str, Any]] = [
            {},
            {"per_page": 200, "sort": "-org"},
            {"org": there.org.pk},
            {"org": [world.own.org.pk, there.org.pk]},
            {"org__path__startswith": "0001"},
            {"user__org": there.org.pk},
            {"pk": there.worker.pk, "id": there.worker.pk, "user": there.worker.pk},
            {"page": "2", "per_page": "25"},
        ]
        queries += [{"q": text} for text in ("", "%", "_", "worker", "laptop", "example")]
        for query in queries:
            for headers in ({}, FRAGMENT):
                shows_nothing(world, attempt.answer(client.get(reverse(name), query, headers=headers), 200))


@pytest.mark.whole
@pytest.mark.parametrize("what", ["org", "username", "email", "device", "guid"])
def test_a_search_does_not_tell_whether_something_exists(world: World, what: str) -> None:
    there = world.foreign
    text = {
        "org": there.org.name,
        "username": there.worker.username,
        "email": there.worker.email,
        "device": there.device.name,
        "guid": there.device.guid,
    }[what]

    with attack(
        f"another company's {what} in a search",
        how="search users and devices for it, and for something that is nowhere",
        expected="the same answer",
    ) as attempt:
        client = world.client(ORG_ADMIN)
        for place in ("users:export", "devices:export"):
            there_is = attempt.answer(client.get(reverse(place), {"q": text}), 200)
            there_is_not = attempt.answer(client.get(reverse(place), {"q": "nowhere-at-all"}), 200)
            assert there_is == there_is_not


class TestCounts:
    def test_of_the_dashboard_are_of_ones_own_part(self, world: World) -> None:
        client = world.client(ORG_ADMIN)

        with attack(
            "another company in the counts of the dashboard",
            how="the counts before and after 20 users are made there",
            expected="the same numbers",
        ) as attempt:
            before = client.get("/").context["counts"]
            made = [make_user(f"extra{number}", org=world.foreign.org) for number in range(20)]
            after = client.get("/").context["counts"]
            User.objects.filter(pk__in=[user.pk for user in made]).delete()
            attempt.note(f"{before['total']} users before and after")
            assert before == after

    def test_of_a_role_are_of_ones_own_part(self, world: World) -> None:
        role = make_role("Counted", "admin.user.read")
        world.foreign.worker.grants.create(role=role)

        with attack(
            "another company in the members of a role",
            how="the list and the page of a role that only a foreign user holds",
            expected="0 members",
        ) as attempt:
            client = world.client(ORG_ADMIN)
            attempt.answer(client.get(reverse("roles:detail", args=[role.pk])), 200, shows="0 members")
            shows_nothing(world, attempt.answer(client.get(reverse("roles:list")), 200))

    def test_of_pages_are_of_ones_own_part(self, world: World) -> None:
        with attack(
            "another company in the number of pages", how="“1 to N of N” below users and devices", expected="one's own"
        ) as attempt:
            client = world.client(ORG_ADMIN)
            own = {"users:list": 4, "devices:list": 1}
            for place, count in own.items():
                text = " ".join(attempt.answer(client.get(reverse(place)), 200).split())
                assert f"1 to {count} of {count}" in text, place


class TestOnesOwnPage:
    def test_shows_no_foreign_devices(self, world: World) -> None:
        with attack(
            "foreign devices on a user's page", how="GET the page of one's own user", expected="their devices only"
        ) as attempt:
            page = reverse("users:detail", args=[world.own.worker.pk])
            text = attempt.answer(world.client(ORG_ADMIN).get(page), 200, shows=world.own.device.name)
            shows_nothing(world, text)

    @pytest.mark.parametrize("permission", ["admin.user.read", "admin.computer.read", "admin.org.read"])
    def test_with_one_permission_shows_nothing_of_another(self, world: World, permission: str) -> None:
        make_role("Narrow", permission, "admin.console.login")
        narrow = make_user("narrow", org=world.own.org, roles=["Narrow"])
        client: Client = signed_in(narrow)
        opens = {"admin.user.read": "users", "admin.computer.read": "devices", "admin.org.read": "orgs"}
        ids = {"users": world.own.worker.pk, "devices": world.own.device.pk, "orgs": world.own.org.pk}

        with attack(
            f"other pages with {permission} alone",
            how="lists, pages and exports of users, devices and orgs in one's own org",
            expected="200 for the one area, 403 for the others",
        ) as attempt:
            for area, pk in ids.items():
                status = 200 if opens[permission] == area else 403
                attempt.answer(client.get(reverse(f"{area}:list")), status)
                attempt.answer(client.get(reverse(f"{area}:detail", args=[pk])), status)
            if permission == "admin.computer.read":
                page = attempt.answer(client.get(reverse("devices:detail", args=[world.own.device.pk])), 200)
                assert reverse("users:detail", args=[world.own.worker.pk]) not in page
