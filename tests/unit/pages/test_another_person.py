"""The page and the command with which an administrator says that a username is another person's by now."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from directory.actions.users import namesake_usernames
from directory.models import KnownId, LdapServer, Match, RunChange, RunRepeat, StoredEntry
from directory.sync.stored import plan_json
from directory.values.ldap import Identity
from directory.values.plan import MatchedBy, Outcome
from directory.values.scripts import ANOTHER_PERSON
from orgs.models import AuditEntry, User
from orgs.rules.actors import SYSTEM
from tests.makers import (
    NOW,
    PASSWORD,
    make_change,
    make_org,
    make_run,
    make_server,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db
DN = "uid=john,ou=people"


@pytest.fixture
def john() -> User:
    """A user whose username stands at an entry with another id and another name."""
    john = make_user("john", first_name="John", last_name="Smith")
    server = make_server()
    Match.objects.create(user=john, server=server, dn=DN, unique_id="id-1", matched_at=NOW)
    stored(john, Identity(DN, "id-2", ("john",), (), "Mallory", "Jones"))
    run_noted(john, f"Another person with this username: {DN}. {ANOTHER_PERSON} frees the username for them.")
    return john


def run_noted(user: User, *steps: str) -> None:
    """Have a run say this of a user."""
    change = make_change(make_run(), user, outcome=Outcome.CONFLICT)
    RunChange.objects.filter(pk=change.pk).update(steps=list(steps))


def stored(user: User, who: Identity, matched_by: MatchedBy = MatchedBy.USERNAME) -> None:
    StoredEntry.objects.create(
        server=LdapServer.objects.get(),
        dn=who.dn,
        dn_key=who.dn,
        unique_id=who.unique_id,
        identity=plan_json.identity_to_json(who),
        user=user,
        matched_by=matched_by,
        run_id=0,
        verdict={},
    )


def address(user: User, page: str = "another-person") -> str:
    return reverse(f"users:{page}", args=[user.pk])


def confirmed(user: User) -> Client:
    """Return a browser in which somebody has just given the password again."""
    browser = signed_in(user)
    browser.post(reverse("session:confirm"), {"password": PASSWORD})
    return browser


class TestTheUsersPage:
    def test_names_the_entry_and_has_the_button(self, john: User) -> None:
        page = signed_in(make_sysadmin()).get(address(john, "detail")).content.decode()

        assert "Mallory Jones" in page
        assert address(john) in page

    def test_has_no_button_for_those_who_may_only_look(self, john: User) -> None:
        page = signed_in(make_user("mona", roles=["All Org Manager"])).get(address(john, "detail")).content.decode()

        assert "Mallory Jones" in page
        assert address(john) not in page

    @pytest.mark.parametrize("happens", ["found by id", "another conflict", "freed"])
    def test_says_nothing_while_there_is_no_doubt(self, john: User, happens: str) -> None:
        match happens:
            case "found by id":
                stored(john, Identity("uid=john,ou=back", "id-1", ("john",)))
            case "another conflict":
                run_noted(john, "Conflict: two entries for one user. Nothing changes.")
            case _:
                namesake_usernames.free_username(user_id=john.pk, by=SYSTEM, at=NOW)

        assert address(john) not in signed_in(make_sysadmin()).get(address(john, "detail")).content.decode()

    def test_says_what_the_run_said_where_no_entry_is_stored(self, john: User) -> None:
        StoredEntry.objects.all().delete()

        page = signed_in(make_sysadmin()).get(address(john, "detail")).content.decode()

        assert "frees the username for them" in page
        assert address(john) in page


class TestAnotherPerson:
    def test_frees_the_username_and_leaves_all_else_with_the_account(self, john: User) -> None:
        KnownId.objects.create(user=john, unique_id="id-0", noted_at=NOW)

        name = namesake_usernames.free_username(user_id=john.pk, by=SYSTEM, at=NOW)

        john.refresh_from_db()
        assert (john.username, john.last_name, john.active) == (f"john#{john.pk}", "Smith", True)
        assert name == john.username
        assert (Match.objects.get(user=john).unique_id, KnownId.objects.get().unique_id) == ("id-1", "id-0")
        assert AuditEntry.objects.filter(action="username freed", object_id=john.pk).exists()
        assert not namesake_usernames.doubt(john).exists
        make_user("John")

    def test_finds_a_name_that_nobody_has(self, john: User) -> None:
        make_user(f"JOHN#{john.pk}")

        assert namesake_usernames.free_username(user_id=john.pk, by=SYSTEM, at=NOW) == f"john#{john.pk}.1"

    def test_finds_a_name_that_is_not_too_long(self) -> None:
        long = make_user("ß" * 120)

        name = namesake_usernames.free_username(user_id=long.pk, by=SYSTEM, at=NOW)

        assert name.endswith(f"#{long.pk}")

    def test_names_whose_account_it_is_beside_the_entry(self, john: User) -> None:
        page = confirmed(make_sysadmin()).get(address(john)).content.decode()

        assert "This is the account of John Smith" in page
        assert "Mallory Jones" in page

    def test_asks_first_and_then_does_it(self, john: User) -> None:
        browser = confirmed(make_sysadmin())

        question = browser.get(address(john)).content.decode()
        done = browser.post(address(john), follow=True).content.decode()

        assert "Mallory Jones" in question
        assert f"john#{john.pk}" in done
        assert User.objects.get(pk=john.pk).username == f"john#{john.pk}"

    def test_of_somebody_who_holds_more_is_refused(self, john: User) -> None:
        ada = make_sysadmin()
        olga = make_user("olga", roles=["Org Admin"], password=PASSWORD)
        browser = confirmed(olga)

        page = browser.post(address(ada), follow=True).content.decode()

        assert "holds more than you do" in page
        assert User.objects.get(pk=ada.pk).username == "ada"

    def test_of_somebody_in_another_part_of_the_tree_is_not_found(self, john: User) -> None:
        olga = make_user("olga", org=make_org("Elsewhere"), roles=["Org Admin"], password=PASSWORD)

        assert confirmed(olga).post(address(john)).status_code == 404

    def test_can_be_said_on_the_command_line(self, john: User) -> None:
        out = StringIO()

        call_command("freeusername", "JOHN", stdout=out)

        assert out.getvalue() == f"john is called john#{john.pk} from now on; the username is free\n"
        with pytest.raises(CommandError, match="there is no user john"):
            call_command("freeusername", "john")


def test_a_run_that_repeats_what_an_earlier_one_said_is_the_last_one(john: User) -> None:
    first = RunChange.objects.get(user=john)
    RunChange.objects.filter(pk=first.pk).update(digest=1)
    run_noted(john, "Not checked: Headquarters could not be read.")
    assert not namesake_usernames.doubt(john).exists
    RunRepeat.objects.create(run=make_run(), first=first.pk, last=first.pk)

    assert namesake_usernames.doubt(john).exists


def test_a_run_that_repeats_something_else_ends_the_doubt(john: User) -> None:
    doubtful = RunChange.objects.get(user=john)
    run_noted(john, "Not checked: Headquarters could not be read.")
    RunChange.objects.exclude(pk=doubtful.pk).update(digest=1)
    other = RunChange.objects.exclude(pk=doubtful.pk).get()
    run_noted(john, f"Another person with this username: {DN}. {ANOTHER_PERSON} frees the username for them.")
    assert namesake_usernames.doubt(john).exists
    RunRepeat.objects.create(run=make_run(), first=other.pk, last=other.pk)

    assert not namesake_usernames.doubt(john).exists
