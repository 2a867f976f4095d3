"""One's own account: local password and sessions; and what administrators see and do of those of others."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from console.elements.browser_names import browser_name
from console.models import ConsoleSession
from console.security import session_list
from orgs.actions import orgs
from orgs.actions.users import blocking, local_passwords, role_grants
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM, person
from tests.makers import NOW, PASSWORD, make_org, make_sysadmin, make_user, signed_in

pytestmark = pytest.mark.django_db
NEW = "another one altogether"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0"


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> User:
    return make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)


def browser(username: str = "ada", *, agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    assert client.post("/sign-in/", {"username": username, "password": PASSWORD}).status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


class TestSessions:
    def test_are_listed_with_address_and_browser_this_one_first(self, ada: User) -> None:
        browser(agent=EDGE, address="198.51.100.9")
        here = browser()

        page = text_of(here.get("/account/"))

        assert page.index("Firefox on Linux") < page.index("this one") < page.index("Edge on Windows")
        assert page.index("192.0.2.7") < page.index("198.51.100.9")

    def test_of_others_are_not_listed(self, ada: User, olga: User) -> None:
        browser("olga", address="198.51.100.9")

        assert "198.51.100.9" not in text_of(browser().get("/account/"))

    def test_that_have_ended_are_not_listed(self, ada: User) -> None:
        with time_machine.travel(timezone.now() - timedelta(minutes=31)):
            browser(address="198.51.100.1")
        browser(address="198.51.100.2").post("/sign-out/")
        browser(address="198.51.100.3")
        User.objects.filter(pk=ada.pk).update(session_epoch=4)

        page = text_of(browser().get("/account/"))

        assert "198.51.100." not in page

    def test_end_one_by_one(self, ada: User) -> None:
        other, here = browser(address="198.51.100.9"), browser()
        key = ConsoleSession.objects.get(address="198.51.100.9").session_key

        here.post("/account/sessions/end/", {"session": key})

        assert is_signed_in(here)
        assert not is_signed_in(other)
        assert AuditEntry.objects.get(action="session ended").before["address"] == "198.51.100.9"

    def test_of_others_can_not_be_ended_by_their_key(self, ada: User, olga: User) -> None:
        theirs = browser("olga")
        key = ConsoleSession.objects.get(user=olga).session_key

        response = browser().post("/account/sessions/end/", {"session": key}, follow=True)

        assert "had ended already" in text_of(response)
        assert is_signed_in(theirs)

    def test_end_all_but_this_one(self, ada: User) -> None:
        others, here = [browser(), browser()], browser()
        assert "2 sessions end" in text_of(here.get("/account/sessions/end-others/"))

        response = here.post("/account/sessions/end-others/", follow=True)

        assert "2 other sessions have ended" in text_of(response)
        assert [is_signed_in(each) for each in (*others, here)] == [False, False, True]
        assert AuditEntry.objects.filter(action="sessions ended", object_id=ada.pk, actor=ada).exists()

    def test_are_ended_by_an_administrator_who_sees_them_first(self, ada: User, olga: User) -> None:
        theirs, client = browser("olga", address="198.51.100.9"), browser()
        assert "198.51.100.9" in text_of(client.get(f"/users/{olga.pk}/sessions/end/"))

        response = client.post(f"/users/{olga.pk}/sessions/end/", follow=True)

        assert "1 session of olga has ended" in text_of(response)
        assert not is_signed_in(theirs)
        assert AuditEntry.objects.filter(action="sessions ended", object_id=olga.pk, actor=ada).exists()

    def test_that_end_are_counted_not_those_that_were_shown(
        self, ada: User, olga: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            browser("olga")
        monkeypatch.setattr(session_list, "MOST", 1)

        response = browser().post(f"/users/{olga.pk}/sessions/end/", follow=True)

        assert "3 sessions of olga have ended" in text_of(response)

    @pytest.mark.parametrize("act", ["block", "deactivate"])
    def test_are_among_the_effects_of_an_act_that_ends_them(self, ada: User, olga: User, act: str) -> None:
        with time_machine.travel(timezone.now() - timedelta(minutes=31)):
            browser("olga")
        theirs = [browser("olga"), browser("olga")]

        page = " ".join(re.sub("<[^>]+>", " ", text_of(browser().get(f"/users/{olga.pk}/{act}/"))).split())

        assert "Sessions 2 End at once." in page
        assert all(is_signed_in(each) for each in theirs)

    def test_signing_in_and_out_is_in_the_audit_trail(self, ada: User) -> None:
        browser(address="198.51.100.9").post("/sign-out/")

        entries = AuditEntry.objects.filter(action__startswith="signed").order_by("pk")

        assert [entry.action for entry in entries] == ["signed in", "signed out"]
        assert [(entry.actor_label, entry.after["address"]) for entry in entries] == [("ada", "198.51.100.9")] * 2


class TestOnesOwnPassword:
    def test_is_changed_and_ends_the_other_sessions(self, ada: User) -> None:
        other, here = browser(), browser()

        here.post("/account/password/", {"new_password1": NEW, "new_password2": NEW})

        assert is_signed_in(here)
        assert not is_signed_in(other)
        assert User.objects.get(pk=ada.pk).check_password(NEW)

    def test_has_to_be_typed_twice_and_pass_the_rules(self, ada: User) -> None:
        here = browser()

        for first, second in ((NEW, "else"), ("short", "short"), ("x" * 5000, "x" * 5000)):
            response = here.post("/account/password/", {"new_password1": first, "new_password2": second})
            assert response.status_code == 200
        assert User.objects.get(pk=ada.pk).check_password(PASSWORD)

    def test_needs_a_fresh_confirmation(self, ada: User) -> None:
        with time_machine.travel(timezone.now() - timedelta(minutes=11)):
            here = browser()

        response = here.post("/account/password/", {"new_password1": NEW, "new_password2": NEW})

        assert response["Location"].startswith("/confirm/")

    def test_is_not_offered_where_the_directory_decides(self, ada: User, left: Org) -> None:
        mary = make_user("mary", org=left, roles=["Org Admin"], password=PASSWORD)
        User.objects.filter(pk=mary.pk).update(managed_locally=False)
        client = signed_in(mary)
        assert "A local password opens your account" in text_of(client.get("/account/"))
        Org.objects.filter(pk=left.pk).update(directory_service="ldap")

        with pytest.raises(Exception, match="follows LDAP"):
            local_passwords.set_password(user=mary, password=NEW, by=person(mary), at=NOW)


class TestAPasswordOfOthers:
    def test_is_set_by_an_administrator(self, ada: User, olga: User) -> None:
        theirs, client = browser("olga"), browser()

        client.post(f"/users/{olga.pk}/password/", {"new_password1": NEW, "new_password2": NEW})

        assert User.objects.get(pk=olga.pk).check_password(NEW)
        assert not is_signed_in(theirs)

    def test_is_not_set_for_somebody_who_holds_more(self, ada: User, left: Org, olga: User) -> None:
        boss = make_user("boss", org=left, roles=["All Org Admin"], password=PASSWORD)

        response = browser("olga").post(f"/users/{boss.pk}/password/", {"new_password1": NEW, "new_password2": NEW})

        assert "holds more than you do" in text_of(response)
        assert User.objects.get(pk=boss.pk).check_password(PASSWORD)

    def test_is_not_offered_where_it_would_not_count(self, ada: User, left: Org) -> None:
        mary = make_user("mary", org=left)
        orgs.change(org=left, directory_service="ldap", by=SYSTEM, at=NOW)
        client = browser()

        assert "Set a password" not in text_of(client.get(f"/users/{mary.pk}/"))
        assert "Mark the user as managed locally" in text_of(client.get(f"/users/{mary.pk}/password/"))

    def test_that_the_user_has_changed_is_still_forgotten_at_a_promotion(
        self, ada: User, left: Org, olga: User
    ) -> None:
        """Who has set the first password may have signed in with it, and changed it as the user."""
        pat = make_user("pat", org=left, roles=["PROe User"], password=PASSWORD)
        local_passwords.set_password(user=pat, password=NEW, by=person(olga), at=NOW)
        local_passwords.set_password(user=pat, password=PASSWORD, by=person(pat), at=NOW)

        admin = frozenset({Role.objects.get(name="SYSADMIN").pk})
        role_grants.set_roles(roles={pat.pk: admin}, by=person(ada), at=NOW)

        assert not User.objects.get(pk=pat.pk).has_usable_password()

    def test_that_the_user_has_changed_stays_if_who_set_the_first_holds_as_much(self, ada: User, left: Org) -> None:
        pat = make_user("pat", org=left, roles=["PROe User"], password=PASSWORD)
        local_passwords.set_password(user=pat, password=NEW, by=person(ada), at=NOW)
        local_passwords.set_password(user=pat, password=PASSWORD, by=person(pat), at=NOW)

        admin = frozenset({Role.objects.get(name="SYSADMIN").pk})
        role_grants.set_roles(roles={pat.pk: admin}, by=person(ada), at=NOW)

        assert User.objects.get(pk=pat.pk).check_password(PASSWORD)


def test_a_blocked_user_has_no_session_in_the_list(ada: User, olga: User) -> None:
    browser("olga")
    blocking.block(user_ids=[olga.pk], by=SYSTEM, at=NOW)

    assert "End the sessions" not in text_of(browser().get(f"/users/{olga.pk}/"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1",
            "Safari on iOS",
        ),
        ("curl/8.5.0", "curl"),
        ("", "a browser without a name"),
        ("Something else entirely, with a long name behind it", "Something else entirely, with a long nam"),
    ],
)
def test_browsers_have_short_names(text: str, name: str) -> None:
    assert browser_name(text) == name
