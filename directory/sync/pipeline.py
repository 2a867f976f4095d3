"""A sync, in order: read, match, ask the scripts, plan, record, check the limits, apply, report."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from django.db import transaction

from directory.models import AlertKind, LdapServer, MailKind, RunServer, RunState
from directory.models.fields import Undecryptable
from directory.scope import orgs_in_scope
from directory.sync import (
    accounts,
    apply,
    closing,
    entries,
    job,
    lease,
    limits,
    matching,
    notify,
    plan,
    record,
    report,
)
from directory.sync.errors import Cancelled, SyncStopped, TakenOver
from directory.sync.identity import identity, is_unique_everywhere
from directory.sync.job import Job
from directory.sync.lease import Clock, Progress
from directory.sync.protect import LastSysadmin
from directory.sync.sandbox import Sandbox, SandboxBroken
from directory.sync.source import DirectoryUnavailable, may_hold_people, open_reading
from directory.sync.tally import ServerTally, Tally, filled
from directory.sync.values import Entry, Known, Limits, Outcome, Presence, Sighting, Verdict
from orgs.text import fold

log = logging.getLogger("rollcall.sync")

# Short transactions, of about a fifth of a second: while one is open on SQLite, nobody else can write.
BATCH = 500
# So many entries go to the scripts at once; each may take its second, and the lease has to last for all.
SLICE = 200
# What a reading leaves in its row.
READ = (
    "server_name",
    "configuration_digest",
    "grants_digest",
    "url",
    "pages",
    "entries",
    "matched",
    "referrals",
    "canary_seen",
    "complete",
    "error",
)


def ignore_progress(_phase: str, _done: int, _total: int | None) -> None:
    """Follow a run by its row only."""


def execute(run_id: int, *, clock: Clock, progress: Progress = ignore_progress) -> None:
    """Take one run from the state it is in to its end; does nothing when another worker has it."""
    held = lease.claim(run_id, clock=clock, progress=progress)
    if held is None:
        return
    try:
        _carry_out(job.load(run_id, held))
    except SyncStopped as stop:
        _stop(job.load(run_id, held), RunState.FAILED, str(stop))
    except Cancelled:
        _stop(job.load(run_id, held), RunState.CANCELLED)
    except TakenOver as error:
        log.warning("%s", error)
    except BaseException:
        # A bug, or the worker is told to go: the next worker goes on from the rows, at once.
        held.release()
        raise


def _carry_out(work: Job) -> None:
    if work.run.state != RunState.APPLYING:
        log.info(report.submitting(work.org_ids))
        read_servers(work)
        tally = make_plan(work)
        reasons = check_limits(work, tally)
        if work.run.simulated:
            return finish(work, RunState.PLANNED)
        if reasons:
            return hold_back(work, reasons)
        work.lease.save(state=RunState.APPLYING)
    apply_plan(work)
    return finish(work, RunState.APPLIED)


def read_servers(work: Job) -> None:
    """Read every server to its end, or note why that failed; when all fail, the run does."""
    with transaction.atomic():
        work.lease.save(state=RunState.READING, started_at=work.lease.clock())
        record.forget(run=work.run)
    work.seen = matching.presence_keys(work.org_ids)
    work.names, work.doubled, work.contested = set(), set(), set()
    for row in work.readings:
        row.complete, row.error = False, ""
        try:
            _read(work, row)
        except (DirectoryUnavailable, Undecryptable) as error:
            row.error = str(error)
            at = work.lease.clock()
            notify.connection_problem(server=row.server_name, reason=row.error, run_id=work.run.pk, at=at)
        except SandboxBroken as error:
            raise SyncStopped(f"{row.server_name}: {error}") from error
        _save_reading(work, row)
    if not any(row.complete for row in work.readings):
        failed = " ".join(f"{row.server_name}: {row.error}" for row in work.readings)
        raise SyncStopped(failed or "no enabled LDAP server is used by any org")


def _read(work: Job, row: RunServer) -> None:
    """Read one server page by page, as it is set now: who each entry may be, what the scripts say, and keep both."""
    server = LdapServer.objects.enabled().filter(readings=row.pk).first()
    if server is None:
        raise DirectoryUnavailable("it has been disabled or deleted")
    row.server_name, row.configuration_digest = server.name, server.configuration_digest
    row.grants_digest, row.url, row.canary_seen = server.grants_digest, "", False
    row.pages = row.entries = row.matched = 0
    org_ids = [pk for pk, org in work.scope.items() if server.pk in org.servers]
    only_ids_of = None if is_unique_everywhere(server.mapping) else server.pk
    entries.begin(run_id=work.run.pk, server_id=server.pk)
    connection = server.connection
    patience = connection.operation_timeout + connection.connect_timeout * len(connection.urls)
    work.lease.renew(phase=f"reading {server.name}", done=0, patience=patience)
    with Sandbox(server.scripts, server.always_list_attributes) as sandbox, open_reading(connection) as reading:
        row.url = reading.url
        for page in reading.pages():
            identities = [identity(entry, server.mapping) for entry in page]
            found = matching.candidates(identities, org_ids=org_ids, only_ids_of=only_ids_of)
            asked = [index for index, candidate in enumerate(found) if candidate is not None]
            verdicts = dict(zip(asked, _verdicts(work, row, sandbox, [page[index] for index in asked]), strict=True))
            for index in asked:
                work.note_names(server.pk, map(fold, identities[index].usernames))
            work.contested.update((server.pk, rival) for who in found if who for rival in who.rivals if who.rivals)
            row.pages, row.entries, row.matched = row.pages + 1, row.entries + len(page), row.matched + len(asked)
            if server.canary and not row.canary_seen:
                names = {fold(name) for who in identities for name in (who.dn, *who.usernames)}
                row.canary_seen = fold(server.canary) in names
            with transaction.atomic():
                work.lease.renew(phase=f"reading {server.name}", done=row.entries, patience=patience)
                kept = zip(page, identities, found, map(verdicts.get, range(len(page))), strict=True)
                entries.keep(run_id=work.run.pk, server_id=server.pk, page=list(kept))
        row.referrals = list(reading.referrals)
    row.complete = True


def _verdicts(work: Job, row: RunServer, sandbox: Sandbox, asked: list[Entry]) -> Iterator[Verdict]:
    for start in range(0, len(asked), SLICE):
        work.lease.renew(phase=f"reading {row.server_name}", done=row.entries, patience=SLICE)
        yield from sandbox.evaluate(asked[start : start + SLICE])


def _save_reading(work: Job, row: RunServer) -> None:
    with transaction.atomic():
        work.lease.renew(phase=f"reading {row.server_name}", done=row.entries)
        RunServer.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in READ})
        if row.complete and row.server_id is not None:
            entries.forget_unseen(run_id=work.run.pk, server_id=row.server_id)


def make_plan(work: Job) -> Tally:
    """Decide for every user in scope, page by page, and store what there is to say about each."""
    directory = entries.Directory(work.run.pk, map(_reading, work.readings), work.contested)
    house = accounts.house(work.scope)
    guard = LastSysadmin(accounts.sysadmins(), house.admin_roles)
    tally = Tally(house.admin_roles, orgs={pk: Counter() for pk in work.org_ids})
    for pk, org in work.scope.items():
        log.info(report.running(pk, org.org.name))
    for known in accounts.pages(work.org_ids):
        seen = directory.sightings({pk: work.scope[user.account.org_id].servers for pk, user in known.items()})
        taken = accounts.usernames_of_others({pk: _wanted_names(sighting) for pk, sighting in seen.items()})
        planned = []
        for pk, user in known.items():
            sighting = _proven(work, user, seen[pk])
            doubled = {key for key in _wanted_names(sighting) if work.is_doubled(sighting.server_id, key)}
            change = guard.check(plan.decide(user, sighting, house, taken=taken[pk] | doubled))
            tally.add(change, server=sighting.server_id, evaluated=sighting.verdict is not None)
            planned.append((change, user, sighting))
        with transaction.atomic():
            work.lease.renew(phase="planning", done=sum(org["users"] for org in tally.orgs.values()))
            record.planned(run=work.run, changes=planned)
    return tally


def _reading(row: RunServer) -> entries.Reading:
    unread = [url for url in row.referrals if may_hold_people(url)]
    return entries.Reading(
        server_id=row.server_id or 0,
        name=row.server_name,
        pages=row.pages,
        entries=row.entries,
        complete=row.complete,
        error=row.error,
        unread=", ".join(unread[:3]),
    )


def _proven(work: Job, user: Known, sighting: Sighting) -> Sighting:
    """Whoever came into scope while the directory was being read was not looked for, so is not absent."""
    looked_for = matching.was_looked_for(work.seen, user.id, user.account.username)
    if sighting.presence is not Presence.ABSENT or looked_for:
        return sighting
    reason = "came into the scope of the sync, or was renamed, while the directory was being read"
    return Sighting(Presence.NOT_CHECKED, sighting.server, sighting.server_id, reason=reason)


def _wanted_names(sighting: Sighting) -> list[str]:
    return [fold(name) for name in sighting.identity.usernames] if sighting.identity else []


def check_limits(work: Job, tally: Tally) -> list[limits.Reason]:
    """Store the plan's counts and the limits that it passes; a simulation counts and says the same."""
    names = {pk: org.org.name for pk, org in work.scope.items()}
    servers = LdapServer.objects.in_bulk([row.server_id for row in work.readings if row.complete])
    reasons = []
    for row in work.readings:
        if row.complete:
            server = servers.get(row.server_id)
            if server is None:
                raise SyncStopped(f"{row.server_name} has been deleted while the run was under way")
            read = limits.Read(
                server=row.server_name,
                entries=row.entries,
                last_entries=record.last_complete_reading(row),
                canary_seen=row.canary_seen,
                configuration_seen=work.run.simulated or record.configuration_seen(row),
            )
            reasons += limits.check(read, tally.servers.get(server.pk, ServerTally()), server.limits)
    first = {pk: servers.get(next(iter(org.servers))) for pk, org in work.scope.items()}
    usual = Limits()
    percents = {pk: (found.limits if found else usual).org_deactivations_percent for pk, found in first.items()}
    reasons += limits.check_orgs(tally, names=names, percents=percents)
    work.lease.save(
        counts=tally.totals(),
        org_counts=[{"id": pk, "name": names[pk], **filled(part)} for pk, part in tally.orgs.items() if pk in names],
        unknown_orgs=dict(tally.unknown_orgs),
        warnings=_warnings(work, tally),
        held_back=[reason.message for reason in reasons],
        planned_at=work.lease.clock(),
    )
    return reasons


