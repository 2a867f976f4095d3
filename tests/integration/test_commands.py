"""The command line, as scripts and other tools rely on it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from directory.models import LdapServer, Match, Run, RunState
from orgs.actions.users import blocking
from orgs.models import AuditEntry, DirectoryService, Org, User
from orgs.rules.actors import SYSTEM
from tests.integration.employer import ACTIVE, ORG_NAME, ROLE_NAME, Employer
from tests.worlds import NOON, again, org, user

pytestmark = pytest.mark.django_db
KEYS = {
    "name", "enabled", "orgs", "urls", "start_tls", "verify_certificates", "ca_certificate", "bind_dn", "search_base",
    "search_scope", "search_filter", "page_size", "needed_attributes_only", "connect_timeout", "operation_timeout",
    "follow_referrals",
    "username_attribute", "email_attribute", "first_name_attribute", "last_name_attribute", "unique_id_attribute",
    "always_list_attributes", "active_script", "org_name_script", "role_name_script", "grantable_roles",
    "limit_deactivations_percent", "limit_deactivations_count",
}  # fmt: skip
COUNTS = {
    "users", "deactivated", "blocked", "activated", "moved", "rolesChanged", "renamed", "profileChanged",
    "scriptErrors", "notChecked", "conflicts", "warnings",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Write a file and return where."""

    def write(content: object, name: str = "file") -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)

    return write


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command and return its exit code and what it printed."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def corp(employer: Employer, **more: object) -> dict[str, object]:
    return {
        "name": "Corp",
        "orgs": ["Default"],
        "urls": [employer.directory.url],
        "search_base": employer.directory.base,
        "active_script": ACTIVE,
        "org_name_script": ORG_NAME,
        "role_name_script": ROLE_NAME,
        **more,
    }


class TestLdapserver:
    def test_apply_creates_a_server_with_defaults_and_makes_its_orgs_follow_it(
        self, file: Any, employer: Employer
    ) -> None:
        code, out, _ = run("ldapserver", "apply", file(corp(employer, orgs=["Default", "Research"])))

        assert (code, out) == (0, "created Corp\ncreated the org Research\n")
        server = LdapServer.objects.get()
        assert (server.page_size, server.username_attribute, server.enabled) == (1000, "uid", True)
        research = Org.objects.get(name="Research")
        assert research.directory_service == DirectoryService.LDAP
        assert research.depth == 2
        assert {found.name for found in server.orgs.all()} == {"Default", "Research"}

    def test_apply_updates_by_name_in_any_letter_case_and_absent_keys_keep_their_value(
        self, file: Any, employer: Employer
    ) -> None:
        run("ldapserver", "apply", file(corp(employer, bind_dn="cn=a,dc=b", bind_password="geheim", page_size=50)))

        code, out, _ = run("ldapserver", "apply", file({"name": "CORP", "limit_deactivations_percent": 9}))

        server = LdapServer.objects.get()
        assert (code, out) == (0, "updated Corp\n")
        assert (server.page_size, server.bind_password, server.limit_deactivations_percent) == (50, "geheim", 9)

    def test_show_prints_the_same_form_without_the_password(self, file: Any, employer: Employer) -> None:
        run("ldapserver", "apply", file(corp(employer, bind_dn="cn=a,dc=b", bind_password="geheim")))

        code, out, _ = run("ldapserver", "show", "corp")

        shown = json.loads(out)
        assert code == 0
        assert shown.keys() >= KEYS
        assert "bind_password" not in shown
        assert "geheim" not in out
        assert run("ldapserver", "apply", file(shown))[0] == 0
        assert json.loads(run("ldapserver", "show")[1]) == [shown]

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("page_size", "many"),
            ("page_size", 0),
            ("page_size", True),
            ("needed_attributes_only", 1),
            ("needed_attributes_only", "yes"),
            ("urls", []),
            ("urls", "ldap://dc1"),
            ("urls", ["http://dc1"]),
            ("urls", ["ldap://a ldap://b"]),
            ("urls", ["ldap://dc1:70000"]),
            ("search_base", "nonsense"),
            ("search_scope", "everything"),
            ("search_filter", "(uid=x"),
            ("search_filter", ""),
            ("active_script", "function (entry) { return ; "),
            ("org_name_script", "1 + 1"),
            ("role_name_script", "function () {}) (function () {}"),
            ("grantable_roles", ["Nothing"]),
            ("bind_dn", "cn=reader,dc=example,dc=com"),
            ("ca_certificate", "no certificate"),
            ("connect_timeout", -1),
            ("limit_deactivations_percent", 101),
            ("limit_deactivations_count", 0),
            ("limit_deactivations_percent", None),
            ("colour", "blue"),
            ("name", ""),
        ],
    )
    def test_a_bad_file_changes_nothing_and_the_message_names_the_key(
        self, file: Any, employer: Employer, key: str, value: object
    ) -> None:
        code, _, err = run("ldapserver", "apply", file([corp(employer, name="Good"), corp(employer, **{key: value})]))

        named = "bind_password" if key == "bind_dn" else key
        assert code != 0
        assert f"{named}: " in err
        assert not LdapServer.objects.exists()

    @pytest.mark.parametrize("text", ["", "{", "[]", "7", '["x"]'])
    def test_a_file_that_is_no_server_is_refused(self, file: Any, text: str) -> None:
        assert run("ldapserver", "apply", file(text))[0] != 0

    def test_a_changed_password_leaves_an_audit_row_that_does_not_tell_it(self, file: Any, employer: Employer) -> None:
        run("ldapserver", "apply", file(corp(employer, bind_dn="cn=a,dc=b", bind_password="geheim")))

        run("ldapserver", "apply", file({"name": "Corp", "bind_password": "noch geheimer"}))

        row = AuditEntry.objects.filter(object_type="LDAP server").latest("pk")
        assert row.after == {"bind_password": "changed"}

    def test_a_changed_address_needs_the_password_again(self, file: Any, employer: Employer) -> None:
        run("ldapserver", "apply", file(corp(employer, bind_dn="cn=a,dc=b", bind_password="geheim")))

        code, _, err = run("ldapserver", "apply", file({"name": "Corp", "urls": ["ldap://elsewhere.example.com"]}))

        assert code != 0
        assert "bind_password: " in err


