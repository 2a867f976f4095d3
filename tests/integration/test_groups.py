"""entry.groups: all groups that a person is in, whatever the group's class, and whose groups a change touches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from console.elements.server_reading_proofs import proof_lines
from directory.impact import script_impact
from directory.models import LdapServer, Run, RunState, StoredEntry, StoredGroup
from directory.provisioning import creation
from directory.provisioning.applicants import Applicant
from directory.sync.entries import group_store
from directory.sync.entries.entry_store import EntryStore
from directory.sync.read import read_stage
from directory.sync.read.page_processor import PageProcessor
from directory.values.scripts import Scripts
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory, Values, escape_rdn
from tests.integration.employer import Employer
from tests.worlds import NO_LIMITS, NOON, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

# Groups as RFC 2307bis has them, a class of the company's own, and Active Directory's primary groups.
SCHEMA = """
objectclass ( 1.3.6.1.4.1.99999.1.1 NAME 'groupOfMembers' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )
objectclass ( 1.3.6.1.4.1.99999.1.2 NAME 'acmeTeam' SUP top STRUCTURAL MUST cn MAY ( member $ uniqueMember $ memberUid ) )
objectclass ( 1.3.6.1.4.1.99999.1.4 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( member $ objectSid ) )
objectclass ( 1.3.6.1.4.1.99999.1.3 NAME 'acmeAny' SUP top AUXILIARY MAY ( objectSid $ primaryGroupID $ groups $ member ) )
"""
ATTRIBUTES = """
attributetype ( 1.3.6.1.4.1.99999.2.1 NAME 'objectSid' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.2.2 NAME 'primaryGroupID' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.2.3 NAME 'groups' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
"""
# The role is given to who is in the group Support, by whatever way.
ROLE_NAME = (
    "function (entry) { return entry.groups.some(dn => /^cn=support,/i.test(dn)) ? ['PROe User'] : ['Desktop User'] }"
)
IN, OUT = ["PROe User"], ["Desktop User"]
PEOPLE = ("ann", "bob", "zoe")


def sid(relative: int, domain: int = 9) -> bytes:
    parts = (21, 7, 8, domain, relative)
    return bytes([1, len(parts), 0, 0, 0, 0, 0, 5]) + b"".join(part.to_bytes(4, "little") for part in parts)


class Company(Employer):
    """An employer whose directory has groups of many kinds, below ``ou=Groups``."""

    def group(self, name: str, kind: str = "groupOfMembers", **attributes: Values) -> str:
        """Add a group and return its DN."""
        dn = self.group_dn(name)
        kinds = kind.split()
        self.directory.add(dn, {"objectClass": kinds, "cn": name, **attributes})
        return dn

    def group_dn(self, name: str) -> str:
        escaped = escape_rdn(name).replace("\n", "\\0A")
        return f"cn={escaped},ou=Groups,{self.directory.base}"

    def serves(self, **values: Any) -> LdapServer:
        given = {"role_name_script": ROLE_NAME, "org_name_script": "", "resolve_groups": True, **NO_LIMITS}
        return self.server(**{**given, **values})


@pytest.fixture
def company() -> Iterator[Company]:
    """Give a directory of three people who are users, and no group yet."""
    with Directory(
        extra="", schemas=("core", "cosine", "inetorgperson", "nis"), before=ATTRIBUTES + SCHEMA
    ) as directory:
        found = Company(directory)
        directory.add(f"ou=Groups,{directory.base}", {"objectClass": "organizationalUnit", "ou": "Groups"})
        for name in PEOPLE:
            found.hires(name)
            user(name, last_name=name.title(), roles=OUT)
        yield found


def groups_of(name: str) -> list[str]:
    """Return the CNs of the groups that are stored of a person."""
    stored = StoredEntry.objects.get(dn__startswith=f"uid={name},").attributes["groups"]
    return [dn.split(",")[0].split("=", 1)[1] for dn in stored]


def roles_of(name: str) -> list[str]:
    return sorted(User.objects.get(username=name).roles.values_list("name", flat=True))


def evaluated(run: Run) -> int:
    return int(run.readings.get().counts["scriptEntries"])


class TestGroups:
    def test_of_all_kinds_are_found_and_nested_ones_too(self, company: Company) -> None:
        ann, bob, _ = map(company.dn, PEOPLE)
        company.group("HelpDeskUK", member=ann)
        company.group("Classic", "groupOfNames", member=[ann, bob])
        company.group("Unique", "groupOfUniqueNames", uniqueMember=[f"{bob}#'0101'B", company.group_dn("HelpDeskUK")])
        company.group("Own", "acmeTeam", uniqueMember=[company.group_dn("Unique")])
        company.group("Support", "acmeTeam", member=[company.group_dn("HelpDeskUK"), company.group_dn("posix")])
        company.group("posix", "posixGroup", gidNumber="1", memberUid=["zoe", "BOB"])
        company.serves()

        run = simulate_and_sync()

        assert run.state == RunState.APPLIED
        assert groups_of("ann") == ["Classic", "HelpDeskUK", "Own", "Support", "Unique"]
        assert groups_of("bob") == ["Classic", "Own", "Unique"]
        assert groups_of("zoe") == ["Support", "posix"]
        assert [roles_of(name) for name in PEOPLE] == [IN, OUT, IN]

    def test_may_contain_each_other_and_themselves(self, company: Company) -> None:
        company.group("A", member=[company.group_dn("B"), company.group_dn("A")])
        company.group("B", member=[company.group_dn("Support"), company.dn("ann")])
        company.group("Support", member=[company.group_dn("A")])
        company.serves()

        simulate_and_sync()

        assert groups_of("ann") == ["A", "B", "Support"]
        assert groups_of("bob") == []

    def test_name_their_members_in_another_spelling(self, company: Company) -> None:
        base = company.directory.base
        dn = f"cn=Doe\\, Jane,ou=R\\26D\\, Labs,{base}"
        company.directory.add(f"ou=R\\26D\\, Labs,{base}", {"objectClass": "organizationalUnit", "ou": "R&D, Labs"})
        company.directory.add(dn, {"objectClass": "inetOrgPerson", "cn": "Doe, Jane", "sn": "Doe", "uid": "jane"})
        user("jane")
        company.group("Support", "groupOfUniqueNames", uniqueMember=f"CN=doe\\2C jane, OU=r&d\\2c labs,{base.upper()}")
        company.serves()

        simulate_and_sync()

        assert roles_of("jane") == IN

    def test_are_found_as_primary_group_and_above_it(self, company: Company) -> None:
        person = {"objectClass": ["inetOrgPerson", "acmeAny"]}
        for number, name in enumerate(PEOPLE):
            more: dict[str, Values | None] = {
                "objectSid": sid(1100 + number),
                "primaryGroupID": "513" if number else "514",
            }
            company.directory.modify(company.dn(name), {**person, **more})
        company.group("Domain Users", "group", objectSid=sid(513))
        company.group("Other", "group", objectSid=sid(514, domain=10))
        company.group("Support", member=company.group_dn("Domain Users"))
        company.serves(needed_attributes_only=True)

        simulate_and_sync()

        assert [groups_of(name) for name in PEOPLE] == [[], *[["Domain Users", "Support"]] * 2]

    def test_take_the_place_of_an_attribute_of_that_name(self, company: Company) -> None:
        made_up = {"objectClass": ["inetOrgPerson", "acmeAny"], "Groups": [company.group_dn("Support")]}
        company.directory.modify(company.dn("ann"), made_up)
        company.group("Support", member=company.dn("bob"))
        company.serves()

        simulate_and_sync()

        assert [roles_of(name) for name in PEOPLE] == [OUT, IN, OUT]
        company.serves(
            resolve_groups=False,
            role_name_script="e => [String(e.groups).startsWith('cn=Supp') ? 'PROe User' : 'Desktop User']",
        )
        simulate_and_sync()
        assert [roles_of(name) for name in PEOPLE] == [IN, OUT, OUT]

    def test_are_a_list_also_where_there_are_none(self, company: Company) -> None:
        company.serves(
            always_list_attributes=["memberOf"],
            role_name_script="e => Array.isArray(e.groups) && e.GROUPS.length == 0 && 'groups' in e ? ['PROe User'] : []",
        )

        simulate_and_sync()

        assert [roles_of(name) for name in PEOPLE] == [IN] * 3

    @pytest.mark.parametrize(("depth", "expected"), [(0, ["A"]), (1, ["A", "B"]), (2, ["A", "B", "Support"])])
    def test_are_followed_as_deep_as_the_setting_says(self, company: Company, depth: int, expected: list[str]) -> None:
        company.group("A", member=company.dn("ann"))
        company.group("B", member=company.group_dn("A"))
        company.group("Support", member=company.group_dn("B"))
        company.serves(groups_depth=depth)

        run = simulate()

        assert groups_of("ann") == expected
        deep = [warning for warning in run.warnings if "deeper" in warning]
        assert deep == (
            [
                f"Corp: Groups lie deeper in one another than the 1 level that is followed: those of {company.group_dn('B')} were left out. Raise “how many levels of groups in groups” to have them too."
            ]
            if depth == 1
            else []
        )

    def test_are_looked_for_where_the_settings_say(self, company: Company) -> None:
        company.group("Support", member=company.dn("ann"))
        company.group("Elsewhere", "groupOfNames", member=company.dn("ann"))

        company.serves(groups_filter="(objectClass=groupOfNames)")
        simulate()
        assert groups_of("ann") == ["Elsewhere"]

        company.serves(groups_filter="", groups_base=company.group_dn("Support"))
        simulate()
        assert groups_of("ann") == ["Support"]

    def test_that_can_t_be_read_let_nobody_be_decided_about(self, company: Company) -> None:
        company.group("Support", member=company.dn("ann"))
        company.serves()
        simulate_and_sync()
        company.serves(groups_base=f"ou=Gone,{company.directory.base}")

        run = sync()

        assert run.state == RunState.FAILED
        assert "the groups can't be read" in run.error
        assert roles_of("ann") == IN

    def test_are_not_read_where_the_setting_is_off(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        company.group("Support", member=company.dn("ann"))
        monkeypatch.setattr(read_stage, "GroupStore", None)
        server = company.server(org_name_script="", role_name_script="")
        digest = server.configuration_digest

        simulate()

        assert not StoredGroup.objects.exists()
        assert "groups" not in StoredEntry.objects.get(dn=company.dn("ann")).attributes
        assert company.server(org_name_script="", role_name_script="", groups_depth=3).configuration_digest == digest


class TestAChange:
    @pytest.fixture
    def staff(self, company: Company) -> Company:
        """Give a help desk with ann that is in Support with bob, all read and applied."""
        company.group("HelpDesk", member=company.dn("ann"))
        company.group("Support", member=[company.group_dn("HelpDesk"), company.dn("bob")])
        company.group("Others", member=company.dn("zoe"))
        company.serves(full_reading_every=50)
        simulate_and_sync()
        assert [roles_of(name) for name in PEOPLE] == [IN, IN, OUT]
        return company

    def test_of_nothing_asks_no_script_and_writes_no_group(self, staff: Company) -> None:
        before = list(StoredGroup.objects.values_list("pk", "digest"))

        run = sync()

        assert evaluated(run) == 0
        assert list(StoredGroup.objects.values_list("pk", "digest")) == before
        counts = run.readings.get().counts
        assert (counts["groups"], counts["groupsChanged"], counts["verdictsKept"]) == (3, 0, 3)
        line = "3 groups were read before the people, 0 of them new or changed since the last reading"
        assert line in proof_lines(run.readings.get())

    @pytest.mark.parametrize("incremental", [False, True])
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (
                lambda it: it.directory.modify(it.group_dn("Support"), {"member": it.group_dn("HelpDesk")}),
                [IN, OUT, OUT],
            ),
            (lambda it: it.directory.modify(it.group_dn("HelpDesk"), {"member": it.dn("zoe")}), [OUT, IN, IN]),
            (lambda it: it.directory.delete(it.group_dn("HelpDesk")), [OUT, IN, OUT]),
            (lambda it: it.directory.delete(it.group_dn("Support")), [OUT, OUT, OUT]),
            (lambda it: it.directory.rename(it.group_dn("Support"), "cn=Past"), [OUT, OUT, OUT]),
            (lambda it: it.directory.modify(it.group_dn("Support"), {"member": it.group_dn("Others")}), [OUT, OUT, IN]),
            (lambda it: it.group("Above", "posixGroup", gidNumber="3", memberUid="zoe"), [IN, IN, OUT]),
        ],
        ids=["left", "swapped", "nested one deleted", "deleted", "renamed", "nested otherwise", "new"],
    )
    def test_touches_all_whose_groups_are_others(
        self, staff: Company, change: Any, expected: list[list[str]], incremental: bool
    ) -> None:
        change(staff)

        run = sync(incremental=incremental)

        assert run.state == RunState.APPLIED
        assert bool(run.readings.get().since) == incremental
        assert [roles_of(name) for name in PEOPLE] == expected
        assert not simulate().changes.exists()
        assert evaluated(Run.objects.latest("pk")) == 0

    @pytest.mark.parametrize("incremental", [False, True])
    def test_of_a_name_in_a_group_is_seen(self, staff: Company, incremental: bool) -> None:
        staff.directory.add(
            staff.group_dn("posix"), {"objectClass": "posixGroup", "cn": "posix", "gidNumber": "1", "memberUid": "zoe"}
        )
        staff.directory.modify(staff.group_dn("Support"), {"member": staff.group_dn("posix")})

        sync(incremental=incremental)

        assert [roles_of(name) for name in PEOPLE] == [OUT, OUT, IN]
        staff.directory.modify(staff.group_dn("posix"), {"memberUid": "ann"})
        run = sync(incremental=incremental)
        assert [roles_of(name) for name in PEOPLE] == [IN, OUT, OUT]
        assert evaluated(run) == 2

    @pytest.mark.parametrize("incremental", [False, True])
    def test_of_a_primary_group_is_seen(self, staff: Company, incremental: bool) -> None:
        person: dict[str, Values | None] = {"objectSid": sid(1100), "primaryGroupID": "513"}
        staff.directory.modify(staff.dn("zoe"), {"objectClass": ["inetOrgPerson", "acmeAny"], **person})
        staff.group("Domain Users", "group", objectSid=sid(513))
        sync()
        assert groups_of("zoe") == ["Domain Users", "Others"]

        staff.directory.modify(staff.group_dn("Support"), {"member": staff.group_dn("Domain Users")})
        run = sync(incremental=incremental)

        assert [roles_of(name) for name in PEOPLE] == [OUT, OUT, IN]
        assert evaluated(run) == 3

    def test_is_not_lost_by_a_run_that_dies_between_groups_and_people(
        self, staff: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        staff.directory.modify(staff.group_dn("HelpDesk"), {"member": staff.dn("zoe")})
        with monkeypatch.context() as patch:
            patch.setattr(PageProcessor, "read", _die)
            with pytest.raises(ZeroDivisionError):
                sync(simulated=True)
        Run.objects.filter(state=RunState.READING).update(state=RunState.FAILED)
        assert [
            group.content
            for group in StoredGroup.objects.filter(dn=staff.group_dn("HelpDesk"))
            if "zoe" in group.content
        ]

        run = sync()

        assert run.readings.get().counts["groupsChanged"] == 0
        assert [roles_of(name) for name in PEOPLE] == [OUT, IN, IN]
        assert not simulate().changes.exists()

    def test_in_the_same_transaction_is_kept_with_who_is_decided_about_again_or_not_at_all(
        self, staff: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        staff.directory.modify(staff.group_dn("HelpDesk"), {"member": staff.dn("zoe")})
        before = list(StoredGroup.objects.order_by("pk").values_list("key", "digest"))
        with monkeypatch.context() as patch:
            patch.setattr(EntryStore, "decide_again", _die)
            with pytest.raises(ZeroDivisionError):
                sync(simulated=True)
        Run.objects.filter(state=RunState.READING).update(state=RunState.FAILED)

        assert list(StoredGroup.objects.order_by("pk").values_list("key", "digest")) == before
        sync()
        assert [roles_of(name) for name in PEOPLE] == [OUT, IN, IN]

    def test_of_what_rollcall_makes_of_groups_has_them_read_anew(
        self, staff: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(group_store, "DIGEST_PREFIX", "f" * 16)
        staff.directory.delete(staff.group_dn("Others"))

        sync()

        assert StoredGroup.objects.filter(digest__startswith="f" * 16).count() == StoredGroup.objects.count() == 2
        assert groups_of("zoe") == []

    def test_by_which_groups_that_were_read_can_t_be_read_any_more_fails_the_reading(self, staff: Company) -> None:
        reader = {"bind_dn": staff.directory.reader_dn, "bind_password": staff.directory.reader_password}
        staff.serves(**reader, groups_base=f"ou=Groups,{staff.directory.base}")
        simulate_and_sync()
        staff.directory.allow(
            "to attrs=userPassword by anonymous auth by * none",
            f'to dn.subtree="ou=Groups,{staff.directory.base}" by * none',
            "to * by * read",
        )

        run = sync()

        assert run.state == RunState.FAILED
        assert [roles_of(name) for name in PEOPLE] == [IN, IN, OUT]


class TestTheSteps:
    def test_name_the_way_to_groups_that_the_scripts_look_for_first(self, company: Company) -> None:
        company.group("HelpDesk\nUK", member=company.dn("ann"))
        company.group("Support", member=company.group_dn("HelpDesk\nUK"))
        company.group("Admins, all", member=company.group_dn("Support"))
        for number in range(10):
            company.group(f"A{number}", member=company.group_dn("HelpDesk\nUK"))
        company.serves()

        run = simulate()

        (ways,) = [step for step in change_of(run, "ann").steps if "through other groups" in step]
        assert ways.startswith("Groups through other groups: Support ← HelpDesk UK; A0 ← HelpDesk UK; ")
        assert ways.endswith("A8 ← HelpDesk UK; and 2 more.")

    def test_say_nothing_of_groups_where_nobody_is_changed_or_no_script_looks_at_them(self, company: Company) -> None:
        company.group("HelpDesk", member=company.dn("ann"))
        company.group("Support", member=company.group_dn("HelpDesk"))
        company.serves(role_name_script="e => ['PROe User']")

        run = simulate()

        assert [step for change in run.changes.all() for step in change.steps if "other groups" in step] == []

    def test_that_leaves_far_fewer_groups_holds_the_run_back(self, company: Company) -> None:
        for number in range(20):
            company.group(f"g{number}", member=company.dn("ann"))
        company.group("Support", member=company.dn("bob"))
        company.serves(limit_entries_percent=80)
        simulate_and_sync()
        for number in range(12):
            company.directory.delete(company.group_dn(f"g{number}"))

        run = sync()

        assert run.state == RunState.HELD_BACK
        (reason,) = [reason for reason in run.held_back if "groups" in reason]
        assert reason.startswith("Corp: 9 groups read, less than 80 % of the 21 of the last complete reading; see ")

    def test_of_the_setting_to_off_forgets_the_groups(self, company: Company) -> None:
        company.group("Support", member=company.dn("ann"))
        company.serves()
        simulate()
        assert StoredGroup.objects.count() == 1

        company.serves(resolve_groups=False)

        assert not StoredGroup.objects.exists()


def _die(*_: object, **__: object) -> None:
    raise ZeroDivisionError


class TestWhoeverIsMade:
    def test_gets_the_roles_of_their_groups(self, company: Company) -> None:
        company.hires("new")
        company.group("HelpDesk", "posixGroup", gidNumber="1", memberUid="new")
        company.group("Support", member=company.group_dn("HelpDesk"))
        company.serves()
        applicant = Applicant(Profile("new"), org("Default"))

        made = creation.create([applicant], created_by=CreatedBy.HAND, by=SYSTEM, at=NOON)

        assert [found.username for found in made.users] == ["new"]
        assert roles_of("new") == IN


def test_the_impact_of_an_edit_is_told_by_the_groups_that_are_stored(company: Company) -> None:
    company.group("HelpDesk", member=company.dn("ann"))
    company.group("Support", member=company.group_dn("HelpDesk"))
    server = company.serves(needed_attributes_only=True)
    simulate_and_sync()

    edited = Scripts(server.active_script, "", "e => e.groups.length ? ['Desktop User'] : ['Desktop User']")

    *_, last = script_impact.impact(server, edited)
    assert last.users == 1


EDITS = 12


@pytest.mark.parametrize("seed", range(3))
def test_after_random_changes_an_incremental_run_leaves_a_full_one_nothing_to_do(company: Company, seed: int) -> None:
    chance = random.Random(seed)
    names = ["Support", *(f"g{number}" for number in range(5))]
    for name in names:
        company.group(name)
    company.serves(full_reading_every=100)
    simulate_and_sync()

    for _ in range(EDITS):
        for _ in range(chance.randint(1, 3)):
            _edit(company, chance, names)
        run = sync(incremental=True)
        assert run.state == RunState.APPLIED
        stored = {name: groups_of(name) for name in PEOPLE}
        full = sync()
        assert not full.changes.exists()
        assert {name: groups_of(name) for name in PEOPLE} == stored


def _edit(company: Company, chance: random.Random, names: Sequence[str]) -> None:
    """Delete or make a group, or give one other members."""
    there = {dn.lower() for dn in _groups(company)}
    dn = company.group_dn(chance.choice(names))
    anybody = [*map(company.dn, PEOPLE), *map(company.group_dn, names)]
    members = chance.sample(anybody, chance.randint(0, 4))
    if dn.lower() not in there:
        company.directory.add(dn, {"objectClass": "groupOfMembers", **({"member": members} if members else {})})
    elif chance.random() < 0.2:
        company.directory.delete(dn)
    else:
        company.directory.modify(dn, {"member": members or None})


def _groups(company: Company) -> Mapping[str, object]:
    with company.directory.administrator() as connection:
        return {dn: None for dn, _ in connection.search_s(f"ou=Groups,{company.directory.base}", 1)}


DYNLIST = "moduleload dynlist\noverlay dynlist\ndynlist-attrset groupOfURLs memberURL member"


def test_members_of_dynamic_groups_are_those_that_the_server_lists() -> None:
    with Directory(before="include /etc/ldap/schema/dyngroup.schema", extra=DYNLIST) as directory:
        company = Company(directory)
        directory.add(f"ou=Groups,{directory.base}", {"objectClass": "organizationalUnit", "ou": "Groups"})
        for name in PEOPLE:
            company.hires(name, title="Technician" if name != "zoe" else "Clerk")
            user(name, last_name=name.title())
        url = f"ldap:///{directory.base}??sub?(title=Technician)"
        company.group("Support", "groupOfURLs", memberURL=url)
        company.serves(full_reading_every=50)
        simulate_and_sync()
        assert [roles_of(name) for name in PEOPLE] == [IN, IN, OUT]
        assert groups_of("zoe") == []

        # The group itself has not changed.
        directory.modify(company.dn("bob"), {"title": "Clerk"})
        directory.modify(company.dn("zoe"), {"title": "Technician"})
        sync(incremental=True)

        assert [roles_of(name) for name in PEOPLE] == [IN, OUT, IN]


@pytest.mark.parametrize("incremental", [False, True])
def test_whoever_is_renamed_stays_in_their_groups(incremental: bool) -> None:
    """The server writes the new name into the groups; nothing else of them changes."""
    with Directory(memberof=True) as directory:
        company = Company(directory)
        directory.add(f"ou=Groups,{directory.base}", {"objectClass": "organizationalUnit", "ou": "Groups"})
        for name in PEOPLE:
            company.hires(name)
            user(name, last_name=name.title())
        company.group("Support", "groupOfNames", member=[company.dn("ann"), company.dn("bob")])
        company.serves(full_reading_every=50)
        simulate_and_sync()
        assert [roles_of(name) for name in PEOPLE] == [IN, IN, OUT]

        directory.rename(company.dn("ann"), "uid=ann2")
        directory.rename(company.group_dn("Support"), "cn=support")
        run = sync(incremental=incremental)

        assert bool(run.readings.get().since) == incremental
        assert [roles_of(name) for name in ("ann2", "bob", "zoe")] == [IN, IN, OUT]
        assert groups_of("ann2") == groups_of("bob") == ["support"]
