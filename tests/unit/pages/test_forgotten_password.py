"""A new local password by a mailed link: who gets one, how long it works, and what it gives away."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import celery.signals
import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.celery import app
from orgs.actions import orgs
from orgs.actions.users import blocking, role_grants, user_creation, user_profiles
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import AuditEntry, CreatedBy, Org, Role, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.conftest import Mailbox
from tests.mails_at_once import worker_at_once
from tests.makers import NOW, PASSWORD, make_org, make_sysadmin, make_user, signed_in
from tests.second_factors import make_code_app

pytestmark = pytest.mark.django_db
NEW = "another one altogether"
ON_ITS_WAY = "a link is on its way"
NO_LINK = "This link does not work"


@pytest.fixture(autouse=True)
def mailed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server, and a worker that sends mails at once."""
    settings.EMAIL_HOST = "localhost"
    worker_at_once(monkeypatch)


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> User:
    return make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD, email="olga@example.com")


def request_link(username: str, **extra: Any) -> Any:
    return Client().post("/sign-in/forgotten-password/", {"username": username}, follow=True, **extra)


def link() -> str:
    """Return the address in the last mail, without the host."""
    found = re.search(r"https?://[^/\s]+(/\S+)", str(mail.outbox[-1].body).split("\n\n")[1])
    assert found is not None
    return found[1]


def choose(address: str, password: str = NEW) -> Any:
    return Client().post(address, {"new_password1": password, "new_password2": password}, follow=True)


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_the_link_lets_one_choose_and_sign_in(ada: User) -> None:
    before = signed_in(ada)
    assert ON_ITS_WAY in text_of(request_link("ADA"))
    assert mail.outbox[0].to == ["ada@example.com"]
    assert "Choose a password" in text_of(Client().get(link()))

    assert "Your password is set" in text_of(choose(link()))

    assert Client().post("/sign-in/", {"username": "ada", "password": NEW})["Location"] == "/"
    assert before.get("/").status_code == 302
    assert AuditEntry.objects.get(action="password set", object_id=ada.pk).after == {"mailed_link": None}
    assert AuditEntry.objects.get(action="password link requested").after == {"address": "127.0.0.1"}


def test_the_second_factor_is_still_needed(ada: User) -> None:
    make_code_app(ada)
    request_link("ada")
    choose(link())

    response = Client().post("/sign-in/", {"username": "ada", "password": NEW})

    assert response["Location"] == "/sign-in/second-step/"


def test_a_link_works_once(ada: User) -> None:
    request_link("ada")
    choose(link())

    assert NO_LINK in text_of(choose(link(), "a third one, never set"))
    assert User.objects.get(pk=ada.pk).check_password(NEW)


def test_all_earlier_links_end_with_the_first_that_is_used(ada: User) -> None:
    request_link("ada")
    first = link()
    request_link("ada")
    choose(link())

    assert NO_LINK in text_of(Client().get(first))


def test_a_link_works_for_an_hour(ada: User) -> None:
    request_link("ada")
    address = link()

    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert "Choose a password" in text_of(Client().get(address))
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert NO_LINK in text_of(Client().get(address))


@pytest.mark.parametrize("token", ["", "x", "x:y:z", "W10:1abc:sig", "\u2603", "a" * 5000])
def test_a_link_that_is_none_opens_nothing(ada: User, token: str) -> None:
    assert NO_LINK in text_of(Client().get("/sign-in/new-password/", {"link": token}))


