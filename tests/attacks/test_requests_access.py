"""Who gets in where: every page of the URL map, every caller, every method, with and without the form's token."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.admin import data_fixes
from console.http.view_guards import guards_of
from orgs.models import User
from tests.attacks import urls
from tests.attacks.address_table import NEEDED
from tests.attacks.attempts import Attempt, attack
from tests.attacks.urls import (
    AREAS,
    DECIDED_BY_THE_RUN,
    GROUPS,
    GUARDED,
    MODELS,
    OPEN,
    PAGES,
    POSTED,
    mostly_whole,
    of_area,
)
from tests.attacks.world import (
    ANONYMOUS,
    BACKEND,
    BLOCKED,
    CALLERS,
    DEACTIVATED,
    SIGNED_IN,
    SYSADMIN,
    World,
)

pytestmark = [pytest.mark.django_db, pytest.mark.once]
SIGN_IN = "/sign-in/?next="
STRANGERS = (ANONYMOUS, BLOCKED, DEACTIVATED)
UNSAFE = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


class TestEveryPage:
    @pytest.mark.parametrize("name", GUARDED)
    def test_has_a_row_and_wants_what_it_says(self, name: str) -> None:
        assert NEEDED.get(name) == PAGES[name].permission, f"see tests/attacks/address_table.py for {name}"

    def test_in_the_table_is_there(self) -> None:
        assert NEEDED.keys() == set(GUARDED)

    @pytest.mark.parametrize("name", PAGES)
    def test_checks_the_token_of_forms(self, name: str) -> None:
        assert not getattr(PAGES[name].view, "csrf_exempt", False)

    @pytest.mark.parametrize("name", GUARDED)
    @pytest.mark.in_turns
    def test_opens_to_the_right_callers_only(self, world: World, name: str) -> None:
        page = PAGES[name]
        address = page.address(world)

        with attack(
            f"every caller at {name}",
            how=f"GET and POST {address} as each of {len(CALLERS)} callers",
            expected=f"open to those who hold {page.permission}; the others: sign-in, 403, or 404 for foreign objects",
        ) as attempt:
            for caller in STRANGERS:
                for method in ("get", "post"):
                    attempt.goes_to(getattr(world.client(caller), method)(address), SIGN_IN)
            for caller in set(SIGNED_IN) - page.admitted:
                for method in ("get", "post"):
                    attempt.answer(getattr(world.client(caller), method)(address), 403, 405, what=caller)
            for caller in page.admitted:
                stricter = name in DECIDED_BY_THE_RUN and caller != SYSADMIN
                response = world.client(caller).get(address)
                attempt.answer(response, *((403, 405) if stricter else (200, 404, 405)), what=caller)

    @pytest.mark.parametrize("name", ["runs:apply", "runs:undo"])
    def test_that_is_dangerous_wants_the_password_again(self, name: str) -> None:
        assert guards_of(PAGES[name].view).confirmed


@pytest.mark.whole
@pytest.mark.parametrize("group", GROUPS)
def test_data_fixes_are_for_a_sysadmin_only(world: World, group: str) -> None:
    addresses = [address for model in GROUPS[group] for address in urls.data_fixes_of(model)]

    with attack(
        f"every caller at the data fixes of {group}",
        how=f"GET and POST of {len(addresses)} pages as each of {len(CALLERS)} callers",
        expected="open to a SYSADMIN; the others are sent to the sign-in or get 403",
    ) as attempt:
        for address in addresses:
            for caller in CALLERS:
                _knock_at_data_fixes(attempt, world.client(caller), caller, address)


def _knock_at_data_fixes(attempt: Attempt, client: Client, caller: str, address: str) -> None:
    if caller == SYSADMIN:
        # Of what is not there, Django's admin sends back to its first page.
        attempt.answer(client.get(address), 200, 302, 403, what=address)
        return
    for response in (client.get(address, follow=True), client.post(address, {"action": "block"}, follow=True)):
        if caller in STRANGERS:
            assert response.redirect_chain[-1][0].startswith(SIGN_IN), (caller, address)
            attempt.answer(response, 200, shows="Sign in", what=caller)
        else:
            attempt.answer(response, 403, what=f"{caller} at {address}")


class TestDataFixes:
    def test_all_go_through_the_same_guard(self) -> None:
        unguarded = [str(pattern.pattern) for pattern in urls.data_fix_patterns() if not urls.guards_itself(pattern)]

        assert unguarded == ["login/"]

    def test_have_no_other_page_for_anybody_else(self, world: World) -> None:
        with attack(
            "every caller at the data fixes that belong to no model",
            how="GET of index, app lists, autocomplete, translations, view on site, an address that is not there",
            expected="sign-in or 403 for all but a SYSADMIN",
        ) as attempt:
            for address in urls.data_fixes_of_the_site():
                for caller in CALLERS:
                    response = world.client(caller).get(address, follow=True)
                    if caller in STRANGERS:
                        attempt.answer(response, 200, shows="Sign in", what=address)
                    elif caller == SYSADMIN:
                        attempt.answer(response, 200, 403, 404, what=address)
                    else:
                        attempt.answer(response, 403, what=f"{caller} at {address}")


@pytest.mark.parametrize("area", mostly_whole(AREAS, {"runs", "session"}))
def test_other_methods_do_nothing(world: World, area: str) -> None:
    client = world.client(SYSADMIN)

    with attack(
        f"other methods at {area}",
        how=f"GET where only POST counts, {', '.join(UNSAFE)}, and a GET that says X-HTTP-Method-Override: POST",
        expected="405, or what a GET shows",
    ) as attempt:
        for page in of_area(area, PAGES):
            address = page.address(world)
            for method in (*UNSAFE, "GET", "HEAD"):
                allowed = method in page.methods
                response = client.generic(method, address)
                attempt.answer(response, *((200, 302, 404) if allowed else (405,)), what=f"{method} {address}")
            override = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
            attempt.answer(client.get(f"{address}?_method=POST", headers=override), 200, 302, 404, 405, what=address)


def guarded_client(world: World) -> tuple[Client, str]:
    """Return a browser of a SYSADMIN in which forms need their token, and the token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ada"), backend=BACKEND)
    client.get(reverse("ldap_servers:list"))
    return client, client.cookies["csrf"].value


