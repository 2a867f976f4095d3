"""Every address as each standard role, at objects of one's own org, of an org below it and of another company."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from directory.models import BulkKind
from orgs.models import Archive
from orgs.permissions import STANDARD_ROLES
from tests.attacks.address_table import NEEDED
from tests.attacks.attempts import Attempt, attack
from tests.attacks.urls import DECIDED_BY_THE_RUN, KINDS, OF_ONE_PERSON, PAGES, SCOPED, mostly_whole
from tests.attacks.world import Company, World
from tests.bulk_acts import done
from tests.makers import PASSWORD, make_deployment_policy, make_device, make_matter, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.in_turns]

NOWHERE, ONES_OWN_PART, EVERYWHERE = "nowhere", "in one's own part", "everywhere"
# A key of one's own part, and the key of every org that includes it.
EVERY_ORG = {
    "admin.user": "admin.alluser",
    "admin.org": "admin.allorg",
    "admin.computer": "admin.allcomputer",
    "admin.plan": "admin.allplan",
}


def reach(keys: set[str], needed: str) -> str:
    """Return where somebody with these keys may do what needs this one: the rule of permissions, written once more."""

    def held(key: str) -> bool:
        return any(key == mine or key.startswith(mine + ".") for mine in keys)

    for own, every in EVERY_ORG.items():
        if needed == own or needed.startswith(own + "."):
            if held(every + needed.removeprefix(own)):
                return EVERYWHERE
            return ONES_OWN_PART if held(needed) else NOWHERE
    return EVERYWHERE if held(needed) else NOWHERE


def places(world: World) -> dict[str, dict[str, Any]]:
    """Return an object of each kind that belongs to an org, by where it is."""
    own, worker = world.own, make_user("worker.lower", org=world.own.lower)
    lower = Company(own.lower, own.lower, worker, make_device(worker, "laptop-lower"), own.admin)
    return {
        where: {
            "user": company.worker,
            "org": company.org,
            "device": company.device,
            "archive": Archive.objects.get(device=company.device),
            "matter": make_matter(f"Matter of {where}", company.worker, org=company.org),
            "deployment": make_deployment_policy(f"Policy of {where}", company.org),
            "act": done(BulkKind.UNBLOCK, [company.worker], by=company.admin),
        }
        for where, company in (("own org", own), ("org below", lower), ("other company", world.foreign))
    }


def addresses(world: World) -> Iterator[tuple[str, str, str]]:
    """Return each address with its name and where its object is, "" if it has none that belongs to an org."""
    there = places(world)
    for name in NEEDED:
        page = PAGES[name]
        kind = KINDS.get(page.area, "") if "pk" in page.arguments else ""
        if page.area in SCOPED and kind:
            for where, objects in there.items():
                yield name, where, page.address(world, pk=objects[kind].pk)
        else:
            yield name, "", page.address(world)


def knock(attempt: Attempt, client: Any, name: str, where: str, address: str, reached: str) -> None:
    """Open an address, and send it an empty form if it must refuse this person."""
    methods = ["get"] if "GET" in PAGES[name].methods else []
    if reached == NOWHERE:
        expected = {403}
    elif where == "other company" and reached == ONES_OWN_PART:
        expected = {404}
    else:
        # What is there: a page, a step before it, or a reason why there is nothing to do.
        expected = {200, 302, 404} if not where else {200, 302}
        if name in OF_ONE_PERSON:
            expected.add(404)
        if name in DECIDED_BY_THE_RUN:
            expected.add(403)
    if expected <= {403, 404} and "POST" in PAGES[name].methods:
        methods.append("post")
    for method in methods:
        attempt.answer(getattr(client, method)(address), *expected, what=f"{method} {name} {where}")


@pytest.mark.parametrize("role", mostly_whole(STANDARD_ROLES, {"Org Admin", "Org Help Desk", "All Org Manager"}))
def test_each_role_reaches_what_it_holds_and_nothing_else(world: World, role: str) -> None:
    keys = {key.value for key in STANDARD_ROLES[role]}
    person = make_user("person", org=world.own.org, roles=[role], password=PASSWORD)
    visits = list(addresses(world))

    with attack(
        f"every address as {role}",
        how=f"{len(visits)} addresses, with objects of one's own org, of an org below it and of another company",
        expected="403 without the permission, 404 outside one's own part, else the page",
    ) as attempt:
        client = signed_in(person)
        for name, where, address in visits:
            if reach(keys, "admin.console.login") == NOWHERE:
                attempt.goes_to(client.get(address), "/sign-in/")
            else:
                knock(attempt, client, name, where, address, reach(keys, NEEDED[name]))


def test_the_three_places_are_in_the_table(world: World) -> None:
    visits = {(where, address) for _, where, address in addresses(world)}

    assert {where for where, _ in visits} == {"", "own org", "org below", "other company"}
    assert ("other company", reverse("users:detail", args=[world.foreign.worker.pk])) in visits
