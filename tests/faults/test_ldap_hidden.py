"""Access rules that hide people from the bind DN: who is hidden is not gone, and who is gone is still proven so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.models import LastSeen, LdapServer, RunState
from directory.values.plan import Outcome
from orgs.models import User
from tests.directories import ACCESS, Directory, to_ldif
from tests.fake_ldap import FakeDirectory
from tests.worlds import again, change_of, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.in_turns]

BASE = "dc=example,dc=com"
STAFF, BRANCH = f"ou=Staff,{BASE}", f"ou=Branch,{BASE}"
STAYING = [f"s{number}" for number in range(4)]
REMOTE = ["ann", "bob", "cleo"]


def unit(dn: str, name: str) -> str:
    return to_ldif(dn, {"objectClass": "organizationalUnit", "ou": name})


def person(uid: str, unit: str, **further: str) -> str:
    values = {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid}
    return to_ldif(f"uid={uid},{unit}", values | further)


@pytest.fixture
def firm() -> Iterator[Directory]:
    """Give a directory with people in two branches."""
    units = unit(STAFF, "Staff") + unit(BRANCH, "Branch")
    everybody = [person(uid, STAFF) for uid in STAYING] + [person(uid, BRANCH) for uid in REMOTE]
    with Directory(ldif=units + "".join(everybody)) as directory:
        yield directory


def serve(directory: Directory, **values: object) -> LdapServer:
    settings = {
        "search_filter": "(objectClass=inetOrgPerson)",
        "bind_dn": directory.reader_dn,
        "bind_password": directory.reader_password,
        "limit_entries_percent": 1,
    }
    return ldap_server(directory.url, **settings | values)


def settled(directory: Directory) -> dict[str, User]:
    """Bring all people in step with the directory, so that each has a known DN and an immutable id."""
    people = {uid: user(uid) for uid in (*STAYING, *REMOTE)}
    serve(directory)
    assert simulate_and_sync().state == RunState.APPLIED
    return people


class TestABranchThatAnAccessRuleHides:
    @pytest.mark.parametrize(
        "rule",
        [
            f'to dn.subtree="{BRANCH}" by * none',
            f'to dn.children="{BRANCH}" by * none',
            f'to dn.children="{BRANCH}" by * disclose',
            f'to dn.children="{BRANCH}" by * search',
            f'to dn.children="{BRANCH}" attrs=objectClass by * none',
            f'to dn.children="{BRANCH}" attrs=uid,entryUUID by * none',
            'to filter="(|(uid=ann)(uid=bob)(uid=cleo))" by * none',
        ],
    )
    def test_cuts_nobody_off(self, firm: Directory, rule: str) -> None:
        people = settled(firm)
        firm.allow(ACCESS[0], rule, ACCESS[1])

        run = sync()

        assert run.state == RunState.APPLIED
        for uid in REMOTE:
            assert change_of(run, uid).outcome == Outcome.NOT_CHECKED
            assert again(people[uid]).active
        assert BRANCH in change_of(run, "ann").steps[-1]

    def test_does_not_keep_those_who_have_left_another_one(self, firm: Directory) -> None:
        people = settled(firm)
        firm.delete(f"uid=s0,{STAFF}")
        firm.allow(ACCESS[0], f'to dn.subtree="{BRANCH}" by * none', ACCESS[1])

        run = sync()

        assert (again(people["s0"]).active, again(people["ann"]).active) == (False, True)
        assert f"nothing is at uid=s0,{STAFF}, and {STAFF} can be seen" in " ".join(change_of(run, "s0").steps)

    def test_may_hold_those_who_were_never_found(self, firm: Directory) -> None:
        settled(firm)
        stranger = user("stranger")
        firm.allow(ACCESS[0], f'to dn.subtree="{BRANCH}" by * none', ACCESS[1])

        run = sync()

        assert change_of(run, "stranger").outcome == Outcome.NOT_CHECKED
        assert again(stranger).active

    def test_shown_again_lets_leavers_go(self, firm: Directory) -> None:
        people = settled(firm)
        firm.allow(ACCESS[0], f'to dn.subtree="{BRANCH}" by * none', ACCESS[1])
        sync()
        firm.allow()
        firm.delete(f"uid=ann,{BRANCH}")

        sync()

        assert [again(people[uid]).active for uid in REMOTE] == [False, True, True]


class TestAnEntryThatCanBeFoundAndNotRead:
    def test_keeps_no_leaver_beside_it(self, firm: Directory) -> None:
        people = {uid: user(uid) for uid in (*STAYING, *REMOTE)}
        serve(firm, search_filter="(&(objectClass=inetOrgPerson)(!(employeeType=away)))")
        simulate_and_sync()
        firm.modify(f"uid=ann,{BRANCH}", {"employeeType": "away"})
        firm.allow(ACCESS[0], f'to dn.base="uid=ann,{BRANCH}" attrs=uid,entryUUID by * search', ACCESS[1])
        firm.delete(f"uid=bob,{BRANCH}")
        firm.delete(f"uid=s0,{STAFF}")

        run = sync()

        assert [again(people[uid]).active for uid in ("ann", "bob", "s0", "cleo")] == [True, False, False, True]
        assert "is can't be read" in change_of(run, "ann").steps[-1]


class TestWhoWasLastSeenByARunThatNotedNothing:
    """The last known DN is where they were last read, whatever became of that run."""

    def test_in_a_simulation_is_looked_for_there(self, firm: Directory) -> None:
        people = settled(firm)
        firm.rename(f"uid=s0,{STAFF}", "uid=s0", parent=BRANCH)
        simulate()
        firm.allow(ACCESS[0], f'to dn.children="{BRANCH}" by * none', ACCESS[1])

        run = sync()

        assert again(people["s0"]).active
        assert f"uid=s0,{BRANCH}" in change_of(run, "s0").steps[-1]

    def test_with_a_script_error_in_every_run_is_not_gone(self, firm: Directory) -> None:
        people = {uid: user(uid) for uid in (*STAYING, *REMOTE)}
        serve(firm, org_name_script="function (entry) { if (entry.uid == 'ann') return 5 }")
        simulate_and_sync()
        firm.allow(ACCESS[0], f'to dn.base="uid=ann,{BRANCH}" by * none', ACCESS[1])

        run = sync()

        assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED
        assert again(people["ann"]).active

    def test_with_another_users_name_beside_their_own_is_looked_for_there(self, firm: Directory) -> None:
        people = settled(firm)
        user("zed")
        firm.modify(f"uid=s0,{STAFF}", {"uid": ["s0", "zed"]})
        sync()
        firm.rename(f"uid=s0,{STAFF}", "uid=s0", parent=BRANCH)
        sync()
        firm.allow(ACCESS[0], f'to dn.children="{BRANCH}" by * none', ACCESS[1])

        sync()

        assert again(people["s0"]).active
        assert again(User.objects.get(username="zed")).active

    def test_is_not_where_another_person_had_their_username(self, firm: Directory) -> None:
        people = settled(firm)
        firm.allow(ACCESS[0], f'to dn.base="uid=ann,{BRANCH}" by * none', ACCESS[1])
        firm.add(f"uid=ann,{STAFF}", {"objectClass": "inetOrgPerson", "uid": "ann", "cn": "x", "sn": "Other"})
        sync()
        firm.delete(f"uid=ann,{STAFF}")

        sync()

        assert again(people["ann"]).active

    def test_is_cut_off_who_left_after_that(self, firm: Directory) -> None:
        people = settled(firm)
        firm.rename(f"uid=s0,{STAFF}", "uid=s0", parent=BRANCH)
        simulate()
        firm.delete(f"uid=s0,{BRANCH}")

        run = sync()

        assert not again(people["s0"]).active
        assert f"nothing is at uid=s0,{BRANCH}" in " ".join(change_of(run, "s0").steps)


class TestWhoWasInTwoDirectories:
    """One is a copy of the other, ids included."""

    UUID = "0b6a8f0e-5d1c-4c53-9d0e-0d4ed1b4a001"

    @pytest.fixture
    def first(self) -> Iterator[Directory]:
        with self.directory([*STAYING, "ann", "bob"], where=("ann", BRANCH)) as directory:
            yield directory

    def directory(self, uids: list[str], *, where: tuple[str, str]) -> Directory:
        units = unit(STAFF, "Staff") + unit(BRANCH, "Branch")
        people = [person(uid, BRANCH if uid in ("bob", "t1") else STAFF) for uid in uids if uid != "ann"]
        people.append(person(*where, entryUUID=self.UUID))
        return Directory(ldif=units + "".join(people))

    def served(self, first: Directory, second: Directory) -> User:
        for uid in (*STAYING, "bob", "t0", "t1"):
            user(uid)
        ann = user("ann")
        serve(first, name="One")
        serve(second, name="Two")
        assert simulate_and_sync().state == RunState.APPLIED
        return ann

    def test_and_is_hidden_in_the_one_is_not_gone_when_the_other_deletes_them(self, first: Directory) -> None:
        with self.directory(["t0", "t1"], where=("ann", BRANCH)) as second:
            ann = self.served(first, second)
            second.allow(ACCESS[0], f'to dn.children="{BRANCH}" by * none', ACCESS[1])
            sync()
            first.delete(f"uid=ann,{BRANCH}")

            run = sync()

            assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED
            assert f"uid=ann,{BRANCH}" in change_of(run, "ann").steps[-1]
            assert again(ann).active

    def test_and_moved_to_the_other_is_gone_when_that_deletes_them(self, first: Directory) -> None:
        with self.directory(["t0", "t1"], where=("ann", STAFF)) as second:
            second.allow(ACCESS[0], f'to dn.base="uid=ann,{STAFF}" by * none', ACCESS[1])
            ann = self.served(first, second)
            second.allow()
            first.delete(f"uid=ann,{BRANCH}")
            simulate_and_sync()
            assert not LastSeen.objects.exists()
            first.allow(ACCESS[0], f'to dn.children="{BRANCH}" by * none', ACCESS[1])
            second.delete(f"uid=ann,{STAFF}")

            sync()

            assert not again(ann).active
            assert again(User.objects.get(username="bob")).active


class TestWhoIsGone:
    def test_is_cut_off_although_the_branch_itself_can_not_be_seen(self, firm: Directory) -> None:
        people = settled(firm)
        firm.delete(f"uid=ann,{BRANCH}")
        firm.allow(ACCESS[0], f'to dn.base="{BRANCH}" by * none', ACCESS[1])

        run = sync()

        assert [again(people[uid]).active for uid in REMOTE] == [False, True, True]
        assert "others of ou=Branch" in " ".join(change_of(run, "ann").steps)

    def test_is_cut_off_with_the_whole_branch(self, firm: Directory) -> None:
        people = settled(firm)
        for uid in REMOTE:
            firm.delete(f"uid={uid},{BRANCH}")
        firm.delete(BRANCH)

        sync()

        assert not any(again(people[uid]).active for uid in REMOTE)

    def test_is_cut_off_whose_dn_another_person_has_by_now(self, firm: Directory) -> None:
        people = settled(firm)
        firm.delete(f"uid=ann,{BRANCH}")
        entry = {"objectClass": "inetOrgPerson", "uid": ["ann", "newcomer"], "cn": "n", "sn": "n"}
        firm.add(f"uid=ann,{BRANCH}", entry)
        firm.modify(f"uid=ann,{BRANCH}", {"cn": "n"})
        serve(firm, username_attribute="cn")
        simulate()

        run = sync()

        assert not again(people["ann"]).active, change_of(run, "ann").steps

    def test_is_cut_off_when_moved_to_where_the_bind_dn_never_saw_anybody(self, firm: Directory) -> None:
        former = f"ou=Former,{BASE}"
        firm.add(former, {"objectClass": "organizationalUnit", "ou": "Former"})
        firm.allow(ACCESS[0], f'to dn.subtree="{former}" by * none', ACCESS[1])
        people = settled(firm)
        firm.rename(f"uid=ann,{BRANCH}", "uid=ann", parent=former)

        sync()

        assert not again(people["ann"]).active


class TestAServerThatNamesNoMatchedDn:
    """As Active Directory and others answer: only another known person proves that a branch can be seen."""

    def entries(self, *uids: str, unit: str = "ou=Branch,dc=example") -> list[tuple[str, dict[str, list[bytes]]]]:
        return [(f"uid={uid},{unit}", {"uid": [uid.encode()], "entryUUID": [f"id-{uid}".encode()]}) for uid in uids]

    @pytest.fixture
    def server(self) -> Iterator[FakeDirectory]:
        staff = self.entries(*STAYING, unit="ou=Staff,dc=example")
        with FakeDirectory([*self.entries(*REMOTE), *staff], filters=True, missing_bases=True) as server:
            ldap_server(
                server.url,
                search_base=server.base,
                search_filter="(uid=*)",
                bind_dn="cn=reader",
                bind_password="x",
                limit_entries_percent=1,
            )
            yield server

    def test_proves_an_absence_by_another_known_person(self, server: FakeDirectory) -> None:
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.entries = [entry for entry in server.entries if not entry[0].startswith("uid=ann,")]

        run = sync()

        assert [again(people[uid]).active for uid in REMOTE] == [False, True, True]
        assert "others of ou=Branch" in " ".join(change_of(run, "ann").steps)

    def test_proves_nothing_where_a_whole_branch_is_empty(self, server: FakeDirectory) -> None:
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.entries = [entry for entry in server.entries if "ou=Branch" not in entry[0]]

        run = sync()

        assert all(again(people[uid]).active for uid in REMOTE)
        assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED
        assert "ou=Branch,dc=example" in change_of(run, "ann").steps[-1]

    def test_is_not_believed_where_it_is_active_directory(self, server: FakeDirectory) -> None:
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.root = {**(server.root or {}), "supportedCapabilities": [b"1.2.840.113556.1.4.800"]}
        server.matched = "ou=Branch,dc=example"
        server.entries = [entry for entry in server.entries if "ou=Branch" not in entry[0]]

        sync()

        assert all(again(people[uid]).active for uid in REMOTE)

    @pytest.mark.parametrize("matched", ["OU=branch, DC=Example", "2.5.4.11=Branch,dc=example"])
    def test_compares_dns_as_directories_do(self, server: FakeDirectory, matched: str) -> None:
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.matched = matched
        server.entries = [entry for entry in server.entries if "ou=Branch" not in entry[0]]

        sync()

        assert not any(again(people[uid]).active for uid in REMOTE)

    @pytest.mark.parametrize("result", [(50, "not you"), (0, ""), (80, "other"), (34, "bad DN")])
    def test_any_other_answer_is_no_proof(self, server: FakeDirectory, result: tuple[int, str]) -> None:
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.base_result = result
        server.entries = [entry for entry in server.entries if not entry[0].startswith("uid=ann,")]

        run = sync()

        assert again(people["ann"]).active
        assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED

    def test_does_not_take_another_username_at_the_dn_for_another_person_without_an_id(
        self, server: FakeDirectory
    ) -> None:
        server.entries = [(dn, {"uid": values["uid"]}) for dn, values in server.entries]
        people = {uid: user(uid) for uid in (*REMOTE, *STAYING)}
        simulate_and_sync()
        server.entries = [(dn, {"uid": [b"renamed"]} if "ann" in dn else values) for dn, values in server.entries]

        run = sync()

        assert again(people["ann"]).active
        assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED


class TestFollowedReferrals:
    def test_lead_to_the_last_known_dn_of_who_has_left_there(self) -> None:
        with Directory(base=BRANCH, ldif="".join(person(uid, BRANCH) for uid in REMOTE)) as remote:
            referral = {
                "objectClass": ["referral", "extensibleObject"],
                "ou": "Branch",
                "ref": f"{remote.url}/{BRANCH}",
            }
            staff = unit(STAFF, "Staff") + "".join(person(uid, STAFF) for uid in STAYING)
            with Directory(ldif=staff + to_ldif(BRANCH, referral)) as directory:
                people = {uid: user(uid) for uid in (*STAYING, *REMOTE)}
                serve(directory, follow_referrals=True, bind_dn="", bind_password="")
                simulate_and_sync()
                remote.delete(f"uid=ann,{BRANCH}")
                first = sync()
                remote.allow(ACCESS[0], 'to filter="(uid=bob)" by * none', ACCESS[1])
                sync()

        assert not again(people["ann"]).active, change_of(first, "ann").steps
        assert again(people["bob"]).active


class TestAFilterThatAsksForWhatIsHidden:
    STAFF_ONLY = "(&(objectClass=inetOrgPerson)(employeeType=staff))"

    @pytest.fixture
    def people(self, firm: Directory) -> dict[str, User]:
        for uid in STAYING:
            firm.modify(f"uid={uid},{STAFF}", {"employeeType": "staff"})
        for uid in REMOTE:
            firm.modify(f"uid={uid},{BRANCH}", {"employeeType": "staff"})
        people = {uid: user(uid) for uid in (*STAYING, *REMOTE)}
        serve(firm, search_filter=self.STAFF_ONLY)
        assert simulate_and_sync().state == RunState.APPLIED
        return people

    @pytest.mark.parametrize(
        "rule",
        [
            f'to dn.children="{BRANCH}" attrs=employeeType by * none',
            f'to dn.base="uid=ann,{BRANCH}" attrs=employeeType by * disclose',
            'to filter="(uid=ann)" attrs=employeeType,objectClass by * none',
        ],
    )
    def test_does_not_say_that_people_do_not_match(self, firm: Directory, people: dict[str, User], rule: str) -> None:
        firm.allow(ACCESS[0], rule, ACCESS[1])

        run = sync()

        assert all(again(people[uid]).active for uid in REMOTE), change_of(run, "ann").steps
        assert change_of(run, "ann").outcome == Outcome.NOT_CHECKED
        assert "can't see all" in change_of(run, "ann").steps[-1]

    @pytest.mark.parametrize("value", ["former", None])
    def test_lets_those_go_who_really_do_not_match(
        self, firm: Directory, people: dict[str, User], value: str | None
    ) -> None:
        firm.modify(f"uid=ann,{BRANCH}", {"employeeType": value})
        firm.allow(ACCESS[0], f'to dn.base="uid=bob,{BRANCH}" attrs=employeeType by * none', ACCESS[1])

        sync()

        assert [again(people[uid]).active for uid in REMOTE] == [False, True, True]