def forge(attempt: Attempt, world: World, address: str, data: dict[str, Any]) -> None:
    """Send a form without its token, with a made-up one, with another browser's, and from another site."""
    client, token = guarded_client(world)
    _, other = guarded_client(world)
    shows = "open too long"
    attempt.answer(client.post(address, data), 403, shows=shows, what="no token")
    for wrong in ("", "x" * 32, "x" * 64, other, token + "x"):
        attempt.answer(
            client.post(address, data | {"csrfmiddlewaretoken": wrong}), 403, shows=shows, what="wrong token"
        )
        attempt.answer(client.post(address, data, headers={"X-CSRFToken": wrong}), 403, shows=shows, what="wrong token")
    for origin in ("https://evil.example", "null", "http://testserver.evil.example", "https://testserver:8443"):
        given = data | {"csrfmiddlewaretoken": token}
        attempt.answer(client.post(address, given, headers={"Origin": origin}), 403, shows=shows, what=origin)
    given = data | {"csrfmiddlewaretoken": token}
    for referer in ({}, {"Referer": "https://evil.example/"}, {"Referer": "http://testserver/"}):
        attempt.answer(client.post(address, given, secure=True, headers=referer), 403, shows=shows, what=str(referer))


FORGED = "no token, made-up and foreign tokens, foreign and null Origin, over HTTPS without or with a foreign Referer"


@pytest.mark.parametrize("name", mostly_whole(POSTED, {"session:sign-in", "runs:apply", "notifications:form"}))
def test_forms_from_elsewhere_are_refused(world: World, name: str) -> None:
    address = PAGES[name].address(world)

    with attack(
        f"forged form to {name}",
        how=f"POST {address} as a SYSADMIN: {FORGED}",
        expected="403 “open too long” each time",
    ) as attempt:
        forge(attempt, world, address, {"name": "Forged", "notification_addresses": "evil@example.com"})


@pytest.mark.whole
@pytest.mark.parametrize("group", GROUPS)
def test_forged_data_fixes_are_refused(world: World, group: str) -> None:
    addresses = {address: model for model in GROUPS[group] for address in urls.data_fixes_of(model)}

    with attack(
        f"forged form to the data fixes of {group}",
        how=f"POST to {len(addresses)} pages as a SYSADMIN: {FORGED}",
        expected="403 “open too long” each time",
    ) as attempt:
        for address, model in addresses.items():
            ids = [row.pk for row in MODELS[model]._default_manager.all()[:2]]
            forge(
                attempt, world, address, {"action": "block", "_selected_action": ids, "confirmed": "yes", "name": "x"}
            )


def test_the_pages_that_are_open_to_all_are_the_known_ones() -> None:
    assert {name for name in PAGES if PAGES[name].permission is None} == OPEN - {f"{data_fixes.name}:login"}