class TestImportusers:
    def test_creates_users_and_missing_orgs_under_the_chosen_one(self, file: Any) -> None:
        path = file("username,email,first_name,last_name,org,notes\nsean,s@example.com,Sean,Ryan,Staff,new\nmia,,,,,\n")

        code, out, _ = run("importusers", path, "--org", "Research", "--no-scripts")

        assert code == 0
        assert "created 2 users" in out
        sean, mia = User.objects.get(username="sean"), User.objects.get(username="mia")
        assert (sean.org.name, mia.org.name) == ("Staff", "Research")
        assert sean.org.path.startswith(mia.org.path)
        assert sorted(role.name for role in mia.roles.all()) == ["Desktop User", "PROe User"]

    def test_runs_the_scripts_in_orgs_that_follow_ldap_and_creates_their_orgs_below_the_chosen_one(
        self, file: Any, employer: Employer
    ) -> None:
        employer.hires("Sean", mail="s@example.com", departmentNumber="Labs", title="Org Admin")
        employer.hires("tom", employeeType="inactive")
        employer.server()

        code, out, err = run("importusers", file("username\nsean\ntom\nghost\n"))

        sean = User.objects.get(username_key="sean")
        assert code == 0
        assert "created 1 user, refused 2" in out
        assert "tom: not created: the active script of Corp says inactive" in err
        assert "ghost: not created: the directory has no such person" in err
        assert (sean.username, sean.email, sean.org.name) == ("Sean", "s@example.com", "Labs")
        assert sean.org.path.startswith(org("Default").path)
        assert [role.name for role in sean.roles.all()] == ["Org Admin"]
        assert Match.objects.get(user=sean).unique_id

    def test_creates_who_is_not_in_the_directory_if_asked_to(self, file: Any, employer: Employer) -> None:
        employer.server()

        _, out, err = run("importusers", file("username\nghost\n"), "--create-unknown")

        assert "created 1 user, refused 0" in out
        assert "ghost: was not found in the directory" in err

    def test_a_bad_file_creates_nobody(self, file: Any) -> None:
        user("sean")

        code, _, err = run("importusers", file("username\nmia\nSEAN\n"), "--no-scripts")

        assert code != 0
        assert "sean is taken" in err
        assert not User.objects.filter(username="mia").exists()


