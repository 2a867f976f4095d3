"""Why a stored change must not be made any more: each thing that it relies on, changed since the plan was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from directory.sync.plan.rules import preconditions
from directory.sync.plan.rules.preconditions import EntryNow, Now, Relied
from directory.values.ldap import Identity
from directory.values.plan import Account, Action, Cause, Change, OrgFacts, Outcome
from directory.values.scripts import ACTIVE, ScriptError, Verdict
from tests.unit.directory.sync.plan.rules.facts import CONTEXT, DEFAULT, HERE, SEAN, STAFF

ROLES = {"PROe User": "1", "Org Admin": "1"}
RELIED = Relied(orgs={2: (1,), 3: (2, 1)}, roles=ROLES, servers={1: "settings", 2: "settings"})
NOW = Now(
    orgs={2: DEFAULT, 3: STAFF},
    roles=ROLES,
    servers={1: "settings", 2: "settings"},
    names={1: "Corp", 2: "Branch"},
)


def change(*actions: Action, cause: Cause = Cause.NONE, before: Account = SEAN, after: Account = SEAN) -> Change:
    return Change(5, Outcome.PLANNED, before, after, (), actions, cause)


MOVE = change(Action.MOVE, after=replace(SEAN, org="Staff", org_id=3))
LEAVES = change(Action.BLOCK, Action.DEACTIVATE, cause=Cause.ABSENT, after=replace(SEAN, active=False, blocked=True))
SWITCHED_OFF = replace(LEAVES, cause=Cause.SCRIPT)
GRANT = change(Action.SET_ROLES, after=replace(SEAN, roles=SEAN.roles | {"Org Admin"}))
LOSS = change(Action.SET_ROLES, before=replace(SEAN, roles=SEAN.roles | {"Org Admin"}))
RENAME = change(Action.RENAME, after=replace(SEAN, username="sryan"))


def objection(planned: Change, now: Now = NOW, relied: Relied = RELIED, server: int | None = 1) -> str:
    return preconditions.objection(planned, server, relied, now)


@pytest.mark.parametrize("planned", [MOVE, LEAVES, SWITCHED_OFF, GRANT, LOSS, RENAME])
def test_nothing_speaks_against_a_plan_while_everything_is_as_it_was(planned: Change) -> None:
    assert objection(planned) == ""


class TestServers:
    @pytest.mark.parametrize("servers", [(2,), (), (2, 1)])
    def test_that_the_org_asks_are_others_by_now(self, servers: tuple[int, ...]) -> None:
        now = replace(NOW, orgs={2: replace(DEFAULT, servers=servers)})

        assert objection(RENAME, now) == "Default asks other LDAP servers than it did when the plan was made"

    def test_are_none_where_the_org_follows_ldap_no_more(self) -> None:
        now = replace(NOW, orgs={2: replace(DEFAULT, synchronized=False)})

        assert "asks other LDAP servers" in objection(RENAME, now)

    def test_must_all_have_been_read_to_their_end_for_an_absence(self) -> None:
        both = replace(NOW, orgs={2: replace(DEFAULT, servers=(1, 2))})
        relied = replace(RELIED, orgs={2: (1, 2)}, servers={1: "settings"})

        assert "asks other LDAP servers" in objection(LEAVES, both, relied)
        assert objection(SWITCHED_OFF, both, relied) == ""

    def test_have_other_settings_by_now(self) -> None:
        reason = objection(RENAME, replace(NOW, servers={1: "others"}))

        assert reason == "the settings of Corp have changed since the plan was made"


class TestTheOrgOfAMove:
    def test_is_not_active_any_more(self) -> None:
        assert objection(MOVE, replace(NOW, orgs={2: DEFAULT})) == "the org Staff is not active any more"

    def test_has_another_name(self) -> None:
        now = replace(NOW, orgs={2: DEFAULT, 3: replace(STAFF, name="People")})

        assert objection(MOVE, now) == "the org Staff is called People by now"

    def test_asks_other_servers(self) -> None:
        now = replace(NOW, orgs={2: DEFAULT, 3: replace(STAFF, servers=(1,))})

        assert objection(MOVE, now) == "Staff asks other LDAP servers than it did when the plan was made"


class TestARoleThatIsGranted:
    def test_is_gone(self) -> None:
        assert objection(GRANT, replace(NOW, roles={"PROe User": "1"})) == "there is no role Org Admin any more"

    def test_allows_something_else(self) -> None:
        reason = objection(GRANT, replace(NOW, roles=ROLES | {"Org Admin": "2"}))

        assert reason == "the role Org Admin has been changed since the plan was made"

    def test_is_not_compared_where_the_plan_was_stored_without(self) -> None:
        assert objection(GRANT, replace(NOW, roles=ROLES | {"Org Admin": "2"}), replace(RELIED, roles=None)) == ""


class TestTheTree:
    PATHS = replace(RELIED, paths={2: "00010001", 3: "000100010001"})
    HERE_AND_THERE = replace(NOW, orgs={2: replace(DEFAULT, path="00010001"), 3: replace(STAFF, path="000100010001")})

    def test_is_as_it_was(self) -> None:
        assert objection(MOVE, self.HERE_AND_THERE, self.PATHS) == ""

    @pytest.mark.parametrize(("pk", "name"), [(2, "Default"), (3, "Staff")])
    def test_has_one_of_the_two_orgs_of_a_move_elsewhere(self, pk: int, name: str) -> None:
        orgs = self.HERE_AND_THERE.orgs
        now = replace(self.HERE_AND_THERE, orgs={**orgs, pk: replace(orgs[pk], path="00010009")})

        assert objection(MOVE, now, self.PATHS) == f"the org {name} lies elsewhere in the tree by now"
        assert objection(GRANT, now, self.PATHS) == ""

    def test_is_not_compared_where_the_plan_was_stored_without(self) -> None:
        now = replace(self.HERE_AND_THERE, orgs={**self.HERE_AND_THERE.orgs, 3: replace(STAFF, path="0009")})

        assert objection(MOVE, now, RELIED) == ""


class TestAnUndo:
    UNDO = Relied(undo=True)

    def test_relies_on_no_server(self) -> None:
        assert objection(MOVE, replace(NOW, servers={}), self.UNDO, server=None) == ""

    def test_relies_on_orgs_and_roles(self) -> None:
        assert objection(MOVE, replace(NOW, orgs={}), self.UNDO, server=None) == "the org Staff is not active any more"
        assert objection(GRANT, replace(NOW, roles={}), self.UNDO, server=None) == "there is no role Org Admin any more"


class TestAnEntryReadSinceThePlanWasMade:
    @staticmethod
    def contradiction_of(planned: Change, verdict: Verdict, identity: Identity = HERE, server: int = 1) -> str:
        entries = {5: [EntryNow(server, "Corp", identity, verdict)]}
        now = replace(NOW, orgs={2: replace(DEFAULT, servers=(1, 2)), 3: STAFF}, entries=entries)
        return objection(planned, now, replace(RELIED, orgs={2: (1, 2), 3: (2, 1)}))

    def test_speaks_against_an_absence(self) -> None:
        assert self.contradiction_of(LEAVES, Verdict()) == f"Corp has an entry of theirs by now: {HERE.dn}"

    @pytest.mark.parametrize(
        ("planned", "verdict", "reason"),
        [
            (SWITCHED_OFF, Verdict(), "the active script says active"),
            (GRANT, Verdict(active=False, roles=("Org Admin", "PROe User")), "the active script says inactive"),
            (MOVE, Verdict(org_name="Default"), "the org name script says Default"),
            (MOVE, Verdict(), "the org name script says nothing"),
            (GRANT, Verdict(roles=("PROe User",)), "the role name script gives other roles"),
            (LOSS, Verdict(roles=("PROe User", "org admin")), "the role name script gives other roles"),
            (LOSS, Verdict(), "the role name script gives other roles"),
            (
                RENAME,
                Verdict(error=ScriptError(ACTIVE, "oh")),
                "the active script fails for their entry",
            ),
        ],
    )
    def test_speaks_against_what_its_scripts_do_not_say(self, planned: Change, verdict: Verdict, reason: str) -> None:
        identity = replace(HERE, usernames=(planned.after.username,))

        assert self.contradiction_of(planned, verdict, identity) == f"{reason} by now ({HERE.dn} in Corp)"

    @pytest.mark.parametrize(
        ("planned", "verdict"),
        [
            (SWITCHED_OFF, Verdict(active=False)),
            (MOVE, Verdict(org_name=" staff ")),
            (GRANT, Verdict(roles=("ORG ADMIN", "PROe User"))),
            (LOSS, Verdict(roles=("PROe User",))),
        ],
    )
    def test_that_says_the_same_does_not(self, planned: Change, verdict: Verdict) -> None:
        assert self.contradiction_of(planned, verdict) == ""

    @pytest.mark.parametrize(("usernames", "ok"), [(("sryan",), True), (("sean",), False), (("sryan", "sean"), False)])
    def test_speaks_against_a_name_that_it_has_not(self, usernames: Sequence[str], ok: bool) -> None:
        reason = self.contradiction_of(RENAME, Verdict(), replace(HERE, usernames=tuple(usernames)))

        assert reason == ("" if ok else f"the directory has another username for them by now ({HERE.dn} in Corp)")

    def test_of_a_server_that_is_asked_later_says_nothing_of_names(self) -> None:
        assert self.contradiction_of(RENAME, Verdict(), server=2) == ""


def test_it_may_be_too_early_for_an_absence_by_the_settings_of_now() -> None:
    reason = objection(LEAVES, replace(NOW, waits={5: "absent in 1 of 2 runs"}))

    assert reason == "it is too early by the LDAP server's settings of now: absent in 1 of 2 runs"


class TestWhatAPlanIsMadeAgainst:
    def test_comes_back_from_its_row_as_it_was(self) -> None:
        stored = preconditions.to_json(CONTEXT, {3: [2]}, ROLES)

        relied = preconditions.from_json(stored, servers={1: "x"}, undo=False)

        paths = {org.id: org.path for org in CONTEXT.by_id.values()}
        assert relied == Relied({2: (1,), 3: (2,), 4: ()}, ROLES, paths, {1: "x"})

    def test_is_not_compared_where_a_run_was_stored_without(self) -> None:
        assert preconditions.from_json({}, servers={}, undo=True) == Relied(undo=True)


def test_an_org_that_is_not_there_asks_no_server() -> None:
    assert Now({4: OrgFacts(4, "Archive", synchronized=False, servers=(1,))}, {}).servers_of(4) == ()
    assert NOW.servers_of(99) == ()
