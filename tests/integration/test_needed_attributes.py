"""Servers that are asked only for the attributes that are needed: what a run does stays the same, or it is an error."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import pytest

from directory.impact import script_impact
from directory.models import LdapServer, Run, RunServer, RunState, StoredEntry, Trigger
from directory.org_scope import orgs_in_scope
from directory.provisioning import creation, directory_lookup
from directory.provisioning.applicants import Applicant
from directory.scripts.distributed import evaluation_batches, remote_worker
from directory.scripts.evaluation_fingerprint import evaluation_fingerprint
from directory.scripts.sandbox.protocol import EntryText
from directory.sync.plan.confirmation import CONFIRMED
from directory.values.plan import Outcome
from directory.values.scripts import Scripts
from orgs.actions.users import user_profiles
from orgs.models import AuditEntry, CreatedBy, User
from orgs.rules.actors import SYSTEM
from tests.directories import Authority, Values
from tests.integration.employer import ACTIVE, ORG_NAME, ROLE_NAME, Employer
from tests.worlds import NOON, again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]

JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
# All that a script can look at by a name that is written out.
MANY_WAYS = """// cn-2 my_name ms-DS-x 2.5.4.3 and others that the directory does not know
function (entry) {
    var { description, ['cn;lang-de']: german } = entry;
    if (typeof carLicense != "undefined" || entry["roomNumber"] || !objectClass.includes("inetOrgPerson"))
        return "Garage";
    return [departmentNumber, description, german, entry["userCertificate;binary"].length > 100, entry.missing].join("/");
}"""
COMPUTED = "function (entry) { return entry['member' + 'Of'] ? ['PROe User'] : null }"
NOT_REQUESTED = (
    "attribute memberOf was not asked for, as its name does not stand in a script: write it out, "
    "or have the server ask for all attributes"
)


@pytest.fixture
def staff(employer: Employer) -> Employer:
    """Give people with big entries, one of whom has left, one who moves and one of whom nobody knows anything new."""
    certificate = ssl.PEM_cert_to_DER_cert(Authority().pem)
    org("Lab"), org("Garage")
    for name, more in {
        "mia": {"departmentNumber": "Lab", "title": "PROe User"},
        "sean": {"departmentNumber": "Lab", "employeeType": "inactive", "roomNumber": "7"},
        "bob": {"departmentNumber": "Default", "carLicense": "B 1", "description": "drives"},
    }.items():
        employer.hires(name, mail=f"{name}@example.com", **more)
        big: dict[str, Values | None] = {
            "jpegPhoto": JPEG,
            "userCertificate;binary": certificate,
            "cn;lang-de": f"{name} der Große",
        }
        employer.directory.modify(employer.dn(name), big)
        user(name)
    return employer


def decided(run: Run) -> dict[str, tuple[object, ...]]:
    """Return all that a plan says of each user."""
    columns = ("outcome", "actions", "before", "after", "steps", "warnings")
    return {row[0]: row[1:] for row in run.changes.values_list("username", *columns)}


def stored() -> dict[str, dict[str, list[str]]]:
    """Return the attributes that are kept of each entry."""
    return {dn.split("=")[1].split(",")[0]: kept for dn, kept in StoredEntry.objects.values_list("dn", "attributes")}


def evaluated_and_kept(run: Run) -> tuple[int, int]:
    counts: Mapping[str, int] = run.readings.get().counts
    return counts["scriptEntries"], counts["verdictsKept"]


class TestAPlan:
    @pytest.mark.parametrize(
        "scripts",
        [
            {},
            {"org_name_script": MANY_WAYS},
            {"active_script": "e => !('employeeType' in e)", "role_name_script": "e => `${e.title || ''}`"},
            {"active_script": "", "org_name_script": "", "role_name_script": ""},
            {"active_script": "e => e.jpegPhoto.length > 2000 && e.uid != 'mia'"},
        ],
        ids=["as they were", "many ways", "names in texts", "none", "a photo"],
    )
    def test_is_what_it_is_where_everything_is_asked_for(self, staff: Employer, scripts: dict[str, str]) -> None:
        staff.server(**scripts)
        everything = decided(simulate())

        staff.server(**scripts, needed_attributes_only=True)

        assert decided(simulate()) == everything
        assert everything

    def test_is_what_it_is_where_an_id_is_mapped(self, staff: Employer) -> None:
        staff.server(unique_id_attribute="entryUUID", username_attribute="UID")
        everything = decided(simulate())

        staff.server(unique_id_attribute="entryUUID", username_attribute="UID", needed_attributes_only=True)

        assert decided(simulate()) == everything

    def test_is_carried_out_and_leaves_nothing_to_do(self, staff: Employer) -> None:
        staff.server(needed_attributes_only=True)

        run = simulate_and_sync()

        assert run.state == RunState.APPLIED
        assert [again(found).active for found in User.objects.filter(username__in=["mia", "sean"]).order_by("pk")] == [
            True,
            False,
        ]
        assert CONFIRMED in change_of(run, "sean").steps
        assert not sync().changes.exists()


class TestWhatIsKept:
    def test_is_only_what_is_needed(self, staff: Employer) -> None:
        staff.server()
        simulate()
        everything = stored()

        staff.server(needed_attributes_only=True)
        run = simulate()

        assert {"jpegPhoto", "userCertificate;binary", "cn;lang-de", "cn", "carLicense"} < set(everything["bob"])
        assert set(stored()["bob"]) == {"uid", "mail", "sn", "entryUUID", "objectClass", "departmentNumber"}
        assert {"employeeType", "title"} < set(run.readings.get().attributes)
        assert "jpegPhoto" not in run.readings.get().attributes

    def test_has_what_a_script_names_with_every_option(self, staff: Employer) -> None:
        staff.server(org_name_script="e => e.cn", needed_attributes_only=True)

        simulate()

        assert {"cn", "cn;lang-de"} < set(stored()["bob"])

    def test_is_everything_where_the_scripts_name_too_much(self, staff: Employer) -> None:
        table = ", ".join(f"a{number}: 1" for number in range(400))
        staff.server(role_name_script=f"e => {{ var table = {{ {table} }}; return null }}", needed_attributes_only=True)

        run = simulate()

        assert run.readings.get().attributes is None
        assert "jpegPhoto" in stored()["bob"]


class TestWhatAServerSendsOnlyWhereItIsNamed:
    """Of "all attributes" a server leaves out the operational and the computed ones (RFC 4511, 4.5.1.8)."""

    @pytest.mark.parametrize("needed_only", [False, True], ids=["all", "needed"])
    def test_decides_the_same_whatever_else_is_asked_for(self, staff: Employer, needed_only: bool) -> None:
        staff.server(
            active_script="e => !/^19/.test(e.createTimestamp) && e['modifiersName'].startsWith('cn=admin')",
            org_name_script="e => e.hasSubordinates === 'FALSE' ? 'Lab' : null",
            needed_attributes_only=needed_only,
        )

        run = simulate()

        moved_to = {change.username: change.after["org"] for change in run.changes.all()}
        assert moved_to == dict.fromkeys(("mia", "sean", "bob"), "Lab")
        assert {"createTimestamp", "modifiersName", "hasSubordinates"} < set(stored()["mia"])

    def test_is_asked_for_where_only_the_mapping_names_it(self, staff: Employer) -> None:
        staff.server(last_name_attribute="creatorsName")

        simulate()

        assert "creatorsName" in stored()["mia"]

    def test_comes_for_a_new_user_too(self, staff: Employer) -> None:
        staff.hires("eve")
        staff.server(active_script="e => /^20/.test(e.createTimestamp)", role_name_script="")

        assert directory_lookup.look_up([("eve", User.objects.get(username="mia").org_id)], orgs_in_scope(), at=NOON)[
            "eve"
        ].verdict.active

    def test_comes_with_an_incremental_reading_and_its_single_entries(self, staff: Employer) -> None:
        staff.server(active_script="e => /^20/.test(e.createTimestamp)", full_reading_every=5)
        assert simulate_and_sync().state == RunState.APPLIED
        staff.directory.modify(staff.dn("mia"), {"sn": "Married"})

        run = sync(incremental=True)

        assert run.readings.get().since
        assert change_of(run, "mia").actions == ["update profile"]


class TestTheSetting:
    def test_has_everything_looked_at_again(self, staff: Employer) -> None:
        staff.server()
        simulate()
        assert evaluated_and_kept(simulate()) == (0, 3)

        staff.server(needed_attributes_only=True)

        assert evaluated_and_kept(simulate()) == (3, 0)
        assert evaluated_and_kept(simulate()) == (0, 3)
        staff.server(needed_attributes_only=False)
        assert evaluated_and_kept(simulate()) == (3, 0)
        assert "jpegPhoto" in stored()["bob"]

    def test_holds_a_run_back_until_it_was_simulated(self, staff: Employer) -> None:
        staff.server()
        simulate_and_sync()
        staff.server(needed_attributes_only=True)

        assert sync().state == RunState.HELD_BACK
        assert simulate_and_sync().state == RunState.APPLIED

    def test_leaves_what_was_simulated_valid_while_it_is_off(self) -> None:
        server = LdapServer(name="Corp", urls=["ldap://dc1"], search_base="dc=example,dc=com")
        # As it was before there was such a setting.
        before = "df6920ed2a30141a9896db29e1409b1cf75411e163d8d12388ee5025cd254cc0"

        assert server.configuration_digest == before
        server.needed_attributes_only = True
        assert server.configuration_digest != before

    def test_is_told_by_the_audit_trail(self, employer: Employer) -> None:
        employer.server()
        employer.server(needed_attributes_only=True)

        entry = AuditEntry.objects.filter(action="LDAP server saved").latest("pk")

        assert (entry.before["needed_attributes_only"], entry.after["needed_attributes_only"]) == (False, True)


class TestANameThatIsPutTogether:
    def test_is_a_script_error_that_changes_nobody(self, staff: Employer) -> None:
        staff.server(role_name_script=COMPUTED, needed_attributes_only=True, limit_script_errors_percent=100)
        run = simulate_and_sync()

        # Sean is inactive, so that nobody asks for his roles.
        assert {name: row[0] for name, row in decided(run).items() if name != "sean"} == {
            "mia": Outcome.SCRIPT_ERROR,
            "bob": Outcome.SCRIPT_ERROR,
        }
        assert f"role name script, line 1: {NOT_REQUESTED}" in " ".join(change_of(run, "mia").steps)
        mia = User.objects.select_related("org").get(username="mia")
        assert (mia.active, mia.org.name, mia.first_name) == (True, "Default", "")

    def test_ends_with_a_verdict_once_it_is_written_out(self, staff: Employer) -> None:
        staff.server(role_name_script=COMPUTED, needed_attributes_only=True)
        simulate()

        staff.server(role_name_script=f"/* memberOf */ {COMPUTED}", needed_attributes_only=True)

        assert simulate().counts["scriptErrors"] == 0

    def test_ends_with_a_verdict_once_everything_is_asked_for(self, staff: Employer) -> None:
        staff.server(role_name_script=COMPUTED, needed_attributes_only=True)
        simulate()

        staff.server(role_name_script=COMPUTED, needed_attributes_only=False)

        assert simulate().counts["scriptErrors"] == 0

    def test_is_found_by_another_worker_too(self, staff: Employer) -> None:
        server = staff.server(role_name_script=COMPUTED, needed_attributes_only=True)
        run = simulate()
        entry = EntryText("uid=mia", '{"uid": ["mia"]}')
        page = evaluation_batches.post(
            run_id=run.pk, server_id=server.pk, fingerprint=evaluation_fingerprint(server), entries=[entry]
        )

        assert remote_worker.help_with(page, go_on=lambda: None) == 1

        verdict = evaluation_batches.answers([page])[page].verdicts[0]
        assert verdict.error is not None
        assert verdict.error.message == NOT_REQUESTED

    def test_is_left_alone_by_a_worker_to_whom_other_attributes_are_needed(
        self, staff: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = staff.server(needed_attributes_only=True)
        made = evaluation_fingerprint(server)

        monkeypatch.setattr("directory.models.servers.attribute_settings.needed", lambda *_: ("uid", "objectClass"))

        assert evaluation_fingerprint(server) != made

    def test_keeps_a_new_user_from_being_created(self, staff: Employer) -> None:
        staff.hires("eve", departmentNumber="Lab", title="PROe User")
        staff.server(role_name_script=COMPUTED, needed_attributes_only=True)
        eve = Applicant(user_profiles.Profile("eve"), org("Default"))

        refused = creation.create([eve], created_by=CreatedBy.SELF_SERVICE, by=SYSTEM, at=NOON)
        staff.server(role_name_script=ROLE_NAME, needed_attributes_only=True)
        made = creation.create([eve], created_by=CreatedBy.SELF_SERVICE, by=SYSTEM, at=NOON)

        assert refused.refused == {"eve": f"not created: role name script, line 1: {NOT_REQUESTED}"}
        assert [each.org.name for each in made.users] == ["Lab"]


class TestTheImpactOfAnEdit:
    SAVED = Scripts(ACTIVE, ORG_NAME, ROLE_NAME)
    ON_PHOTOS = Scripts("e => e.jpegPhoto ? true : false", ORG_NAME, ROLE_NAME)
    ADVICE = "as no script had its name when the entries were read: save the script and simulate a synchronization"

    def steps(self, server: LdapServer, scripts: Scripts) -> dict[str, str]:
        """Return the last step of everyone about whom the edited scripts say another thing."""
        snapshots = list(script_impact.impact(server, scripts))
        return {each.edited.before.username: each.edited.steps[-1] for snapshot in snapshots for each in snapshot.new}

    def test_is_unknown_where_it_takes_an_attribute_that_was_not_asked_for(self, staff: Employer) -> None:
        server = staff.server(needed_attributes_only=True)
        simulate()

        found = self.steps(server, self.ON_PHOTOS)

        assert set(found) == {"mia", "sean", "bob"}
        assert all(f"attribute jpegPhoto was not asked for, {self.ADVICE}" in step for step in found.values())

    def test_is_known_where_all_that_it_takes_was_asked_for(self, staff: Employer) -> None:
        server = staff.server(needed_attributes_only=True)
        simulate()

        assert self.steps(server, self.SAVED) == {}
        found = self.steps(server, Scripts("e => { const gone = title === undefined; return gone }", "", ""))
        assert "asked for" not in " ".join(found.values())
        assert set(found) >= {"mia"}

    @pytest.mark.parametrize("broken_off", [False, True])
    def test_goes_by_what_was_asked_for_when_the_entries_were_read(self, staff: Employer, broken_off: bool) -> None:
        staff.server(needed_attributes_only=True)
        simulate()

        server = staff.server(needed_attributes_only=False)
        if broken_off:
            staff.directory.stop(remove=False)
            simulate()

        assert set(self.steps(server, self.ON_PHOTOS)) == {"mia", "sean", "bob"}
        if not broken_off:
            simulate()
            assert self.steps(server, self.ON_PHOTOS).keys() == {"sean"}

    def test_takes_nothing_for_granted_where_readings_broke_off(self, staff: Employer) -> None:
        server = staff.server(needed_attributes_only=True, org_name_script="e => e.jpegPhoto && 'Lab'")
        simulate()
        reading = RunServer.objects.get()
        assert "jpegPhoto" in (RunServer.objects.attributes_stored(server.pk) or ())

        RunServer.objects.create(
            run=Run.objects.create(simulated=True, state=RunState.FAILED, trigger=Trigger.HAND, created_at=NOON),
            server=server,
            live=False,
            attributes=["UID", "SN", "departmentNumber"],
        )

        assert RunServer.objects.attributes_stored(server.pk) == ["uid", "sn"]
        reading.delete()
        assert RunServer.objects.attributes_stored(server.pk) == ["UID", "SN", "departmentNumber"]