class TestTheAnswer:
    def test_is_the_same_for_anybody(self, ada: User, left: Org, olga: User) -> None:
        mary = make_user("mary", org=left, roles=["Org Admin"], email="mary@example.com")
        blocked = make_user("bob", roles=["Org Admin"], password=PASSWORD, email="bob@example.com")
        blocking.block(user_ids=[blocked.pk], by=SYSTEM, at=NOW)
        make_user("dora", roles=["Desktop User"], password=PASSWORD, email="dora@example.com")
        make_user("nomail", roles=["PROe User"], password=PASSWORD)
        orgs.change(org=left, directory_service="ldap", by=SYSTEM, at=NOW)
        assert mary.pk

        answers = {
            name: re.sub(
                r'name="csrfmiddlewaretoken" value="[^"]*"', "", text_of(request_link(name)).replace(f" {name} ", " ")
            )
            for name in ("ada", "nobody", "mary", "bob", "dora", "nomail")
        }

        assert len(set(answers.values())) == 1
        assert [message.to for message in mail.outbox] == [["ada@example.com"]]

    def test_is_the_same_where_no_mail_server_is_set(self, ada: User, settings: Settings) -> None:
        settings.EMAIL_HOST = ""

        assert ON_ITS_WAY in text_of(request_link("ada"))
        assert mail.outbox == []
        assert not AuditEntry.objects.filter(action="password link requested").exists()

    def test_does_not_wait_for_the_mail(self, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """The page only puts a task into a queue, the same one for any username."""
        put: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(
            "console.security.account_mails.queues.put",
            lambda task, *, queue, **arguments: put.append((task, arguments)),
        )

        request_link("ada")
        request_link("nobody")

        assert [task for task, _ in put] == ["console.security.account_mails.mail_requested_link"] * 2
        assert put[0][1] == {"username": "ada", "address": "127.0.0.1"}

    def test_is_throttled_by_username_and_by_address(self, ada: User) -> None:
        for number in range(3):
            assert ON_ITS_WAY in text_of(request_link("ada", REMOTE_ADDR=f"192.0.2.{number}"))

        assert "Too many attempts" in text_of(request_link("ada", REMOTE_ADDR="192.0.2.99"))
        assert len(mail.outbox) == 3
        assert Client().post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302


class TestWhoMayReadTheMail:
    """Nobody gets into an account that holds more than they do, by an address that they have set."""

    def promoted(self, user: User, ada: User) -> None:
        role_grants.set_roles(
            roles={user.pk: frozenset({Role.objects.get(name="SYSADMIN").pk})}, by=person(ada), at=NOW
        )

    def made_by(self, by: Actor, left: Org) -> User:
        new = NewUser(Profile("eve", "evil@example.com"), org_id=left.pk, managed_locally=True)
        return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=by, at=NOW)[0]

    def test_an_address_of_the_creation_counts_no_more_after_a_promotion(
        self, ada: User, left: Org, olga: User
    ) -> None:
        self.promoted(self.made_by(person(olga), left), ada)

        request_link("eve")

        assert mail.outbox == []

    def test_an_address_that_was_changed_counts_no_more_after_a_promotion(
        self, ada: User, left: Org, olga: User
    ) -> None:
        eve = self.made_by(person(ada), left)
        profile = Profile("eve", "worse@example.com")
        user_profiles.update_profiles(profiles={eve.pk: profile}, by=person(olga), at=NOW)
        self.promoted(eve, ada)

        request_link("eve")

        assert mail.outbox == []

    def test_an_address_from_a_sync_counts_for_nobody_who_holds_anything(self, ada: User, left: Org) -> None:
        eve = self.made_by(person(ada), left)
        profile = Profile("eve", "synced@example.com")
        user_profiles.update_profiles(profiles={eve.pk: profile}, by=Actor("a sync", run_id=7), at=NOW)
        self.promoted(eve, ada)

        request_link("eve")

        assert mail.outbox == []

    def test_an_address_that_a_sysadmin_set_counts(self, ada: User, left: Org) -> None:
        self.promoted(self.made_by(person(ada), left), ada)

        request_link("eve")

        assert [message.to for message in mail.outbox] == [["evil@example.com"]]

    def test_a_link_from_before_the_promotion_opens_nothing(self, ada: User, left: Org, olga: User) -> None:
        eve = self.made_by(person(olga), left)
        role_grants.set_roles(roles={eve.pk: frozenset({Role.objects.get(name="PROe User").pk})}, by=SYSTEM, at=NOW)
        request_link("eve")
        address = link()
        self.promoted(eve, ada)

        assert NO_LINK in text_of(choose(address))

    def test_a_password_that_such_a_link_has_set_is_forgotten_at_the_promotion(
        self, ada: User, left: Org, olga: User
    ) -> None:
        eve = self.made_by(person(olga), left)
        role_grants.set_roles(roles={eve.pk: frozenset({Role.objects.get(name="PROe User").pk})}, by=SYSTEM, at=NOW)
        request_link("eve")
        choose(link())
        assert User.objects.get(pk=eve.pk).check_password(NEW)

        self.promoted(eve, ada)

        assert not User.objects.get(pk=eve.pk).has_usable_password()


class TestSentByAnAdministrator:
    def send(self, client: Client, user: User, capture: DjangoCaptureOnCommitCallbacks) -> Any:
        client.get("/")
        with capture(execute=True):
            return client.post(f"/users/{user.pk}/password/link/", follow=True)

    def test_reaches_the_user(
        self, ada: User, olga: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        text = text_of(self.send(signed_in(ada), olga, django_capture_on_commit_callbacks))
        assert "on its way to olga@example.com" in text

        choose(link())

        assert User.objects.get(pk=olga.pk).check_password(NEW)
        assert AuditEntry.objects.get(action="password set", object_id=olga.pk).after == {"mailed_link": ada.pk}
        assert AuditEntry.objects.get(action="password link mailed").actor_id == ada.pk

    def test_is_not_for_somebody_who_holds_more(
        self,
        ada: User,
        left: Org,
        olga: User,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        boss = make_user("boss", org=left, roles=["All Org Admin"], password=PASSWORD, email="boss@example.com")

        text = text_of(self.send(signed_in(olga), boss, django_capture_on_commit_callbacks))

        assert "holds more than you do" in text
        assert mail.outbox == []

    def test_says_that_no_mail_server_is_set(
        self,
        ada: User,
        olga: User,
        settings: Settings,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        settings.EMAIL_HOST = ""
        client = signed_in(ada)

        assert "no mail server is set" in text_of(self.send(client, olga, django_capture_on_commit_callbacks))
        assert "no mail server is set" in text_of(client.get(f"/users/{olga.pk}/password/"))

    def test_ends_if_the_user_gains_more_than_the_sender_holds(
        self,
        ada: User,
        left: Org,
        olga: User,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        pat = make_user("pat", org=left, roles=["PROe User"], password=PASSWORD, email="pat@example.com")
        self.send(signed_in(olga), pat, django_capture_on_commit_callbacks)
        address = link()
        admin = frozenset({Role.objects.get(name="SYSADMIN").pk})
        role_grants.set_roles(roles={pat.pk: admin}, by=person(ada), at=NOW)

        assert NO_LINK in text_of(Client().get(address))


def test_a_mail_that_was_not_taken_is_tried_again(ada: User, mailbox: Mailbox, settings: Settings) -> None:
    mailbox.refuse = "450 later"
    attempts: list[str] = []

    def look(sender: object, **_: object) -> None:
        attempts.append("again")
        mailbox.refuse = ""

    celery.signals.task_retry.connect(look)
    try:
        task = app.tasks["console.security.account_mails.mail_requested_link"]
        task.apply(kwargs={"username": "ada", "address": "192.0.2.7"})
    finally:
        celery.signals.task_retry.disconnect(look)

    assert attempts == ["again"]
    assert [message["To"] for message in mailbox.messages] == ["ada@example.com"]
