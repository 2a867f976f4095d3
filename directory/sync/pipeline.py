"""A sync, in order: read, match, ask the scripts, plan, record, check the limits, apply, report."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from django.db import transaction

from directory.models import AlertKind, MailKind, Run, RunServer, RunState
from directory.models.fields import Undecryptable
from directory.scope import server_lists
from directory.sync import accounts, apply, entries, job, lease, limits, matching, notify, plan, record, report, rows
from directory.sync.errors import Cancelled, SyncStopped, TakenOver
from directory.sync.identity import identity
from directory.sync.job import Job
from directory.sync.lease import Clock, Lease, Progress
from directory.sync.protect import LastSysadmin
from directory.sync.sandbox import Sandbox, SandboxBroken
from directory.sync.source import DirectoryUnavailable, open_reading
from directory.sync.tally import ServerTally, Tally, filled
from directory.sync.values import Entry, Outcome, Sighting
from orgs.text import fold

log = logging.getLogger("rollcall.sync")

# Short transactions: while one is open on SQLite, nobody else can write.
BATCH = 200


def ignore_progress(_phase: str, _done: int, _total: int | None) -> None:
    """Follow a run by its row only."""


def execute(run_id: int, *, clock: Clock, progress: Progress = ignore_progress) -> None:
    """Take one run from the state it is in to its end; does nothing when another worker has it."""
    held = lease.claim(run_id, clock=clock, progress=progress)
    if held is None:
        return
    try:
        _carry_out(run_id, held)
    except SyncStopped as stop:
        _fail(run_id, held, str(stop))
    except Cancelled:
        held.finish(RunState.CANCELLED)
    except TakenOver as error:
        log.warning("%s", error)
    except BaseException:
        # A bug, or the worker is told to go: the next worker goes on from the rows, at once.
        held.release()
        raise


def _carry_out(run_id: int, held: Lease) -> None:
    work = job.load(run_id, held)
    if work.run.state != RunState.APPLYING:
        log.info(report.submitting(work.org_ids))
        read_servers(work)
        tally = make_plan(work)
        reasons = check_limits(work, tally)
        if work.run.simulated:
            return finish(work, RunState.PLANNED)
        if reasons:
            return hold_back(work, reasons)
        Run.objects.filter(pk=run_id).update(state=RunState.APPLYING)
    apply_plan(work)
    finish(work, RunState.APPLIED)
    return None


def read_servers(work: Job) -> None:
    """Read every server to its end, or note why that failed; when all fail, the run does."""
    record.forget(run=work.run)
    Run.objects.filter(pk=work.run.pk).update(state=RunState.READING, started_at=work.lease.clock())
    for row in work.readings:
        try:
            _read(work, row)
        except (DirectoryUnavailable, Undecryptable) as error:
            row.complete, row.error = False, str(error)
            notify.connection_problem(
                server=row.server_name, reason=row.error, run_id=work.run.pk, at=work.lease.clock()
            )
        except SandboxBroken as error:
            raise SyncStopped(f"{row.server_name}: {error}") from error
        finally:
            row.save()
    if not any(row.complete for row in work.readings):
        raise SyncStopped(" ".join(row.error for row in work.readings) or "no enabled LDAP server is used by any org")


def _read(work: Job, row: RunServer) -> None:
    """Read one server page by page: who each entry may be, what the scripts say of it, and keep both."""
    server = work.servers[row.server_id or 0]
    org_ids = [pk for pk, org in work.scope.items() if server.pk in org.servers]
    row.url, row.pages, row.entries, row.matched, row.error, row.complete = "", 0, 0, 0, "", False
    canary = fold(server.canary)
    with (
        Sandbox(server.scripts, server.always_list_attributes) as sandbox,
        open_reading(server.connection) as reading,
    ):
        row.url = reading.url
        for page in reading.pages():
            identities = [identity(entry, server.mapping) for entry in page]
            found = matching.candidates(identities, org_ids=org_ids)
            asked = [index for index, candidate in enumerate(found) if candidate is not None]
            verdicts = dict(zip(asked, sandbox.evaluate([page[index] for index in asked]), strict=True))
            with transaction.atomic():
                row.pages, row.entries, row.matched = row.pages + 1, row.entries + len(page), row.matched + len(asked)
                work.lease.renew(phase=f"reading {server.name}"[:32], done=row.entries)
                kept = [
                    (entry, who, found[index], verdicts.get(index))
                    for index, (entry, who) in enumerate(zip(page, identities, strict=True))
                ]
                entries.keep(run_id=work.run.pk, server_id=server.pk, page=kept)
            row.canary_seen |= bool(canary) and any(
                _is(canary, entry) or canary in map(fold, who.usernames) for entry, who, *_ in kept
            )
        row.referrals = list(reading.referrals)
    row.complete = True
    entries.forget_unseen(run_id=work.run.pk, server_id=server.pk)


def _is(canary: str, entry: Entry) -> bool:
    return fold(entry.dn) == canary


def make_plan(work: Job) -> Tally:
    """Decide for every user in scope, page by page, and store what there is to say about each."""
    directory = entries.Directory(work.run.pk, work.readings)
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
            change = guard.check(plan.decide(user, seen[pk], house, taken=taken[pk]))
            tally.add(change, server=seen[pk].server, evaluated=seen[pk].verdict is not None)
            planned.append((change, seen[pk].server, user.on_hold))
        with transaction.atomic():
            work.lease.renew(phase="planning", done=sum(org["users"] for org in tally.orgs.values()))
            record.planned(run=work.run, changes=planned)
    return tally


def _wanted_names(sighting: Sighting) -> list[str]:
    return [fold(name) for name in sighting.identity.usernames] if sighting.identity else []


def check_limits(work: Job, tally: Tally) -> list[limits.Reason]:
    """Store the plan's counts and the limits that it passes; a simulation counts and says the same."""
    names = {pk: org.org.name for pk, org in work.scope.items()}
    reasons = []
    for row in work.readings:
        server = work.servers[row.server_id or 0]
        if row.complete:
            read = limits.Read(
                server=server.name,
                entries=row.entries,
                last_entries=record.last_complete_reading(row),
                canary_seen=row.canary_seen,
                configuration_seen=work.run.simulated or record.configuration_seen(row),
            )
            counted = tally.servers.get(server.name, ServerTally())
            reasons += limits.check(read, counted, server.limits, org_names=names)
    counts = tally.totals()
    warnings = [f"{row.server_name}: {row.error}" for row in work.readings if row.error]
    warnings += [
        f"{row.server_name}: {len(row.referrals)} referrals were not followed: {', '.join(row.referrals[:5])}"
        for row in work.readings
        if row.referrals
    ]
    warnings += [
        f"There is no org {name}: {count} {'user' if count == 1 else 'users'} would be placed there."
        for name, count in sorted(tally.unknown_orgs.items())
    ]
    Run.objects.filter(pk=work.run.pk).update(
        counts=counts,
        org_counts=[{"id": pk, "name": names[pk], **filled(part)} for pk, part in tally.orgs.items() if pk in names],
        unknown_orgs=dict(tally.unknown_orgs),
        warnings=warnings,
        held_back=[reason.message for reason in reasons],
        planned_at=work.lease.clock(),
    )
    return reasons


