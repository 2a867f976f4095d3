"""Makes the plan of a sync: decides about every user in scope, page by page, and stores the decisions."""

from __future__ import annotations

from collections.abc import Sequence

from directory.ldap.search.referrals import may_hold_people
from directory.models import PlannedMatch, RunChange, RunRepeat, RunServer
from directory.org_scope import orgs_in_scope
from directory.sync import run_stopwatch
from directory.sync.identify import last_seen_dns
from directory.sync.plan import stored_users
from directory.sync.plan.confirmation import Confirmation
from directory.sync.plan.directory_view import DirectoryView
from directory.sync.plan.plan_context import load_plan_context
from directory.sync.plan.planner import Planner
from directory.sync.plan.precondition_facts import to_note
from directory.sync.plan.rules.absence import ServerReading
from directory.sync.plan.user_decisions import UserDecisions
from directory.sync.read import full_or_incremental
from directory.sync.read.read_result import ReadResult
from directory.sync.run_context import RunContext
from directory.sync.stored import decision_cache, plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import DecidedUser, PlanContext
from orgs.bulk_writes import refresh_statistics


def make_plan(context: RunContext, read: ReadResult) -> PlanCounts:
    """Decide about every user in scope, store the plan, and return its counts.

    If there is anything to apply, the run's row keeps what the plan is decided against.
    """
    with run_stopwatch.step("beginning to plan"):
        counts = _make_plan(context, read)
        refresh_statistics(RunChange, RunRepeat, PlannedMatch)
    return counts


def _make_plan(context: RunContext, read: ReadResult) -> PlanCounts:
    # All orgs that follow LDAP: a run of some servers may move users to orgs outside its scope.
    plan_context = load_plan_context(orgs_in_scope())
    surroundings = to_note(plan_context, {pk: org.servers for pk, org in context.scope.items()})
    context_hash = decision_cache.hash_context(plan_context)
    directory = DirectoryView([_reading(row) for row in context.readings], read.competing_users)

    def store_matches_and_cache(decided: Sequence[DecidedUser]) -> None:
        directory.plan_matches(context.run.pk, {each.user.id: each.lookup for each in decided})
        same = [each for each in decided if _has_same_servers(each, context, plan_context)]
        decision_cache.note(same, context_hash=context_hash)

    planner = Planner.begin(context, plan_context, also_store=store_matches_and_cache, org_ids=context.org_ids)
    with Confirmation(context, read, directory) as confirmation:
        decisions = UserDecisions(context, read, plan_context, directory, confirmation, stay=planner.renew)
        with run_stopwatch.step("who has to be decided about"):
            split = decision_cache.split_users(
                context.org_ids, context_hash=context_hash, fully_read=_fully_read_orgs(context)
            )
        planner.add_unchanged(split.unchanged)
        users = stored_users.pages(split.undecided, context.org_ids)
        for page, found in run_stopwatch.each("looking users up", decisions.looked_up(users)):
            planner.add(decisions.of(page, found))
        planner.decide_deferred()
    for row in context.readings:
        if row.complete and not row.since and (doubted := _doubted(row, confirmation)):
            full_or_incremental.note_doubts(row, len(doubted))
    context.lease.save(surroundings=surroundings if plan_rows.any_to_apply(context.run) else {})
    return planner.counts


def _doubted(row: RunServer, confirmation: Confirmation) -> set[int]:
    """Return the users whom a reading did not find although they may be there.

    An absence check found them, or their entry was there before and no absence check has proven that they are gone.
    """
    if row.server_id is None:
        return set()
    missed = last_seen_dns.missed_by(row.run_id, server_id=row.server_id)
    proven, overlooked = (
        each.get(row.server_id, set()) for each in (confirmation.proven_absent, confirmation.overlooked)
    )
    return missed - proven | overlooked


def _fully_read_orgs(context: RunContext) -> list[int]:
    """Return the ids of the orgs whose servers were all read to their end."""
    read = {row.server_id for row in context.readings if row.complete}
    return [pk for pk, org in context.scope.items() if read.issuperset(org.servers)]


def _reading(row: RunServer) -> ServerReading:
    unread = [url for url in row.referrals if may_hold_people(url)]
    return ServerReading(
        server_id=row.server_id or 0,
        name=row.server_name,
        pages=row.pages,
        entries=row.entries,
        complete=row.complete,
        error=row.error,
        unread=", ".join(unread[:3]),
        extent=row.read_scope if row.since else "",
    )


def _has_same_servers(decided: DecidedUser, context: RunContext, plan_context: PlanContext) -> bool:
    """Return whether the user's org still has the servers that were searched: its list may have changed."""
    org_id = decided.user.account.org_id
    org = plan_context.by_id.get(org_id)
    return org is not None and org.servers == context.scope[org_id].servers
