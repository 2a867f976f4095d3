"""A run that moves somebody into a local org, or gives roles back there, opens no password that others may know."""

from __future__ import annotations

import pytest

from directory.actions import stored_plans, undo
from directory.sync import pipeline
from orgs.actions import orgs
from orgs.actions.users import user_creation, user_profiles
from orgs.models import AuditEntry, CreatedBy, User
from orgs.rules.actors import SYSTEM
from orgs.rules.local_sign_in import password_counts
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, org, simulate_and_sync, user

pytestmark = pytest.mark.django_db

POWERFUL = {"grantable_roles": ["SYSADMIN", "PROe User"]}


def known_to_others(username: str) -> User:
    """Make a plain person of a local org with a password, as whoever makes users there does."""
    place = org("Default")
    orgs.change(org=place, directory_service="local", by=SYSTEM, at=NOON)
    new = user_creation.NewUser(user_profiles.Profile(username), place.pk, password="MyOwnPassw0rd")
    return user_creation.create(users=[new], created_by=CreatedBy.CSV, by=SYSTEM, at=NOON)[0]


def roles_of(found: User) -> set[str]:
    return set(found.roles.values_list("name", flat=True))


def opens(found: User) -> bool:
    return password_counts(found) and found.check_password("MyOwnPassw0rd")


class TestAMoveIntoALocalOrg:
    def test_with_a_promotion_forgets_the_password(self, employer: Employer) -> None:
        employer.hires("new.sys", title="SYSADMIN", departmentNumber="Outside")
        orgs.change(org=org("Outside"), directory_service="local", by=SYSTEM, at=NOON)
        person = known_to_others("new.sys")
        user("ada", org_name="ADMIN", roles=["SYSADMIN"])

        simulate_and_sync(employer.server(**POWERFUL))

        person = again(person)
        assert (person.org.name, roles_of(person)) == ("Outside", {"SYSADMIN"})
        assert not opens(person)

    def test_after_a_promotion_forgets_it_and_ends_sessions(self, employer: Employer) -> None:
        employer.hires("new.sys", title="SYSADMIN")
        orgs.change(org=org("Outside"), directory_service="local", by=SYSTEM, at=NOON)
        person = known_to_others("new.sys")
        server = employer.server(**POWERFUL)
        simulate_and_sync(server)
        assert roles_of(person) == {"SYSADMIN"}
        employer.directory.modify(employer.dn("new.sys"), {"departmentNumber": "Outside"})

        simulate_and_sync(server)

        assert again(person).org.name == "Outside"
        assert not opens(again(person))
        assert AuditEntry.objects.filter(action="password forgotten", object_id=person.pk).exists()

    def test_leaves_the_password_of_a_plain_person(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Outside")
        orgs.change(org=org("Outside"), directory_service="local", by=SYSTEM, at=NOON)
        person = known_to_others("mia")

        simulate_and_sync(employer.server())

        assert again(person).org.name == "Outside"
        assert opens(again(person))


class TestAnUndo:
    def test_that_gives_roles_back_in_an_org_that_is_local_by_now_forgets_the_password(
        self, employer: Employer
    ) -> None:
        """The run that took the roles away let the password open a plain account."""
        employer.hires("new.sys", title="SYSADMIN")
        user("ada", org_name="ADMIN", roles=["SYSADMIN"])
        person = known_to_others("new.sys")
        server = employer.server(**POWERFUL)
        simulate_and_sync(server)
        employer.directory.modify(employer.dn("new.sys"), {"title": "PROe User"})
        taken = simulate_and_sync(server)
        assert roles_of(person) == {"PROe User"}
        orgs.change(org=org("Default"), directory_service="local", by=SYSTEM, at=NOON)
        assert opens(again(person))

        plan = undo.start(run=taken, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(plan.pk, clock=Clock())
        plan.refresh_from_db()
        run = stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(run.pk, clock=Clock())

        assert roles_of(person) == {"SYSADMIN"}
        assert not opens(again(person))
