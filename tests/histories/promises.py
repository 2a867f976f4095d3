"""What a run may have done to users, worked out from the directories in memory alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from directory.models import CachedDecision, LdapServer, Run, RunServer, RunState, StoredEntry
from directory.org_scope import orgs_in_scope
from directory.values.plan import Cause, Outcome
from directory.values.scripts import Verdict
from orgs.text import fold
from tests.histories.directories import EVERYONE, Person, verdict
from tests.histories.facts import Facts, Snapshot, cut_off
from tests.histories.world import World, rolled_back

WITHOUT_A_DIRECTORY = {"Local", "ADMIN"}
# A second run may come back to what the first could not do, or not yet.
LEFT_FOR_LATER = (Outcome.CHANGED_MEANWHILE, Outcome.REFUSED, Outcome.WAITING)


def word_on(world: World, before: Snapshot, pk: int, account: dict[str, Any]) -> tuple[list[Verdict], bool]:
    """Return what the directories that can be read say of a user, and whether those are all that the user's org asks.

    Whom a server leaves out it still names when it is asked again. Entries with the user's immutable id count before
    those with the username, and those of the first server before those of the next.
    """
    scope = {place.org.name: place.servers for place in orgs_in_scope().values()}
    stored = {server.pk: server for server in LdapServer.objects.all()}
    servers = [stored[server] for server in scope.get(account["org"], ())]
    readable = [server for server in servers if server.enabled and world.servers[server.name].readable]
    known, key = before.ids.get(pk, set()), fold(account["username"])
    by_id, by_name = [], []
    for server in readable:
        people, lax = world.servers[server.name].people.values(), server.active_script == EVERYONE
        by_id.append([(each, lax) for each in people if each.unique_id in known])
        named = [each for each in people if key in map(fold, each.usernames)]
        by_name.append([(each, lax) for each in named if not (known and _is_somebody_else(each, known, account))])
    found = next((each for each in (*by_id, *by_name) if each), [])
    verdicts = [verdict(each.entry(), everyone_is_active=lax) for each, lax in found]
    return verdicts, len(readable) == len(servers)


def _is_somebody_else(person: Person, known: Collection[str], account: dict[str, Any]) -> bool:
    """Return whether a username has passed to another person: another id, and another name, whatever the address."""
    shown = "" if person.id_hidden else person.unique_id
    return bool(shown) and shown not in known and fold(person.last_name) != fold(account["last_name"])


def nobody_was_cut_off_without_proof(
    world: World, before: Snapshot, after: Facts, *, except_for: Collection[int] = ()
) -> None:
    """Whoever was cut off is inactive in a directory that was read, or in none of all that the org asks.

    Nobody is absent who was last found in a directory that the org does not ask, or that is not there any more.
    """
    scope = {place.org.name: place.servers for place in orgs_in_scope().values()}
    for pk, row in after.items():
        if pk in except_for or pk not in before.facts or not cut_off(before.facts[pk], row):
            continue
        verdicts, everywhere = word_on(world, before, pk, row)
        assert not any(each.active and each.error is None for each in verdicts), row
        assert verdicts or everywhere, row
        if not verdicts and pk in before.servers:
            assert before.servers[pk] in scope.get(before.facts[pk]["org"], ()), row


def is_overtaken(plan: Run) -> bool:
    """Return whether another plan for one of the servers of a plan was applied after it was made."""
    if plan.undo_of_id is not None:
        return False
    read = plan.readings.filter(complete=True).values("server")
    later = RunServer.objects.filter(server__in=read, complete=True, run__state=RunState.APPLIED, run__simulated=False)
    return later.filter(Q(run__gt=plan.pk) | Q(run__applied_after__gte=plan.pk)).exclude(run=plan).exists()


def errors_changed_nobody(world: World, before: Snapshot, after: Facts) -> None:
    """Where every entry of a user breaks the script, or nowhere could be looked, the user is as before."""
    for pk in before.changed(after):
        verdicts, everywhere = word_on(world, before, pk, before.facts[pk])
        assert not (verdicts and everywhere and all(each.error for each in verdicts)), after[pk]
        assert verdicts or everywhere, after[pk]


def the_untouchable_are_untouched(before: Snapshot, after: Facts, *, undo: bool) -> None:
    """Holds, people managed locally and orgs without a directory are respected."""
    for pk, row in after.items():
        old = before.facts[pk]
        if old["on_hold"]:
            assert row["active"] or not old["active"], row
            assert old["archives"] == row["archives"] or (row["active"] and not old["active"]), row
        if old["managed_locally"] or (old["org"] in WITHOUT_A_DIRECTORY and not undo):
            assert old == row


def the_next_run_plans_nothing(world: World, run: Run) -> None:
    """A second run of the same servers right after an applied one has nothing to do, and one of all cuts off nobody."""
    if run.changes.filter(outcome__in=LEFT_FOR_LATER).exists() or world.contradicts_itself():
        return
    if run.incremental and world.knows_of_somebody_gone():
        # It is time for a full reading sooner or later, which finds that out.
        return
    names = LdapServer.objects.filter(pk__in=run.chosen_servers).values_list("name", flat=True)
    changed = run.changes.filter(outcome=Outcome.APPLIED).values("user")
    for only, against in ((next(iter(names), ""), {}), ("", {"user__in": changed, "cause__gt": ""})):
        left = _planned_by_a_simulation(world, only, against, incremental=run.incremental)
        done = list(run.changes.values_list("username", "outcome", "actions", "steps"))
        assert left == [], f"left: {left}, after: {done}"


def _planned_by_a_simulation(
    world: World, only: str, against: dict[str, Any], *, incremental: bool
) -> list[tuple[Any, ...]]:
    now, planned = world.now, []
    with rolled_back():
        again = world.start(simulated=True, only=only, incremental=incremental)
        if again is not None:
            world.execute(again)
            found = again.changes.filter(outcome=Outcome.PLANNED, **against)
            if incremental:
                found = found.exclude(cause=Cause.ABSENT)
            planned = list(found.values_list("username", "actions", "steps"))
    world.now = now
    return planned


def what_is_kept_changes_nothing(world: World) -> None:
    """A run with kept verdicts and cached decisions plans the same as a run without them."""
    kept = _simulated(world)
    with rolled_back():
        CachedDecision.objects.all().delete()
        StoredEntry.objects.update(digest="", settled=False)
        assert _simulated(world) == kept


def changes_say_what_everything_says(world: World) -> None:
    """Where nobody has gone, a run that reads only changes wants for those who have entries what one of everything wants."""
    if world.knows_of_somebody_gone() or any(server.leaves_out_twice for server in world.servers.values()):
        return
    only_changes, everything = (_planned(world, incremental=each) for each in (True, False))
    differ = [each for each in (*only_changes, *everything) if (each in only_changes) != (each in everything)]
    assert differ == [], differ


def _planned(world: World, *, incremental: bool) -> list[tuple[Any, ...]]:
    now, rows = world.now, list[tuple[Any, ...]]()
    with rolled_back():
        run = world.start(simulated=True, incremental=incremental)
        if run is not None and world.execute(run).state == RunState.PLANNED:
            found = run.changes.filter(entry__isnull=False).order_by("user")
            rows = list(found.values_list("user", "outcome", "cause", "after", "steps"))
    world.now = now
    return rows


def _simulated(world: World) -> list[Any]:
    now, rows = world.now, []
    with rolled_back():
        run = world.start(simulated=True)
        if run is not None:
            world.execute(run)
            columns = ("user", "outcome", "actions", "cause", "before", "after", "steps", "warnings")
            rows = [
                run.state,
                run.counts,
                run.org_counts,
                run.held_back,
                *run.changes.order_by("user").values_list(*columns),
            ]
    world.now = now
    return rows


def it_was_what_was_simulated(run: Run) -> None:
    """A run wants exactly what the simulation right before it wanted."""
    simulation = Run.objects.get(pk=run.pk - 1)
    columns = ("user", "actions", "cause", "before", "after", "facts", "unknown_org")
    applied, simulated = (list(each.changes.order_by("user").values_list(*columns)) for each in (run, simulation))
    assert applied == simulated