def _warnings(work: Job, tally: Tally) -> list[str]:
    found = [f"{row.server_name}: {row.error}" for row in work.readings if row.error]
    for row in work.readings:
        if row.referrals:
            parts = ", ".join(row.referrals[:5])
            found.append(f"{row.server_name}: {len(row.referrals)} referrals were not followed: {parts}")
    for name, count in sorted(tally.unknown_orgs.items()):
        found.append(f"There is no org {name}: {count} {'user' if count == 1 else 'users'} would be placed there.")
    return found


def hold_back(work: Job, reasons: list[limits.Reason]) -> None:
    """Stop before the first write: say why on the page, as an alert and by mail, and wait for a person."""
    told = " ".join(reason.message for reason in reasons)
    opening = limits.TOO_MANY if any(reason.deactivations for reason in reasons) else "Directory sync held back."
    log.warning("DIRSYNC:: Held back run:%d, nothing was written. %s %s", work.run.pk, opening, report.safe(told))
    with transaction.atomic():
        at = work.lease.clock()
        notify.raise_alert(kind=AlertKind.HELD_BACK, message=f"{opening} {told}", run_id=work.run.pk, at=at)
        work.lease.finish(RunState.HELD_BACK)
        closing.write_mail(work, MailKind.HELD_BACK, f"{opening}\nNothing was written.\n\n{told}")
    closing.log_end(work)


