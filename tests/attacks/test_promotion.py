"""Becoming SYSADMIN by a CSV file: a password for somebody whom the directory makes powerful, now or months later."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.invariants import broken
from directory.models import LdapServer
from orgs.actions import orgs, roles
from orgs.actions.users import deactivation, local_passwords, org_moves, role_grants, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import AuditEntry, CreatedBy, Org, Role, User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, person
from tests.attacks.attempts import attack
from tests.attacks.ldap_pages import on_the_page
from tests.attacks.upload_pages import PREVIEW, created, uploaded
from tests.catalogue import noted
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import NOW, PASSWORD, make_org, make_role, make_user, signed_in
from tests.worlds import simulate_and_sync, sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]

MINE = "MyOwnPassw0rd"
UPLOADERS = {"olga": "Org Admin", "hank": "Help Desk"}


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with Directory() as directory:
        employer = Employer(directory)
        employer.hires("new.sys", mail="new.sys@corp.example", title="SYSADMIN")
        employer.hires("new.mix", title="SYSADMIN, Org Admin, Nobody Knows")
        employer.hires("new.unknown", title="Nobody Knows")
        employer.hires("new.plain")
        employer.hires("colleague", title="PROe User")
        yield directory


@pytest.fixture
def left(db: None) -> Org:
    return make_org("Left")


@pytest.fixture
def server(directory: Directory, left: Org) -> LdapServer:
    """A server that a SYSADMIN lets grant SYSADMIN, asked by the org Left."""
    return Employer(directory).server(orgs=["Left"], grantable_roles=["SYSADMIN", "Org Admin", "PROe User"])


@pytest.fixture(params=UPLOADERS)
def uploader(request: pytest.FixtureRequest, left: Org) -> Client:
    return signed_in(make_user(request.param, org=left, roles=[UPLOADERS[request.param]], password=PASSWORD))


def opens(username: str, password: str = MINE) -> bool:
    """Return whether a password signs in."""
    return Client().post("/sign-in/", {"username": username, "password": password}).status_code == 302


def roles_of(username: str) -> set[str]:
    return set(User.objects.get(username=username).roles.values_list("name", flat=True))


@pytest.mark.usefixtures("server")
class TestADirectoryPersonWithAPassword:
    def test_is_not_created(self, uploader: Client, left: Org) -> None:
        with attack(
            "a password for a directory person who is SYSADMIN by group",
            how="CSV with new.sys and a password of one's own, previewed and created",
            expected="the row is refused and says what to do; nobody is created",
        ) as attempt:
            assert uploaded(uploader, left, f"username,password\nnew.sys,{MINE}\n".encode()).status_code == 302
            text = on_the_page(uploader.get(reverse(PREVIEW)).content)
            assert "Corp knows this person, who signs in by LDAP: leave the password empty" in text
            created(uploader)
            assert not User.objects.filter(username="new.sys").exists()
            attempt.note("refused")
        assert not opens("new.sys")

    def test_is_not_created_where_the_directory_does_not_know_them(self, uploader: Client, left: Org) -> None:
        uploaded(uploader, left, f"username,password\nghost,{MINE}\n".encode())

        text = on_the_page(uploader.get(reverse(PREVIEW)).content)

        assert "Left follows LDAP, so the user signs in by LDAP: leave the password empty" in text
        created(uploader)
        assert not User.objects.filter(username="ghost").exists()

    @pytest.mark.parametrize("arguments", [[], ["--no-scripts"]])
    def test_is_not_created_from_the_command_line(self, tmp_path: Path, arguments: list[str]) -> None:
        (tmp_path / "users.csv").write_text(f"username,password\nnew.sys,{MINE}\n")
        output = io.StringIO()

        call_command("importusers", str(tmp_path / "users.csv"), "--org", "Left", *arguments, stderr=output)

        assert "leave the password empty" in output.getvalue()
        assert not User.objects.filter(username="new.sys").exists()


class TestRolesThatTheUploaderDoesNotHold:
    def test_are_left_out_and_said_and_a_later_sync_grants_them(
        self, uploader: Client, left: Org, server: LdapServer
    ) -> None:
        uploaded(uploader, left, b"username\nnew.sys\nnew.mix\nnew.unknown\nnew.plain\ncolleague\n")
        text = on_the_page(uploader.get(reverse(PREVIEW)).content)
        assert "you do not hold all that SYSADMIN does (admin), so the role is left out" in text
        assert "There is no role Nobody Knows" in text
        created(uploader)

        assert roles_of("new.sys") == set()
        assert "SYSADMIN" not in roles_of("new.mix")
        entry = AuditEntry.objects.get(action="user created", object_label="new.mix")
        assert entry.after["roles"] == sorted(roles_of("new.mix"))

        simulate_and_sync(server)
        assert roles_of("new.sys") == {"SYSADMIN"}
        assert roles_of("new.mix") == {"SYSADMIN", "Org Admin"}
        assert broken(at=timezone.now()) == []

    def test_come_from_the_command_line_which_names_them(self, tmp_path: Path, server: LdapServer) -> None:
        (tmp_path / "users.csv").write_text("username\nnew.sys\nnew.plain\n")
        output = io.StringIO()

        call_command("importusers", str(tmp_path / "users.csv"), "--org", "Left", stdout=output)

        assert roles_of("new.sys") == {"SYSADMIN"}
        assert "new.sys: administrator by the roles SYSADMIN" in output.getvalue()
        assert "new.plain: administrator" not in output.getvalue()
        assert not User.objects.get(username="new.sys").has_usable_password()


class TestAPlainPersonWithAPassword:
    """Made while the org was local, promoted by a sync months later."""

    def test_does_not_open_the_account_once_the_directory_decides(
        self, uploader: Client, left: Org, directory: Directory
    ) -> None:
        expected = "the password opens nothing, and the session that it had opened ends"
        how = "CSV with a password into a local org, which follows LDAP later; a sync grants SYSADMIN; sign-in"
        with noted(
            "requests", "the password of a plain person whom a sync promotes", how=how, expected=expected
        ) as row:
            uploaded(uploader, left, f"username,password\nnew.sys,{MINE}\n".encode())
            created(uploader)
            assert opens("new.sys")
            browser = signed_in(User.objects.get(username="new.sys"))

            server = Employer(directory).server(orgs=["Left"], grantable_roles=["SYSADMIN"])
            simulate_and_sync(server)

            assert roles_of("new.sys") == {"SYSADMIN"}
            assert not opens("new.sys")
            assert browser.get("/").status_code == 302
            # Nor when the directory is taken away again.
            orgs.change(org=Org.objects.get(pk=left.pk), directory_service="local", by=SYSTEM, at=NOW)
            assert not opens("new.sys")
            row.saw("sign-in refused, session ended", wrongly_changed=0)

    def test_does_not_open_an_account_that_was_made_before_passwords_were_refused(
        self, left: Org, server: LdapServer
    ) -> None:
        victim = make_user("new.sys", org=left)
        victim.set_password(MINE)
        victim.save()
        simulate_and_sync(server)

        assert roles_of("new.sys") == {"SYSADMIN"}
        assert not opens("new.sys")


class TestSomebodyOfALocalOrgWhoIsGivenMore:
    """An Org Admin made the account with a password; a SYSADMIN gives it a role later."""

    @pytest.fixture
    def person_of_olga(self, uploader: Client, left: Org) -> User:
        uploaded(uploader, left, f"username,password\nlocal.one,{MINE}\n".encode())
        created(uploader)
        assert opens("local.one")
        found: User = User.objects.get(username="local.one")
        return found

    @staticmethod
    def given(user: User, *names: str) -> None:
        ada = make_user("ada", roles=["SYSADMIN"], password=PASSWORD)
        roles = frozenset(Role.objects.filter(name__in=names).values_list("pk", flat=True))
        role_grants.set_roles(roles={user.pk: roles}, by=person(ada), at=NOW)

    def test_is_not_opened_by_the_password_of_who_holds_less(self, person_of_olga: User) -> None:
        self.given(person_of_olga, "SYSADMIN")

        assert not opens("local.one")
        assert AuditEntry.objects.filter(action="password forgotten", object_id=person_of_olga.pk).exists()

    def test_keeps_the_password_where_nobody_gains_by_it(self, person_of_olga: User) -> None:
        self.given(person_of_olga, "PROe User", "Admin Restore Limited", "Desktop User")

        assert opens("local.one")

    def test_keeps_the_password_that_a_sysadmin_has_set(self, person_of_olga: User) -> None:
        eve = make_user("eve", roles=["SYSADMIN"], password=PASSWORD)
        local_passwords.set_password(user=person_of_olga, password=MINE, by=person(eve), at=NOW)

        self.given(person_of_olga, "SYSADMIN")

        assert opens("local.one")


class TestSomebodyWhoseRoleIsGivenMore:
    """An Org Admin made the account, with a password and a custom role; a SYSADMIN adds permissions to that role."""

    HELD = (Permission.CONSOLE_LOGIN.value, "admin.user.read")

    @pytest.fixture
    def clerk(self) -> Role:
        return make_role("Clerk", *self.HELD)

    @pytest.fixture
    def eve(self) -> User:
        return make_user("eve", roles=["SYSADMIN"], password=PASSWORD)

    @pytest.fixture
    def holder(self, left: Org, clerk: Role, eve: User) -> User:
        olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)
        new = NewUser(Profile("local.one"), left.pk, frozenset({clerk.pk}), password=MINE)
        made = user_creation.create(users=[new], created_by=CreatedBy.HAND, by=person(olga), at=NOW)[0]
        assert opens("local.one")
        return made

    def saved(self, clerk: Role, *added: str) -> None:
        eve = User.objects.get(username="eve")
        roles.save(role=clerk, name="Clerk", permissions=[*self.HELD, *added], by=person(eve), at=NOW)

    @pytest.mark.parametrize("permission", ["admin", "admin.alluser", "admin.system"])
    def test_is_not_opened_by_the_password_of_who_holds_less(self, holder: User, clerk: Role, permission: str) -> None:
        browser = signed_in(holder)
        assert browser.get("/").status_code == 200

        self.saved(clerk, permission)

        assert not opens("local.one")
        assert browser.get("/")["Location"].startswith("/sign-in/")
        assert AuditEntry.objects.filter(action="password forgotten", object_id=holder.pk).count() == 1

    def test_keeps_the_password_where_nobody_gains_by_it(self, holder: User, clerk: Role) -> None:
        self.saved(clerk, "admin.org.read")
        self.saved(clerk)

        assert opens("local.one")

    def test_keeps_the_password_that_they_or_a_sysadmin_have_set(
        self, holder: User, clerk: Role, eve: User, left: Org
    ) -> None:
        local_passwords.set_password(user=holder, password=MINE, by=person(eve), at=NOW)
        local_passwords.set_password(user=holder, password=MINE, by=person(holder), at=NOW)
        other = make_user("other", org=left, roles=["Clerk"])
        local_passwords.set_password(user=other, password=MINE, by=person(eve), at=NOW)

        self.saved(clerk, "admin")

        assert opens("local.one")
        assert opens("other")
        assert not AuditEntry.objects.filter(action="password forgotten").exists()

    def test_is_also_one_who_is_inactive_or_blocked_today(self, holder: User, clerk: Role, eve: User) -> None:
        deactivation.deactivate(user_ids=[holder.pk], by=person(eve), at=NOW)

        self.saved(clerk, "admin")
        deactivation.reactivate(user_ids=[holder.pk], by=person(eve), at=NOW)

        assert not opens("local.one")

    def test_is_found_by_the_data_fixes_which_say_so(self, holder: User, clerk: Role, eve: User) -> None:
        given = {"name": "Clerk", "permissions": [*self.HELD, "admin"]}

        page = signed_in(eve).post(f"/data-fixes/orgs/role/{clerk.pk}/change/", given, follow=True)

        assert "no local password any more: local.one" in on_the_page(page.content)
        assert not opens("local.one")

    def test_may_reach_further_by_a_move_instead(self, holder: User, eve: User) -> None:
        org_moves.move(moves={holder.pk: Org.objects.get(depth=1).pk}, by=person(eve), at=NOW)

        assert not opens("local.one")

    def test_keeps_the_password_where_a_move_takes_them_no_further(self, holder: User, eve: User, left: Org) -> None:
        org_moves.move(moves={holder.pk: make_org("Lower", parent=left).pk}, by=person(eve), at=NOW)

        assert opens("local.one")

    def test_loses_a_password_of_which_nobody_knows_who_set_it(self, holder: User, clerk: Role) -> None:
        AuditEntry.objects.filter(object_type="user", object_id=holder.pk).delete()

        self.saved(clerk, "admin")

        assert not opens("local.one")


class TestRolesAtCreationAndAtASync:
    def test_are_the_same(self, left: Org, server: LdapServer, tmp_path: Path) -> None:
        """Whatever the script says, the sync after an import has nothing to do."""
        orgs.change(org=left, own_default_roles=True, default_roles=[], by=SYSTEM, at=NOW)
        names = ("new.sys", "new.mix", "new.unknown", "new.plain", "colleague")
        (tmp_path / "users.csv").write_text("\n".join(["username", *names]))
        call_command("importusers", str(tmp_path / "users.csv"), "--org", "Left", stderr=io.StringIO())

        run = sync(server, simulated=True)

        assert {row.username: row.actions for row in run.changes.exclude(actions=[])} == {}
