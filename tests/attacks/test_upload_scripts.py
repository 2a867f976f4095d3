"""CSV files for an org that follows LDAP: what the scripts said is shown before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from directory.models import Match, Upload
from orgs.models import Org, User
from tests.attacks.bad_uploads import COMMAND, PAGE
from tests.attacks.ldap_pages import on_the_page
from tests.attacks.upload_pages import (
    PREVIEW,
    created,
    make_world,
    only_new,
    problems_on,
    unchanged,
    uploaded,
)
from tests.catalogue import noted
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import NOW, make_user, signed_in
from tests.state import differences, snapshot
from tests.worlds import ldap_server

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def left(db: None) -> Org:
    return make_world()


@pytest.fixture
def olga(left: Org) -> Client:
    return signed_in(User.objects.get(username="olga"))


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    """A directory whose people are each a case of their own."""
    with Directory() as directory:
        employer = Employer(directory)
        employer.hires("sean", mail="sean@corp.example", givenName="Sean", departmentNumber="Labs", title="Org Admin")
        employer.hires("tom", employeeType="inactive")
        employer.hires("rita", departmentNumber="Right")
        employer.hires("bad", departmentNumber="throw")
        employer.hires("root", title="SYSADMIN")
        for place in ("a", "b"):
            directory.add(f"ou={place},{directory.base}", {"objectClass": "organizationalUnit", "ou": place})
            person = {"objectClass": "inetOrgPerson", "uid": "twin", "cn": "Twin", "sn": "Twin"}
            directory.add(f"cn=twin,ou={place},{directory.base}", person)
        yield directory


ORG_NAME = """function (entry) {
  if (entry.departmentNumber === "throw") { throw new Error("no department"); }
  return entry.departmentNumber;
}"""


class TestAnOrgThatFollowsLdap:
    @pytest.fixture(autouse=True)
    def server(self, directory: Directory, left: Org) -> None:
        ldap_server(
            directory.url,
            search_filter="(objectClass=inetOrgPerson)",
            active_script='function (entry) { return entry.employeeType != "inactive" }',
            org_name_script=ORG_NAME,
            role_name_script="function (entry) { return entry.title && [entry.title] }",
            orgs=["Left"],
        )

    def test_says_before_anything_is_done_what_the_scripts_said(self, olga: Client, left: Org) -> None:
        before = snapshot()
        expected = "each with what the scripts said and why not; then exactly those who pass, and a new org below"
        how = f"{PAGE}: active, inactive, a script error, another org's, two entries, a role not to grant, unknown"
        with noted("uploads", "an org that follows LDAP", how=how, expected=expected) as row:
            names = ("sean", "tom", "rita", "bad", "root", "twin", "ghost")
            content = "username\n" + "\n".join(names) + "\n"
            assert uploaded(olga, left, content.encode(), create_unknown="on").status_code == 302
            text = on_the_page(olga.get(reverse(PREVIEW)).content)
            assert differences(before, snapshot()) == []
            for sentence in (
                "org name Labs; role names Org Admin",
                "Labs (new)",
                "the active script of Corp says inactive",
                "the org name script names an org that you do not administer",
                "org name script, line 2: Error: no department",
                "Corp may not grant the role SYSADMIN",
                "two entries claim this username",
                "was not found in the directory",
                "Create 3 users",
                "Orgs that the scripts name and that will be made: Labs",
            ):
                assert sentence in text, sentence
            created(olga)
            sean = User.objects.get(username="sean")
            assert (sean.email, sean.org.name) == ("sean@corp.example", "Labs")
            assert sean.org.path.startswith(left.path)
            assert [role.name for role in sean.roles.all()] == ["Org Admin"]
            assert Match.objects.get(user=sean).unique_id
            assert not User.objects.get(username="root").roles.filter(name="SYSADMIN").exists()
            only_new(row, before, ("sean", "root", "ghost"), "created 3, not created 4, one org made")

    def test_that_can_not_be_asked_creates_nobody(self, olga: Client, left: Org, tmp_path: Path) -> None:
        expected = "the directory's own words, nobody is created, exit code 4"
        with noted("uploads", "a directory that does not answer", how=f"{PAGE}, {COMMAND}", expected=expected) as row:
            ldap_server("ldap://127.0.0.1:1", orgs=["Left"])
            before = snapshot()
            problems = problems_on(uploaded(olga, left, b"username\nsean\n"))
            (tmp_path / "users.csv").write_bytes(b"username\nsean\n")
            with pytest.raises(CommandError) as failure:
                call_command("importusers", str(tmp_path / "users.csv"), "--org", "Left")
            assert "Can't contact LDAP server" in problems[0]
            assert failure.value.returncode == 4
            unchanged(row, before, problems[0])

    def test_creates_nobody_when_the_person_became_a_user_meanwhile(self, olga: Client, left: Org) -> None:
        expected = "nobody is created, the user is named"
        with noted(
            "uploads", "between preview and creation the person came in otherwise", how=PAGE, expected=expected
        ) as row:
            uploaded(olga, left, b"username\nsean\n")
            other = make_user("sean.ryan", org=left)
            unique_id = Upload.objects.get()
            from directory.actions.users import user_uploads

            decision = user_uploads.content_of(unique_id).rows[0].decision
            assert decision is not None
            assert decision.match is not None
            Match.objects.create(user=other, dn=decision.match[1], unique_id=decision.match[2][0], matched_at=NOW)
            before = snapshot()
            page = on_the_page(created(olga).content)
            assert "1 row has changed since the preview" in page
            assert "was to be created, is there already" in page
            assert "this person is the user sean.ryan already" in page
            unchanged(row, before, page[page.index("Nobody was created") :][:120])