def apply_plan(work: Job) -> None:
    """Make the stored changes, batch by batch, each in one transaction that this worker must still be in charge of."""
    terms = apply.Terms(
        by=work.actor,
        load=lambda ids: accounts.load(ids, lock=True),
        servers_of={pk: org.servers for pk, org in orgs_in_scope().items()},
        with_devices=work.settings.reactivate_devices,
    )
    total = work.run.changes.count()
    done = work.run.changes.exclude(outcome=Outcome.PLANNED).count()
    while waiting := apply.waiting(work.run.pk, size=BATCH):
        with transaction.atomic():
            work.lease.renew(phase="applying", done=done, total=total)
            apply.batch(waiting, terms=terms, at=work.lease.clock())
        done += len(waiting)
    with transaction.atomic():
        work.lease.renew(phase="noting matches", done=done, total=total)
        entries.remember_matches(
            run_id=work.run.plan_from_id or work.run.pk,
            except_for=record.not_to_be_noted(work.run),
            at=work.lease.clock(),
        )


def finish(work: Job, state: RunState) -> None:
    """End the run and tell what it did, in the log, on the page and by mail."""
    name = "Simulated directory sync" if work.run.simulated else "Directory sync"
    with transaction.atomic():
        if state == RunState.APPLIED:
            record.settle_counts(work.run)
        work.lease.finish(state)
        closing.write_mail(work, MailKind.SUMMARY, f"{name} of {work.run.created_at:%Y-%m-%d %H:%M} UTC is done.")
    closing.log_end(work)


def _stop(work: Job, state: RunState, error: str = "") -> None:
    """End the run before its time; what had been applied by then stays, is counted and is told."""
    applied = work.run.state == RunState.APPLYING
    simulated = str(work.run.simulated).lower()
    log.error("DIRSYNC:: %s run:%d simulated:%s %s", state.value.title(), work.run.pk, simulated, report.safe(error))
    told = "What had been applied by then stays and is listed." if applied else "Nobody was changed."
    with transaction.atomic():
        if applied:
            record.settle_counts(work.run)
        work.lease.finish(state, error=error)
        if state == RunState.FAILED:
            closing.write_mail(work, MailKind.FAILED, f"The run failed. {told}\n\n{error}")
    if applied:
        closing.log_end(work)
    else:
        closing.send(work)
