"""Directories that the project did not make: a university's with memberof, and one like Active Directory."""

from __future__ import annotations

import pytest

from directory.models import Match, RunState
from directory.values.plan import Outcome
from orgs.models import User
from tests.directories import active_directory_like, memberof_directory
from tests.worlds import again, ldap_server, org, simulate, simulate_and_sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]
EVERYTHING = {"limit_moves_percent": 100, "limit_role_changes_percent": 100}


class TestAUniversityWithMemberof:
    def test_of_2000_people_is_read_placed_and_re_roled(self) -> None:
        with memberof_directory(2000) as directory:
            server = ldap_server(
                directory.url,
                search_base=directory.base,
                bind_dn=directory.reader_dn,
                bind_password=directory.reader_password,
                search_filter="(objectClass=inetOrgPerson)",
                active_script="function (e) { return e.employeeType != 'inactive' }",
                org_name_script="entry => entry.dn.indexOf('ou=Staff') > 0 ? 'Staff' : 'Students'",
                role_name_script=(
                    "function (entry) { var roles = ['PROe User']; if (entry.memberOf) entry.memberOf.forEach("
                    "function (group) { if (group.indexOf('cn=Help Desk,') == 0) roles.push('Org Help Desk') });"
                    " return roles }"
                ),
                **EVERYTHING,
            )
            for name in ("Staff", "Students"):
                org(name)
            people = [user(f"p{number:05}") for number in range(1, 2001, 50)]

            run = simulate_and_sync(server)

            assert run.state == RunState.APPLIED, (run.error, run.held_back)
            assert run.readings.get().entries == 2000
            assert run.readings.get().matched == len(people)
            assert Match.objects.exclude(unique_id="").count() == len(people)
            assert not simulate(server).changes.filter(outcome=Outcome.PLANNED).exists()
        placed = {again(person).org.name for person in people if again(person).active}
        assert placed == {"Staff", "Students"}


class TestOneLikeActiveDirectory:
    def test_is_read_by_its_own_attributes_with_disabled_accounts_and_group_names_that_hold_commas(self) -> None:
        with active_directory_like() as directory:
            server = ldap_server(
                directory.url,
                search_base=directory.base,
                bind_dn=directory.reader_dn,
                bind_password=directory.reader_password,
                search_filter="(&(objectClass=user)(!(sAMAccountName=*$)))",
                username_attribute="sAMAccountName",
                active_script="function(entry) { return !(entry.userAccountControl & 0x2); }",
                role_name_script=(
                    "function (entry) { return entry.memberOf && entry.memberOf.length ? ['Org Admin'] : null }"
                ),
                **EVERYTHING,
            )
            accounts = simulate(server).readings.get()
            assert accounts.entries > 0
            stored = list(server.entries.values_list("identity__usernames", "unique_id", "attributes"))
            assert not any(names[0].endswith("$") for names, *_ in stored)
            for names, *_ in stored:
                user(names[0])

            run = simulate_and_sync(server)

            assert run.state in {RunState.APPLIED, RunState.HELD_BACK}
            disabled = {names[0] for names, _, attributes in stored if int(attributes["userAccountControl"][0]) & 2}
            planned = {row.username for row in run.changes.all() if "deactivate" in row.actions}
            assert planned == disabled
        # A GUID in its usual text form: 8-4-4-4-12.
        assert all([len(part) for part in guid.split("-")] == [8, 4, 4, 4, 12] for _, guid, _ in stored)
        assert User.objects.count() == len(stored)