def hold_back(work: Job, reasons: list[limits.Reason]) -> None:
    """Stop before the first write: say why on the page, as an alert and by mail, and wait for a person."""
    at = work.lease.clock()
    work.lease.finish(RunState.HELD_BACK)
    told = " ".join(reason.message for reason in reasons)
    opening = limits.TOO_MANY if any(reason.deactivations for reason in reasons) else "Directory sync held back."
    log.warning("DIRSYNC:: Held back run:%d, nothing was written. %s %s", work.run.pk, opening, report.safe(told))
    notify.raise_alert(kind=AlertKind.HELD_BACK, message=f"{opening} {told}", run_id=work.run.pk, at=at)
    _close(work, MailKind.HELD_BACK, f"{opening}\nNothing was written.\n\n{told}")


def apply_plan(work: Job) -> None:
    """Make the stored changes, batch by batch, each in one transaction that this worker must still be in charge of."""
    names = {server.pk: server.name for server in work.servers.values()}
    terms = apply.Terms(
        by=work.actor,
        load=lambda ids: accounts.load(ids, lock=True),
        servers_of={
            org: frozenset(names[pk] for pk in listed if pk in names) for org, listed in server_lists().items()
        },
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
            conflicting=record.conflicting(work.run),
            at=work.lease.clock(),
        )


def finish(work: Job, state: RunState) -> None:
    """End the run and tell what it did, in the log, on the page and by mail."""
    if state == RunState.APPLIED:
        record.settle_counts(work.run)
    work.lease.finish(state)
    name = "Simulated directory sync" if work.run.simulated else "Directory sync"
    _close(work, MailKind.SUMMARY, f"{name} of {work.run.created_at:%Y-%m-%d %H:%M} UTC is done.")


def _close(work: Job, kind: MailKind, opening: str) -> None:
    work.run.refresh_from_db()
    run, counts = work.run, filled(work.run.counts)
    for part in run.org_counts:
        log.info(report.completed(part["id"], part["name"], part))
    log.info(report.summary(work.org_ids, counts, simulated=run.simulated))
    if kind == MailKind.SUMMARY:
        _log_history(work)
    body = report.mail_body(
        opening=opening,
        counts=counts,
        org_lines=[report.completed(part["id"], part["name"], part).partition(" for ")[2] for part in run.org_counts],
        warnings=[*run.held_back, *run.warnings],
        address=notify.address_of(run),
    )
    _mail(run, kind, report.mail_subject(kind, simulated=run.simulated, counts=counts), body, work.lease.clock())


def _log_history(work: Job) -> None:
    actor = work.actor
    author = report.subject(actor.user_id, actor.label, actor.org_id)
    wanted = Outcome.PLANNED if work.run.simulated else Outcome.APPLIED
    for row in work.run.changes.filter(outcome=wanted, user__isnull=False).in_order().iterator(chunk_size=1000):
        for line in report.history(rows.change_from_row(row), author=author, simulated=work.run.simulated):
            log.info(line)


def _mail(run: Run, kind: MailKind, subject: str, body: str, at: datetime) -> None:
    mail = notify.write_mail(run=run, kind=kind, subject=subject, body=body, at=at)
    sent = notify.send_waiting(at=at) if mail else []
    told = mail.recipients if mail and mail in sent else []
    log.info(report.mail_sent(told, filled(run.counts), simulated=run.simulated))


def _fail(run_id: int, held: Lease, error: str) -> None:
    """End the run with the reason; nobody was touched by what is not applied yet."""
    held.finish(RunState.FAILED, error=error)
    run = Run.objects.get(pk=run_id)
    log.error("DIRSYNC:: Failed run:%d simulated:%s %s", run_id, str(run.simulated).lower(), report.safe(error))
    body = report.mail_body(
        opening=f"The run failed and nobody was changed.\n\n{error}",
        counts={},
        org_lines=[],
        warnings=[],
        address=notify.address_of(run),
    )
    _mail(
        run,
        MailKind.FAILED,
        report.mail_subject(MailKind.FAILED, simulated=run.simulated, counts={}),
        body,
        held.clock(),
    )