class TestLdapsync:
    @pytest.fixture(autouse=True)
    def people(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Staff", title="Org Admin")
        org("Staff")
        self.sean, self.mia = user("sean"), user("mia")
        employer.server()

    def test_simulate_prints_one_json_object_and_changes_nothing(self) -> None:
        code, out, _ = run("ldapsync", "--simulate", "--json")

        summary = json.loads(out)
        assert code == 0
        assert COUNTS | {"run", "state", "simulated", "heldBack", "orgs", "seconds"} <= summary.keys()
        assert (summary["state"], summary["simulated"], summary["users"], summary["deactivated"]) == (
            "planned",
            True,
            2,
            1,
        )
        assert again(self.sean).active

    def test_changes_are_written_as_a_json_line_for_each_user(self, tmp_path: Path) -> None:
        run("ldapsync", "--simulate", "--changes", str(tmp_path / "changes"))

        lines = [json.loads(line) for line in (tmp_path / "changes").read_text().splitlines()]
        assert [line["username"] for line in lines] == ["sean", "mia"]
        assert lines[0]["actions"] == ["block", "deactivate"]
        assert lines[1]["after"] == {
            "username": "mia", "email": "", "first_name": "", "last_name": "Mia", "active": True, "blocked": False,
            "org": "Staff", "roles": ["Org Admin"],
        }  # fmt: skip
        assert lines[0]["before"]["active"]
        assert lines[0]["steps"]

    def test_a_held_back_run_exits_with_3_and_its_plan_can_be_applied(self) -> None:
        code, out, err = run("ldapsync", "--json")
        summary = json.loads(out)
        assert code == 3
        assert summary["state"] == "held back"
        assert "simulate it first" in summary["heldBack"][0]
        assert f"ldapsync --apply {summary['run']}" in err
        assert again(self.sean).active

        code, out, _ = run("ldapsync", "--apply", str(summary["run"]), "--json")

        assert code == 0
        assert json.loads(out)["state"] == "applied"
        assert not again(self.sean).active

    def test_the_plan_of_a_simulation_can_be_applied(self) -> None:
        number = json.loads(run("ldapsync", "--simulate", "--json")[1])["run"]

        code, out, _ = run("ldapsync", "--apply", str(number), "--json")

        assert (code, json.loads(out)["deactivated"]) == (0, 1)
        assert not again(self.sean).active

    def test_a_plan_whose_users_were_changed_meanwhile_says_what_was_not_applied(self) -> None:
        number = json.loads(run("ldapsync", "--simulate", "--json")[1])["run"]
        everybody = list(User.objects.filter(username__in=("sean", "mia")).values_list("pk", flat=True))
        blocking.block(user_ids=everybody, by=SYSTEM, at=NOON)

        _, out, _ = run("ldapsync", "--apply", str(number), "--json")

        summary = json.loads(out)
        assert (summary["state"], summary["deactivated"], summary["notApplied"]) == ("applied", 0, 2)

    def test_a_failed_run_exits_with_4_and_the_reason(self, employer: Employer) -> None:
        employer.directory.stop(remove=False)

        code, _, err = run("ldapsync", "--json")

        assert code == 4
        assert "Can't contact LDAP server" in err
        assert Run.objects.get().state == RunState.FAILED

    @pytest.mark.parametrize(
        "arguments",
        [["--server", "Nothing"], ["--apply", "1", "--simulate"], ["--apply", "999"], ["--changes", "/nowhere/file"]],
    )
    def test_wrong_use_exits_with_2(self, arguments: list[str]) -> None:
        assert run("ldapsync", *arguments)[0] == 2
        assert not Run.objects.exists()

    def test_only_the_named_servers_orgs_are_in_the_scope(self, employer: Employer) -> None:
        outsider = user("outsider", org_name="Elsewhere")
        employer.server(name="Second", orgs=["Elsewhere"])

        summary = json.loads(run("ldapsync", "--server", "second", "--simulate", "--json")[1])

        assert [part["name"] for part in summary["orgs"]] == ["Elsewhere"]
        assert summary["users"] == 1
        assert again(outsider).active
