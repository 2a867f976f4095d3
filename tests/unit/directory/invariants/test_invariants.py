"""The rules that every database of Rollcall keeps: none is broken by what Rollcall does, each is noticed when it is."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker, Settings

from directory.actions import stored_plans, undo
from directory.invariants import RULES, broken
from directory.models import (
    BulkAct,
    BulkActUser,
    BulkKind,
    BulkState,
    KnownId,
    LdapServer,
    Mail,
    MailKind,
    Match,
    Run,
    RunChange,
    RunRepeat,
    RunServer,
    RunState,
    ScriptVersion,
    StoredEntry,
    StoredGroup,
    UserOutcome,
)
from directory.sync.entries import group_store
from directory.values import distinguished_names
from directory.values.plan import Cause, Outcome
from orgs.actions import archives, devices, legal_holds, orgs
from orgs.actions.audit import Fact, note
from orgs.actions.devices_by_hand import archive_expiry, states
from orgs.actions.matters import policies
from orgs.actions.matters.matter_events import note_users
from orgs.actions.users import local_passwords
from orgs.models import (
    Archive,
    ArchiveState,
    AuditEntry,
    Custodian,
    Device,
    Matter,
    MatterEvent,
    MatterEventKind,
    Org,
    Role,
    RoleGrant,
    SetBy,
    User,
)
from orgs.rules.actors import SYSTEM, Actor, person
from tests import state
from tests.histories.directories import MemoryDirectories, Person, unique_id
from tests.histories.world import World
from tests.shared_worlds import kept_for_many_tests
from tests.unit.directory.invariants import backup_damage
from tests.worlds import NOON, device, user

pytestmark = pytest.mark.django_db

SECRET = "a password of the directory"
LONG_AGO = NOON - timedelta(days=900)


@pytest.fixture(scope="module")
def world_of_the_module(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """A company with a past: synced, held back, undone; people on hold, released, blocked, gone with expired archives."""
    directories = MemoryDirectories()
    with kept_for_many_tests(django_db_blocker), directories.patched():
        made = World(directories)
        _live(made)
        yield made


@pytest.fixture
def world(world_of_the_module: World, db: None) -> World:
    return world_of_the_module


def _live(world: World) -> None:
    corp, branch = world.servers["Corp"].people, world.servers["Branch"].people
    for name in ("joe", "kim", "tom", "ann", "pat", "eve"):
        device(user(name, last_name="Smith"))
    world.save("Corp", bind_dn="cn=reader,dc=example,dc=com", bind_password=SECRET)
    for number, name in enumerate(("joe", "kim", "tom"), start=10):
        corp[number] = Person(number, [name], unique_id(number), department="Staff", title="Org Admin")
    eve, pat, tom = (User.objects.get(username=name) for name in ("eve", "pat", "tom"))
    lease = legal_holds.open_matter(name="Lease", by=world.root, at=world.now)
    legal_holds.add_custodians(matter=lease, user_ids=[eve.pk, pat.pk], by=world.root, at=world.now)
    local_passwords.set_managed_locally(user_ids=[tom.pk], managed_locally=True, by=world.root, at=world.now)
    _sync(world)
    legal_holds.release(matter=lease, user_ids=[pat.pk], by=world.root, at=world.now)
    corp[10].active = False
    branch[20] = Person(20, ["ida"], unique_id(20))
    del branch[2]
    _sync(world)
    corp[10].active = True
    _sync(world)
    done = Run.objects.filter(state=RunState.APPLIED).latest("pk")
    plan = world.execute(undo.start(run=done, by=world.root, at=world.now, wake=False))
    world.execute(stored_plans.apply_plan(run=plan, by=world.root, at=world.now, wake=False))
    devices.deactivate(device_ids=[Device.objects.get(user__username="kim").pk], by=world.root, at=world.now)
    world.passes(timedelta(days=370))
    archives.age(by=SYSTEM, at=world.now)
    world.save("Corp", limit_admin_grants=0)
    corp[11].title = "SYSADMIN"
    _sync(world)


def _sync(world: World) -> None:
    for simulated in (True, False):
        run = world.start(simulated=simulated)
        assert run is not None
        world.execute(run)


def only(**conditions: object) -> User:
    found: User = User.objects.filter(**conditions).earliest("pk")
    return found


def applied(*, cut_off: bool = True) -> RunChange:
    changes = RunChange.objects.filter(outcome=Outcome.APPLIED, run__undo_of=None)
    found = changes.filter(before__active=True, after__active=False) if cut_off else changes.exclude(cause__gt="")
    return found.latest("pk")


def simulated_change() -> RunChange:
    return RunChange.objects.filter(run__simulated=True, run__undo_of=None, outcome=Outcome.PLANNED).latest("pk")


def mine(username: str) -> Archive:
    found: Archive = Archive.objects.get(device__user__username=username)
    return found


def newest(state_: RunState) -> Run:
    return Run.objects.filter(state=state_, simulated=False, undo_of=None).latest("pk")


def rewrite(row: RunChange, **values: object) -> None:
    RunChange.objects.filter(pk=row.pk).update(**values)


def by_run(run: Run, about: User) -> None:
    """Leave an audit row as the run would."""
    at = NOON + timedelta(days=999)
    note([Fact("user", about.pk, about.username)], action="profile updated", by=Actor("it", run_id=run.pk), at=at)


# For each rule, what nothing in Rollcall would do.
def a_complete_reading_with_an_error() -> None:
    RunServer.objects.filter(complete=True).update(error="Can't contact LDAP server")


def a_change_from_an_incomplete_reading() -> None:
    RunServer.objects.filter(run=applied().run).update(complete=False)


def a_deactivation_without_a_cause() -> None:
    rewrite(applied(), cause=Cause.NONE)


def an_absence_of_somebody_who_was_found() -> None:
    change = newest(RunState.HELD_BACK).changes.filter(outcome=Outcome.PLANNED).latest("pk")
    rewrite(change, cause=Cause.ABSENT)


def an_absence_that_only_changes_were_asked_for() -> None:
    change = RunChange.objects.filter(outcome=Outcome.APPLIED, cause=Cause.ABSENT).latest("pk")
    since = {"by": "modifyTimestamp", "of": "", "at": "20260101000000Z"}
    RunServer.objects.filter(run=change.run, server=change.server).update(since=since)


def a_deactivation_that_nobody_planned() -> None:
    change = applied()
    RunChange.objects.filter(pk=change.pk).update(after={**change.after, "active": True})


def a_write_of_a_run_without_a_change() -> None:
    by_run(newest(RunState.APPLIED), only(username="root"))


def an_entry_without_a_verdict() -> None:
    StoredEntry.objects.filter(user__isnull=False).update(verdict=None)


def a_user_changed_past_the_audit_trail() -> None:
    User.objects.filter(username="mia").update(managed_locally=True)


def a_gap_in_the_audit_trail() -> None:
    AuditEntry.objects.filter(action="user reactivated").delete()


def an_org_changed_past_the_audit_trail() -> None:
    Org.objects.filter(name="Local").update(directory_service="ldap")


def a_device_turned_off_past_the_audit_trail() -> None:
    AuditEntry.objects.filter(action="device deactivated").delete()


def an_archive_expired_past_the_audit_trail() -> None:
    AuditEntry.objects.filter(action="archive expired").delete()


def a_hold_past_the_audit_trail() -> None:
    matter, mia = Matter.objects.get(), only(username="mia")
    Custodian.objects.create(matter=matter, user=mia, added_at=NOON)
    note_users(matter.pk, MatterEventKind.ADDED, [mia.pk], by=SYSTEM, at=NOON)


def a_change_other_than_planned() -> None:
    change = applied(cut_off=False)
    rewrite(change, after={**change.after, "email": "somebody@example.com"})


def an_audit_row_without_an_author() -> None:
    AuditEntry.objects.filter(action="matter opened").update(actor_label="")


def counts_that_are_not_true() -> None:
    Run.objects.filter(pk=newest(RunState.APPLIED).pk).update(counts={"users": 9, "deactivated": 40})


def a_server_that_an_ended_run_holds() -> None:
    RunServer.objects.filter(pk=newest(RunState.APPLIED).readings.earliest("pk").pk).update(live=True)


def a_live_run_that_holds_nothing() -> None:
    run = newest(RunState.HELD_BACK)
    Run.objects.filter(pk=run.pk).update(
        state=RunState.READING, finished_at=None, created_at=NOON + timedelta(days=999)
    )


def an_ended_run_with_a_worker() -> None:
    Run.objects.filter(pk=newest(RunState.APPLIED).pk).update(owner="host:1")


def a_run_that_everybody_has_forgotten() -> None:
    run = Run.objects.create(simulated=True, trigger="hand", started_by_label="ada", created_at=LONG_AGO)
    assert run.live


def an_applied_plan_with_a_change_left() -> None:
    rewrite(applied(), outcome=Outcome.PLANNED, applied_at=None)


def a_plan_over_a_limit_applied_by_nobody() -> None:
    Run.objects.filter(pk=newest(RunState.APPLIED).pk).update(held_back=["Corp: too many"])


def a_plan_applied_in_part() -> None:
    run = Run.objects.filter(plan_from__isnull=False).latest("pk")
    source = run.plan_from
    assert source is not None
    source.stored_changes.all().delete()


def an_undo_of_a_simulation() -> None:
    simulation = Run.objects.filter(simulated=True, undo_of=None).earliest("pk")
    Run.objects.filter(undo_of__isnull=False, simulated=True).update(undo_of=simulation)


def a_repeated_change_that_is_missing() -> None:
    last = RunChange.objects.latest("pk").pk
    RunRepeat.objects.create(run=Run.objects.latest("pk"), first=last + 1, last=last + 2)


def a_mail_of_a_run_that_never_came_to_it() -> None:
    run = newest(RunState.HELD_BACK)
    Mail.objects.create(
        run=run, kind=MailKind.SUMMARY, subject="Done", body="Done", message_id="<1@example.com>", created_at=NOON
    )


def an_error_that_changes_somebody() -> None:
    change = simulated_change()
    rewrite(change, outcome=Outcome.SCRIPT_ERROR)


def a_block_without_a_time() -> None:
    User.objects.filter(pk=only(blocked=True, username="eve").pk).update(blocked_at=None)


def a_pending_deactivation_that_waits_for_nothing() -> None:
    held = Custodian.objects.get(user__username="eve")
    at = held.added_at + timedelta(days=1)
    Custodian.objects.filter(pk=held.pk).update(released_at=at)
    note([Fact("user", held.user_id, "eve")], action="released from legal hold", by=SYSTEM, at=at)
    note_users(held.matter_id, MatterEventKind.RELEASED, [held.user_id], by=SYSTEM, at=at)


def a_live_archive_of_somebody_deactivated() -> None:
    expired = Archive.objects.filter(device__user__username="ann")
    expired.update(state=ArchiveState.LIVE, cold_since=None, expires_at=None, purge_at=None)


def a_live_archive_of_a_device_that_is_off() -> None:
    archive = Archive.objects.filter(device__user__username="kim", device__active=False)
    assert archive.update(state=ArchiveState.LIVE, cold_since=None, expires_at=None, purge_at=None)


def an_archive_that_expires_before_it_is_cold() -> None:
    Archive.objects.filter(state=ArchiveState.EXPIRED).update(cold_since=None)


def a_deactivation_planned_on_hold() -> None:
    change = applied()
    rewrite(change, facts={**change.facts, "on_hold": True})


def a_deactivation_on_hold() -> None:
    gone = only(active=False, username="pat")
    Custodian.objects.filter(user=gone).update(released_at=gone.deactivated_at + timedelta(days=1))  # type: ignore[operator]


def an_archive_that_expired_on_hold() -> None:
    archive = Archive.objects.filter(state=ArchiveState.EXPIRED, device__user__username="ann").get()
    matter = legal_holds.open_matter(name="Audit", by=SYSTEM, at=NOON)
    since = NOON + timedelta(days=300)
    legal_holds.add_custodians(matter=matter, user_ids=[archive.device.user_id], by=SYSTEM, at=since)
    # The action itself lets a hold begin no earlier than what has expired by then.
    Custodian.objects.filter(matter=matter).update(added_at=since)


def an_active_org_below_one_out_of_use() -> None:
    upper = orgs.create(name="Upper", parent=Org.objects.get(depth=1), by=SYSTEM, at=NOON)
    orgs.create(name="Lower", parent=upper, by=SYSTEM, at=NOON)
    Org.objects.filter(pk=upper.pk).update(active=False)
    note([Fact("org", upper.pk, upper.name)], action="org deactivated", by=SYSTEM, at=NOON)


def a_closed_matter_that_holds_somebody() -> None:
    matter = legal_holds.open_matter(name="Audit", by=SYSTEM, at=NOON)
    legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOON)
    held = only(username="root").pk
    Custodian.objects.create(matter=matter, user_id=held, added_at=NOON)
    note([Fact("user", held, "root")], action="put on legal hold", by=SYSTEM, at=NOON)
    note_users(matter.pk, MatterEventKind.ADDED, [held], by=SYSTEM, at=NOON)


def a_release_without_an_event() -> None:
    MatterEvent.objects.filter(kind=MatterEventKind.RELEASED).delete()


def a_matter_with_another_name_of_its_policy() -> None:
    policy = policies.add(name="Keep all", by=SYSTEM, at=NOON)
    matter = legal_holds.open_matter(name="Audit", policy=policy, by=SYSTEM, at=NOON)
    Matter.objects.filter(pk=matter.pk).update(policy="Keep less")


def free_device() -> Device:
    """Return an active device whose user is on no legal hold."""
    on_hold = User.objects.on_legal_hold().values("pk")
    return Device.objects.filter(active=True, user__active=True).exclude(user__in=on_hold).earliest("pk")


def a_block_of_a_device_past_the_audit_trail() -> None:
    values = {"blocked": True, "blocked_by": SetBy.PERSON, "blocked_at": NOON}
    Device.objects.filter(pk=free_device().pk).update(**values)


def a_blocked_device_without_an_author() -> None:
    laptop = free_device()
    states.block(device_ids=[laptop.pk], by=SYSTEM, at=NOON)
    Device.objects.filter(pk=laptop.pk).update(blocked_by=SetBy.NOBODY)


def an_active_computer_in_place_of_another() -> None:
    laptop = free_device()
    other = Device.objects.exclude(user=laptop.user_id).earliest("pk")
    Device.objects.filter(pk=laptop.pk).update(in_place_of=other)


def an_archive_that_expires_before_the_requested_day() -> None:
    laptop = device(free_device().user, "another")
    devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOON)
    until = NOON + timedelta(days=900)
    archive_expiry.extend(archive_ids=[laptop.archives.get().pk], until=until, by=SYSTEM, at=NOON)
    Archive.objects.filter(device=laptop).update(expires_at=until - timedelta(days=1))


def an_archive_that_did_not_come_back() -> None:
    cold = Archive.objects.filter(device__user__username="mia")
    later = NOON + timedelta(days=3000)
    assert cold.update(state=ArchiveState.COLD_STORAGE, cold_since=NOON, expires_at=later)


def a_bind_password_in_the_open() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE directory_ldapserver SET bind_password = 'short' WHERE name = 'Branch'")


def a_bind_password_in_a_script() -> None:
    server = LdapServer.objects.get(name="Corp")
    source = f"// {SECRET}"
    ScriptVersion.objects.create(server=server, script="active", source=source, author="ada", created_at=NOON)


def a_sync_that_changed_somebody_managed_locally() -> None:
    change = applied()
    tom = only(username="tom")
    RunChange.objects.filter(run=change.run, user=tom).delete()
    run_change = RunChange.objects.get(pk=change.pk)
    run_change.pk, run_change.user = None, tom
    run_change.before = run_change.after = {**change.before}
    run_change.cause = Cause.NONE
    run_change.save()
    by_run(change.run, tom)


def a_sync_that_undid_what_a_person_did() -> None:
    changes = RunChange.objects.filter(outcome=Outcome.APPLIED, run__undo_of=None, before__active=False)
    change = changes.filter(after__active=True).latest("pk")
    rewrite(change, facts={**change.facts, "deactivated_by_sync": False})


def no_sysadmin() -> None:
    for pk in User.objects.sysadmins().values_list("pk", flat=True):
        User.objects.filter(pk=pk).update(blocked=True, blocked_by=SetBy.PERSON, blocked_at=NOON)
        fact = Fact("user", pk, "", before={"blocked": False}, after={"blocked": True})
        note([fact], action="user blocked", by=SYSTEM, at=NOON)


def a_simulation_that_applied_something() -> None:
    rewrite(simulated_change(), outcome=Outcome.CHANGED_MEANWHILE, applied_at=NOON)


def a_held_back_plan_that_applied_something() -> None:
    change = newest(RunState.HELD_BACK).changes.latest("pk")
    rewrite(change, outcome=Outcome.REFUSED, applied_at=NOON)


def a_key_of_another_name() -> None:
    User.objects.filter(username="mia").update(username_key="MIA")


def an_org_that_hangs_in_the_air() -> None:
    Org.objects.filter(name="ADMIN").update(numchild=7)


def a_directory_service_that_does_not_exist() -> None:
    Org.objects.filter(name="Staff").update(directory_service="nis")


def a_limit_out_of_bounds() -> None:
    LdapServer.objects.filter(name="Branch").update(limit_entries_percent=200)


def a_standard_role_that_holds_more() -> None:
    Role.objects.filter(name="PROe User").update(permissions=["admin.restore"])


def an_entry_of_a_user_who_is_not_there() -> None:
    StoredEntry.objects.filter(user__isnull=False).update(user=987654)


def a_database_without_a_constraint() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_unfinished_run_per_server")


def an_active_user_in_an_inactive_org() -> None:
    Org.objects.filter(name="Staff").update(active=False)


def a_role_from_who_does_not_hold_it() -> None:
    mia, clerk = User.objects.get(username="mia"), User.objects.get(username="clerk")
    before = sorted(mia.roles.values_list("name", flat=True))
    RoleGrant.objects.create(user=mia, role=Role.objects.get(name="SYSADMIN"), granted_at=NOON, granted_by="clerk")
    after = sorted([*before, "SYSADMIN"])
    note(
        [Fact("user", mia.pk, mia.username, before={"roles": before}, after={"roles": after})],
        action="roles set",
        by=person(clerk),
        at=NOON,
    )


def a_password_past_the_directory() -> None:
    mia = User.objects.get(username="mia")
    User.objects.filter(pk=mia.pk).update(password=make_password("a-password-of-the-helper"))
    note([Fact("user", mia.pk, mia.username)], action="password set", by=Actor("clerk"), at=NOON)


def recovery_codes_alone() -> None:
    second_factor(User.objects.get(username="mia"), Authenticator.Type.RECOVERY_CODES)


def a_second_factor_past_the_trail() -> None:
    second_factor(User.objects.get(username="mia"), Authenticator.Type.TOTP)


def second_factor(owner: User, kind: str) -> None:
    Authenticator.objects.create(user=owner, type=kind, data={})


def stored_again(entry: StoredEntry) -> None:
    """Store an entry a second time, as if under another DN."""
    entry.pk, entry.dn, entry.dn_key = None, f"{entry.dn},dc=old", "0" * 64
    entry.save()


def an_entry_that_the_last_reading_did_not_see() -> None:
    stored_again(StoredEntry.objects.filter(user=None).latest("pk"))


def a_change_by_one_of_two_entries_with_one_id() -> None:
    changes = RunChange.objects.filter(outcome__in=[Outcome.APPLIED, Outcome.PLANNED], run__undo_of=None)
    for change in changes.filter(entry__isnull=False, user__isnull=False).order_by("-pk"):
        reader = change.run.plan_from_id or change.run_id
        entry = StoredEntry.objects.filter(pk=change.entry or 0, user=change.user_id, run_id__range=(1, reader)).first()
        if entry is not None and entry.unique_id:
            return stored_again(entry)
    raise AssertionError("no entry is as it was when somebody was decided by it")


def a_known_id_that_is_forgotten() -> None:
    match = Match.objects.get(user__username="mia")
    KnownId.objects.create(user=match.user, unique_id=match.unique_id, noted_at=NOON)
    Match.objects.filter(user=match.user).update(unique_id="")


def one_id_of_two_users() -> None:
    one, other = Match.objects.exclude(unique_id="").order_by("pk")[:2]
    Match.objects.filter(user=one.user).update(unique_id=other.unique_id)


def a_group_that_an_entry_does_not_have() -> None:
    """The server resolves groups, and one of them has a member whose stored entry says nothing of it."""
    entry = StoredEntry.objects.order_by("pk").first()
    assert entry
    LdapServer.objects.filter(pk=entry.server_id).update(resolve_groups=True)
    server = LdapServer.objects.get(pk=entry.server_id)
    last = RunServer.objects.that_read(server.pk).values_list("pk", flat=True)[:1]
    RunServer.objects.filter(pk__in=list(last)).update(configuration_digest=server.configuration_digest)
    content = json.dumps([[distinguished_names.key(entry.dn)], [], ""])
    StoredGroup.objects.create(
        server=server, key="1", dn="cn=admins", digest=group_store.DIGEST_PREFIX, content=content
    )


def a_plan_that_was_overtaken_and_applied() -> None:
    old = Run.objects.filter(state=RunState.APPLIED, simulated=False, undo_of=None).earliest("pk")
    Run.objects.filter(pk=old.pk).update(approved_at=NOON + timedelta(days=999), approved_by_label="ada")


def a_limit_that_was_passed_in_silence() -> None:
    row = RunServer.objects.exclude(limit_counts={}).filter(run=newest(RunState.APPLIED)).latest("pk")
    RunServer.objects.filter(pk=row.pk).update(limit_counts={**row.limit_counts, "passed": ["moves"]})


def a_plan_that_its_author_approved() -> None:
    run = newest(RunState.APPLIED)
    author = {"approved_by": run.started_by, "approved_by_label": run.started_by_label, "approved_at": run.created_at}
    Run.objects.filter(pk=run.pk).update(approval=["Corp: plans need the approval of a second one."], **author)


def an_act(**values: Any) -> BulkAct:
    """Store an act that has ended the sessions of one user, with its audit entry."""
    mia, given = User.objects.get(username="mia"), {"total": 1, "done": 1, "confirmed_at": NOON, "finished_at": NOON}
    act = BulkAct.objects.create(
        kind=BulkKind.BLOCK,
        state=BulkState.DONE,
        started_by=mia,
        started_by_label="mia",
        created_at=NOON,
        **given | values,
    )
    BulkActUser.objects.create(bulk_act=act, user=mia, outcome=UserOutcome.DONE, done_at=NOON)
    by = Actor(label="mia", user_id=mia.pk, bulk_act_id=act.pk)
    note([Fact("user", mia.pk, "mia")], action="sessions ended", by=by, at=NOON)
    return act


def an_act_that_nobody_confirmed() -> None:
    an_act(confirmed_at=None)


def an_ended_act_that_belongs_to_a_worker() -> None:
    an_act(owner="worker:1")


def an_act_with_other_counts() -> None:
    an_act(left_out=1)


def an_act_past_the_audit_trail() -> None:
    AuditEntry.objects.filter(bulk_act_id=an_act().pk).update(bulk_act_id=None)


DAMAGE: dict[str, Callable[[], None]] = {
    "I1.1": a_complete_reading_with_an_error,
    "I1.2": a_change_from_an_incomplete_reading,
    "I1.3": a_deactivation_without_a_cause,
    "I1.4": an_absence_of_somebody_who_was_found,
    "I1.5": a_deactivation_that_nobody_planned,
    "I1.6": a_write_of_a_run_without_a_change,
    "I1.7": an_entry_without_a_verdict,
    "I1.8": an_absence_that_only_changes_were_asked_for,
    "I2.1": a_user_changed_past_the_audit_trail,
    "I2.2": an_org_changed_past_the_audit_trail,
    "I2.3": a_device_turned_off_past_the_audit_trail,
    "I2.4": an_archive_expired_past_the_audit_trail,
    "I2.5": a_hold_past_the_audit_trail,
    "I2.6": a_change_other_than_planned,
    "I2.7": an_audit_row_without_an_author,
    "I2.8": counts_that_are_not_true,
    "I2.9": a_block_of_a_device_past_the_audit_trail,
    "I3.1": a_server_that_an_ended_run_holds,
    "I3.2": an_ended_run_with_a_worker,
    "I3.3": a_run_that_everybody_has_forgotten,
    "I3.4": an_applied_plan_with_a_change_left,
    "I3.5": a_plan_over_a_limit_applied_by_nobody,
    "I3.6": a_plan_applied_in_part,
    "I3.7": an_undo_of_a_simulation,
    "I3.8": a_repeated_change_that_is_missing,
    "I4.1": a_mail_of_a_run_that_never_came_to_it,
    "I5.1": an_error_that_changes_somebody,
    "I6.1": a_block_without_a_time,
    "I6.2": a_pending_deactivation_that_waits_for_nothing,
    "I6.3": a_live_archive_of_somebody_deactivated,
    "I6.4": a_live_archive_of_a_device_that_is_off,
    "I6.5": an_archive_that_expires_before_it_is_cold,
    "I6.6": a_deactivation_planned_on_hold,
    "I6.7": a_deactivation_on_hold,
    "I6.8": an_archive_that_expired_on_hold,
    "I6.9": a_closed_matter_that_holds_somebody,
    "I6.10": an_active_user_in_an_inactive_org,
    "I6.11": an_active_org_below_one_out_of_use,
    "I6.12": a_blocked_device_without_an_author,
    "I6.13": an_active_computer_in_place_of_another,
    "I6.14": an_archive_that_expires_before_the_requested_day,
    "I7.1": an_archive_that_did_not_come_back,
    "I8.1": a_bind_password_in_the_open,
    "I8.2": a_bind_password_in_a_script,
    "I9.1": a_sync_that_changed_somebody_managed_locally,
    "I9.2": a_sync_that_undid_what_a_person_did,
    "I9.3": no_sysadmin,
    "I10.1": a_simulation_that_applied_something,
    "I10.2": a_held_back_plan_that_applied_something,
    "I11.1": a_role_from_who_does_not_hold_it,
    "I11.2": a_password_past_the_directory,
    "I12.1": an_entry_that_the_last_reading_did_not_see,
    "I12.2": a_change_by_one_of_two_entries_with_one_id,
    "I12.3": a_known_id_that_is_forgotten,
    "I12.4": one_id_of_two_users,
    "I12.5": a_group_that_an_entry_does_not_have,
    "I13.1": a_plan_that_was_overtaken_and_applied,
    "I13.2": a_limit_that_was_passed_in_silence,
    "I13.3": a_plan_that_its_author_approved,
    "I14.1": recovery_codes_alone,
    "I14.2": a_second_factor_past_the_trail,
    "I15.1": a_release_without_an_event,
    "I15.2": a_matter_with_another_name_of_its_policy,
    "I16.1": an_act_that_nobody_confirmed,
    "I16.2": an_ended_act_that_belongs_to_a_worker,
    "I16.3": an_act_with_other_counts,
    "I16.4": an_act_past_the_audit_trail,
    **backup_damage.DAMAGE,
    "S1": a_key_of_another_name,
    "S2": an_org_that_hangs_in_the_air,
    "S3": a_directory_service_that_does_not_exist,
    "S4": a_limit_out_of_bounds,
    "S5": a_standard_role_that_holds_more,
    "S6": an_entry_of_a_user_who_is_not_there,
    "S7": a_database_without_a_constraint,
}
# What can't be broken alone: a lie about one row shows in what else tells of it.
BROKEN_TOO = {
    "I1.4": {"I1.4", "I13.2"},
    "I6.10": {"I6.10", "I2.2"},
    "I12.2": {"I12.2", "I12.1"},
    "I1.2": {"I1.2"},
    "I1.5": {"I1.5", "I2.6"},
    "I9.1": {"I9.1", "I2.8"},
    "I3.4": {"I3.4", "I2.8", "I1.5", "I1.6"},
    "I17.3": {"I17.3", "I17.1"},
}


class TestAWorldWithAPast:
    def test_breaks_no_rule(self, world: World) -> None:
        assert broken(at=world.now) == []

    def test_has_had_everything_in_it(self, world: World) -> None:
        assert set(Run.objects.values_list("state", flat=True)) == {"planned", "applied", "held back"}
        assert User.objects.filter(pending=True).exists()
        assert Archive.objects.filter(state=ArchiveState.EXPIRED).exists()
        assert RoleGrant.objects.filter(role__name="Org Admin").exists()

    def test_is_only_looked_at(self, world: World) -> None:
        before = state.snapshot()

        with CaptureQueriesContext(connection) as queries:
            broken(at=world.now)

        assert state.differences(before, state.snapshot()) == []
        assert not [query for query in queries if query["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]

    def test_takes_the_same_queries_however_many_users_there_are(self, world: World) -> None:
        with CaptureQueriesContext(connection) as few:
            broken(at=world.now)
        for number in range(30):
            device(user(f"user{number}"))

        with CaptureQueriesContext(connection) as many:
            broken(at=world.now)

        assert len(many) == len(few)


def test_every_rule_has_its_damage() -> None:
    assert list(DAMAGE) == [rule.id for rule in RULES]


def kind_of(rule: str) -> str:
    return rule.partition(".")[0] if rule.startswith("I") else rule[0]


@pytest.mark.parametrize("kind", dict.fromkeys(map(kind_of, DAMAGE)))
def test_damage_is_named_by_its_rule_and_no_other(world: World, kind: str, settings: Settings, tmp_path: Path) -> None:
    wrong = {}
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"

    for rule, damage in DAMAGE.items():
        if kind_of(rule) == kind:
            with transaction.atomic():
                damage()
                found = broken(at=world.now)
                transaction.set_rollback(True)
            for folder in tmp_path.iterdir():
                shutil.rmtree(folder)
            if {each.rule for each in found} != BROKEN_TOO.get(rule, {rule}):
                wrong[rule] = [str(each) for each in found]

    assert wrong == {}


class TestTheCommand:
    def test_says_that_all_is_well(self, world: World) -> None:
        out = io.StringIO()

        call_command("check_invariants", stdout=out)

        assert out.getvalue().startswith(f"{len(RULES)} rules, 0 broken, ")

    def test_names_what_is_broken_and_what_to_do(self, world: World) -> None:
        out = io.StringIO()
        a_key_of_another_name()

        with pytest.raises(SystemExit) as ended:
            call_command("check_invariants", stdout=out)

        assert ended.value.code == 1
        assert "S1 Names are compared by their own keys: broken" in out.getvalue()
        assert "(mia) is compared as 'MIA', not as 'mia'" in out.getvalue()
        assert "What to do: Save the object again" in out.getvalue()

    def test_prints_json(self, world: World) -> None:
        out = io.StringIO()
        a_key_of_another_name()

        with pytest.raises(SystemExit):
            call_command("check_invariants", "--json", stdout=out)

        report = json.loads(out.getvalue())
        assert (report["rules"], [row["rule"] for row in report["broken"]]) == (len(RULES), ["S1"])
