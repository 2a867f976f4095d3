"""The decision table: what the directory's word means for one user."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.sync.plan.rules.decision_table import decide
from directory.sync.stored.plan_counts import counted_for_limits
from directory.values.ldap import Identity
from directory.values.plan import (
    Account,
    Action,
    Cause,
    LookupResult,
    OrgFacts,
    Outcome,
    Presence,
)
from directory.values.scripts import ORG_NAME, ScriptError, Verdict
from tests.unit.directory.sync.plan.rules.facts import CONTEXT, HERE, SEAN, found, known

ABSENT = LookupResult(Presence.ABSENT, server="Corp", reason="nobody matches in Corp (3 entries in 1 page)")


INACTIVE = found(Verdict(active=False))
DEACTIVATED = replace(SEAN, active=False, blocked=True)


class TestFoundAndActive:
    def test_an_active_user_gets_names_email_org_and_roles_where_they_differ(self) -> None:
        identity = replace(HERE, usernames=("sryan",), emails=("s.ryan@example.com",), last_name="Ryan-Hill")
        verdict = Verdict(org_name="staff", roles=("Org Admin",))

        change = decide(known(), found(verdict, identity), CONTEXT)

        assert change.actions == (Action.RENAME, Action.PROFILE, Action.MOVE, Action.SET_ROLES)
        assert change.after == replace(
            SEAN,
            username="sryan",
            email="s.ryan@example.com",
            last_name="Ryan-Hill",
            org="Staff",
            org_id=3,
            roles=frozenset({"Org Admin"}),
        )

    def test_an_active_user_who_is_as_wanted_stays(self) -> None:
        change = decide(known(), found(Verdict(org_name="Default", roles=("PROe User",))), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED
        assert change.actions == ()

    def test_a_user_deactivated_by_a_sync_is_reactivated_and_unblocked_then_moved_and_re_roled(self) -> None:
        user = known(DEACTIVATED, deactivated_by_sync=True, blocked_by_sync=True)

        change = decide(user, found(Verdict(org_name="Staff", roles=("Org Admin",))), CONTEXT)

        assert change.actions == (Action.REACTIVATE, Action.UNBLOCK, Action.MOVE, Action.SET_ROLES)
        assert (change.after.active, change.after.blocked, change.after.org) == (True, False, "Staff")

    def test_a_user_deactivated_by_a_sync_but_blocked_by_a_person_is_reactivated_and_stays_blocked(self) -> None:
        change = decide(known(DEACTIVATED, deactivated_by_sync=True), found(), CONTEXT)

        assert change.actions == (Action.REACTIVATE,)
        assert change.after.blocked

    @pytest.mark.parametrize(
        "account", [replace(SEAN, active=False), replace(SEAN, blocked=True)], ids=["deactivated", "blocked"]
    )
    def test_a_user_deactivated_or_blocked_by_a_person_is_kept_and_listed(self, account: Account) -> None:
        change = decide(known(account), found(Verdict(org_name="Staff")), CONTEXT)

        assert change.outcome is Outcome.KEPT
        assert change.actions == ()
        assert "by a person" in change.steps[-1]

    def test_a_setting_allows_to_reactivate_whom_a_person_deactivated(self) -> None:
        context = replace(CONTEXT, reactivate_set_by_person=True)

        change = decide(known(DEACTIVATED), found(), context)

        assert change.actions == (Action.REACTIVATE, Action.UNBLOCK)

    def test_a_user_on_hold_blocked_by_a_sync_is_unblocked_and_the_pending_deactivation_is_off(self) -> None:
        account = replace(SEAN, blocked=True, pending=True)
        user = known(account, on_hold=True, blocked_by_sync=True, pending_by_sync=True)

        change = decide(user, found(), CONTEXT)

        assert change.actions == (Action.UNBLOCK, Action.CLEAR_PENDING)
        assert change.after == SEAN

    def test_a_user_on_hold_blocked_by_a_person_stays_blocked_and_the_pending_deactivation_is_off(self) -> None:
        user = known(replace(SEAN, blocked=True, pending=True), on_hold=True, pending_by_sync=True)

        change = decide(user, found(Verdict(org_name="Staff")), CONTEXT)

        assert change.actions == (Action.CLEAR_PENDING,)
        assert change.after == replace(SEAN, blocked=True)

    def test_a_deactivation_that_a_person_left_pending_stays(self) -> None:
        user = known(replace(SEAN, blocked=True, pending=True), on_hold=True, blocked_by_sync=True)

        change = decide(user, found(), CONTEXT)

        assert change.outcome is Outcome.KEPT
        assert change.after.pending


class TestInactiveOrAbsent:
    @pytest.mark.parametrize(
        ("lookup_result", "cause"), [(INACTIVE, Cause.SCRIPT), (ABSENT, Cause.ABSENT)], ids=["inactive", "absent"]
    )
    def test_an_active_user_not_on_hold_is_blocked_and_deactivated(
        self, lookup_result: LookupResult, cause: Cause
    ) -> None:
        change = decide(known(), lookup_result, CONTEXT)

        assert change.actions == (Action.BLOCK, Action.DEACTIVATE)
        assert change.after == DEACTIVATED
        assert change.cause is cause

    @pytest.mark.parametrize("lookup_result", [INACTIVE, ABSENT], ids=["inactive", "absent"])
    def test_an_active_user_on_hold_is_blocked_with_the_deactivation_pending(self, lookup_result: LookupResult) -> None:
        change = decide(known(on_hold=True), lookup_result, CONTEXT)

        assert change.actions == (Action.BLOCK, Action.SET_PENDING)
        assert change.after == replace(SEAN, blocked=True, pending=True)

    @pytest.mark.parametrize("lookup_result", [INACTIVE, ABSENT], ids=["inactive", "absent"])
    @pytest.mark.parametrize(
        ("account", "on_hold"),
        [(DEACTIVATED, False), (replace(SEAN, active=False), True), (replace(SEAN, blocked=True, pending=True), True)],
        ids=["deactivated", "deactivated on hold", "pending on hold"],
    )
    def test_a_user_already_as_wanted_stays(self, lookup_result: LookupResult, account: Account, on_hold: bool) -> None:
        change = decide(known(account, on_hold=on_hold), lookup_result, CONTEXT)

        assert change.outcome is Outcome.UNCHANGED

    def test_a_user_about_to_be_deactivated_is_neither_moved_nor_re_roled_nor_renamed(self) -> None:
        verdict = Verdict(active=False, org_name="Staff", roles=("Org Admin",))

        change = decide(known(), found(verdict, replace(HERE, usernames=("sryan",))), CONTEXT)

        assert (change.after.username, change.after.org, change.after.roles) == ("sean", "Default", SEAN.roles)


class TestWhoIsLeftAlone:
    def test_a_script_error_changes_nothing_and_names_script_line_and_message(self) -> None:
        error = ScriptError(ORG_NAME, "cannot read property 'split' of undefined", 7)

        change = decide(known(), found(Verdict(error=error)), CONTEXT)

        assert change.outcome is Outcome.SCRIPT_ERROR
        assert change.after == change.before
        assert "org name script, line 7: cannot read property 'split' of undefined" in change.steps[-1]

    def test_a_conflict_changes_nothing(self) -> None:
        change = decide(known(), LookupResult(Presence.CONFLICT, reason="two entries for one user: a and b"), CONTEXT)

        assert change.outcome is Outcome.CONFLICT
        assert change.actions == ()

    def test_a_user_not_checked_changes_nothing(self) -> None:
        change = decide(known(), LookupResult(Presence.NOT_CHECKED, reason="Corp was not read to its end"), CONTEXT)

        assert change.outcome is Outcome.NOT_CHECKED
        assert change.actions == ()

    @pytest.mark.parametrize("lookup_result", [ABSENT, found(Verdict(org_name="Staff"))], ids=["absent", "moved"])
    def test_a_user_managed_locally_never_changes(self, lookup_result: LookupResult) -> None:
        change = decide(known(managed_locally=True), lookup_result, CONTEXT)

        assert change.outcome is Outcome.KEPT
        assert change.after == SEAN

    def test_a_rename_to_a_name_that_another_user_has_is_a_conflict(self) -> None:
        change = decide(known(), found(identity=replace(HERE, usernames=("Mia",))), CONTEXT, taken={"mia"})

        assert change.outcome is Outcome.CONFLICT
        assert change.after == SEAN

    def test_a_deactivated_users_name_under_another_id_is_a_conflict(self) -> None:
        user = known(DEACTIVATED, deactivated_by_sync=True, blocked_by_sync=True)

        change = decide(user, found(known_id="id-of-someone-else"), CONTEXT)

        assert change.outcome is Outcome.CONFLICT

    @pytest.mark.parametrize("active", [True, False])
    def test_the_conflict_comes_before_what_the_scripts_say(self, active: bool) -> None:
        user = known(DEACTIVATED, deactivated_by_sync=True, blocked_by_sync=True)

        change = decide(user, found(Verdict(active=active), known_id="id-of-someone-else"), CONTEXT)

        assert change.outcome is Outcome.CONFLICT

    @pytest.mark.parametrize("unique_id", ["id-2", ""])
    def test_an_active_users_name_without_the_id_and_with_another_name_is_a_conflict_whatever_the_address(
        self, unique_id: str
    ) -> None:
        newcomer = Identity("uid=sean,ou=new", unique_id, ("sean",), (SEAN.email,), "Sean", "Hill")

        change = decide(known(), found(identity=newcomer, known_id="id-1"), CONTEXT)

        assert change.outcome is Outcome.CONFLICT

    def test_an_active_users_new_id_with_the_same_name_is_taken_on_with_a_warning(self) -> None:
        change = decide(known(), found(known_id="id-before"), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED
        assert change.warnings == ("The immutable id was id-before and is now id-1",)


class TestNames:
    def test_a_username_that_differs_in_letter_case_is_no_rename(self) -> None:
        change = decide(known(), found(identity=replace(HERE, usernames=("SEAN",))), CONTEXT)

        assert change.actions == (Action.PROFILE,)
        assert change.after == replace(SEAN, username="SEAN")
        assert "Profile from the directory: username SEAN." in change.steps
        assert list(counted_for_limits(change, frozenset())) == []

    def test_letter_case_of_names_and_addresses_follows_and_counts_against_no_limit(self) -> None:
        identity = replace(HERE, emails=("Sean@Example.com",), first_name="SEAN", last_name="RYAN")

        change = decide(known(), found(identity=identity), CONTEXT)

        assert change.actions == (Action.PROFILE,)
        assert change.after == replace(SEAN, email="Sean@Example.com", first_name="SEAN", last_name="RYAN")
        assert list(counted_for_limits(change, frozenset())) == []

    def test_of_two_spellings_the_one_in_use_stays(self) -> None:
        identity = replace(HERE, usernames=("SEAN", "sean"), emails=("SEAN@example.com", "sean@example.com"))

        assert decide(known(), found(identity=identity), CONTEXT).outcome is Outcome.UNCHANGED

    def test_nothing_follows_for_a_user_who_is_managed_locally(self) -> None:
        change = decide(known(managed_locally=True), found(identity=replace(HERE, usernames=("SEAN",))), CONTEXT)

        assert change.actions == ()

    def test_a_rename_takes_other_letters_of_the_address_along(self) -> None:
        identity = replace(HERE, usernames=("SRyan",), emails=("SEAN@example.com",))

        change = decide(known(), found(identity=identity), CONTEXT)

        assert change.actions == (Action.RENAME, Action.PROFILE)
        assert change.after == replace(SEAN, username="SRyan", email="SEAN@example.com")

    @pytest.mark.parametrize(
        "wrong", ["sean at example.com", "jürgen@example.com", "smtp:", "a@b@", f"{'a' * 320}@example.com"]
    )
    def test_what_is_no_address_is_a_warning_and_the_address_stays(self, wrong: str) -> None:
        change = decide(known(), found(identity=replace(HERE, emails=(wrong,))), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED
        assert change.after == SEAN
        [warning] = change.warnings
        assert warning.startswith("The directory's email address ")
        assert warning.endswith(" is none: sean@example.com stays")

    def test_a_user_without_an_address_goes_on_without_one(self) -> None:
        change = decide(known(replace(SEAN, email="")), found(identity=replace(HERE, emails=("none",))), CONTEXT)

        assert change.warnings == ("The directory's email address none is none: this user goes on without one",)

    def test_of_proxy_addresses_the_primary_one_counts(self) -> None:
        values = ("smtp:sean@example.com", "X500:/o=Corp/cn=Sean", "SMTP:S.Ryan@example.com", "sip:sean@example.com")

        change = decide(known(), found(identity=replace(HERE, emails=values)), CONTEXT)

        assert change.after == replace(SEAN, email="S.Ryan@example.com")
        assert change.warnings == ()

    def test_a_typed_address_is_stored_without_its_type(self) -> None:
        change = decide(
            known(replace(SEAN, email="")), found(identity=replace(HERE, emails=("smtp:a@example.com",))), CONTEXT
        )

        assert change.after.email == "a@example.com"

    def test_of_several_addresses_the_one_in_use_stays(self) -> None:
        change = decide(known(), found(identity=replace(HERE, emails=("a@example.com", "sean@example.com"))), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED

    def test_an_attribute_that_the_entry_lacks_says_nothing(self) -> None:
        change = decide(known(), found(identity=Identity("uid=sean", "id-1", ("sean",))), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED


class TestOrgs:
    def test_an_unknown_org_is_a_warning_and_the_user_stays(self) -> None:
        change = decide(known(), found(Verdict(org_name="Nowhere")), CONTEXT)

        assert change.actions == ()
        assert change.unknown_org == "Nowhere"
        assert change.warnings == ("There is no org Nowhere, and a sync creates none: stays in Default",)

    def test_no_org_name_leaves_the_user_in_place(self) -> None:
        assert decide(known(), found(Verdict(org_name=None)), CONTEXT).outcome is Outcome.UNCHANGED

    def test_an_org_that_asks_other_servers_is_a_warning_and_the_user_stays(self) -> None:
        context = replace(CONTEXT, orgs={**CONTEXT.orgs, "staff": OrgFacts(3, "Staff", servers=(2,))})

        change = decide(known(), found(Verdict(org_name="Staff")), context)

        assert change.outcome is Outcome.UNCHANGED
        assert change.warnings == ("Staff does not ask Corp, where this user is: stays in Default",)

    def test_an_org_out_of_reach_of_syncs_is_said_so(self) -> None:
        change = decide(known(), found(Verdict(org_name="Archive")), CONTEXT)

        assert change.actions == (Action.MOVE,)
        assert "not synchronized" in change.warnings[0]


class TestRoles:
    def test_null_leaves_roles_alone(self) -> None:
        assert decide(known(), found(Verdict(roles=None)), CONTEXT).after.roles == SEAN.roles

    def test_an_empty_list_means_the_default_roles_of_the_org_the_user_ends_up_in(self) -> None:
        assert decide(known(), found(Verdict(roles=())), CONTEXT).after.roles == {"PROe User", "Desktop User"}
        assert decide(known(), found(Verdict(org_name="Staff", roles=())), CONTEXT).after.roles == {"PROe User"}

    def test_an_unknown_role_is_a_warning_and_the_others_apply(self) -> None:
        change = decide(known(), found(Verdict(roles=("Org Admin", "Org Admn"))), CONTEXT)

        assert change.after.roles == {"Org Admin"}
        assert change.warnings == ("There is no role Org Admn",)

    def test_a_role_that_the_server_may_not_grant_is_a_warning_and_the_others_apply(self) -> None:
        change = decide(known(), found(Verdict(roles=("SYSADMIN", "Org Admin"))), CONTEXT)

        assert change.after.roles == {"Org Admin"}
        assert change.warnings == ("Corp may not grant the role SYSADMIN",)

    def test_a_role_that_the_user_holds_already_needs_no_grant(self) -> None:
        account = replace(SEAN, roles=frozenset({"SYSADMIN"}))

        change = decide(known(account), found(Verdict(roles=("SYSADMIN",))), CONTEXT)

        assert change.outcome is Outcome.UNCHANGED
        assert change.warnings == ()

    def test_when_no_role_is_left_to_give_roles_are_left_alone(self) -> None:
        change = decide(known(), found(Verdict(roles=("Org Admn",))), CONTEXT)

        assert change.after.roles == SEAN.roles


accounts = st.builds(
    Account,
    username=st.sampled_from(["sean", "Sean", "sryan"]),
    email=st.sampled_from(["", "sean@example.com"]),
    first_name=st.just("Sean"),
    last_name=st.sampled_from(["Ryan", "Ryan-Hill"]),
    active=st.booleans(),
    blocked=st.booleans(),
    pending=st.booleans(),
    org=st.just("Default"),
    org_id=st.just(2),
    roles=st.frozensets(st.sampled_from(["PROe User", "Desktop User", "SYSADMIN"])),
).filter(lambda account: account.active or not account.pending)
verdicts = st.builds(
    Verdict,
    active=st.booleans(),
    org_name=st.sampled_from([None, "Default", "Staff", "Nowhere", "Archive"]),
    roles=st.sampled_from([None, (), ("Org Admin",), ("SYSADMIN",), ("Nothing", "PROe User")]),
)
lookup_results = st.one_of(st.just(ABSENT), verdicts.map(found))


class TestEveryChange:
    @given(accounts, lookup_results, st.booleans(), st.booleans(), st.booleans(), st.booleans())
    def test_leaves_nothing_for_the_next_run(
        self, account: Account, lookup_result: LookupResult, on_hold: bool, off: bool, blocked: bool, pending: bool
    ) -> None:
        user = known(
            account, on_hold=on_hold, deactivated_by_sync=off, blocked_by_sync=blocked, pending_by_sync=pending
        )
        first = decide(user, lookup_result, CONTEXT)
        # What the sync set, the sync has set.
        afterwards = replace(
            user,
            account=first.after,
            deactivated_by_sync=off or Action.DEACTIVATE in first.actions,
            blocked_by_sync=blocked or Action.BLOCK in first.actions,
            pending_by_sync=pending or Action.SET_PENDING in first.actions,
        )

        second = decide(afterwards, lookup_result, CONTEXT)

        assert second.actions == ()

    @given(accounts, lookup_results, st.booleans())
    def test_says_why_and_deactivates_only_on_proof(
        self, account: Account, lookup_result: LookupResult, on_hold: bool
    ) -> None:
        change = decide(known(account, on_hold=on_hold), lookup_result, CONTEXT)

        assert change.steps
        if Action.DEACTIVATE in change.actions:
            proven = lookup_result.presence is Presence.ABSENT or (
                lookup_result.verdict and not lookup_result.verdict.active
            )
            assert proven
            assert not on_hold
