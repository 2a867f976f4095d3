"""Old rows go when their time has come; what is on legal hold, or needed by something, stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from console.models import ConsoleSession
from console.security.session_store import SessionStore
from directory import invariants, status
from directory import retention as rules
from directory.actions import old_rows, servers, stored_plans, sync_settings, undo
from directory.models import Alert, AlertKind, LdapServer, Mail, MailKind, Match, Run, RunChange, RunState
from directory.status import LineState
from directory.sync import pipeline
from directory.sync.review import plan_contributors
from orgs.actions import devices, legal_holds, local_password_guard, orgs, roles
from orgs.actions.matters import policies
from orgs.actions.users import blocking, local_passwords, user_creation, user_profiles
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import AuditEntry, CreatedBy, Matter, Org, Role, User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, Actor, person
from orgs.rules.local_sign_in import with_a_password
from tests.directories import Directory, people
from tests.makers import PASSWORD, make_role, make_sysadmin, make_user, signed_in
from tests.worlds import NOON, Clock, device, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADA = Actor(label="ada")
COUNT = 12
YEAR = timedelta(days=366)
LIMITS = {"limit_deactivations_percent": 100, "limit_role_changes_percent": 100, "limit_moves_percent": 100}


@pytest.fixture
def corp() -> Iterator[Directory]:
    """A directory, and a year of runs: all changed, one more, four who are kept in each run."""
    with Directory(ldif=people(COUNT)) as directory:
        made = [user(f"u{number:05}") for number in range(1, COUNT + 1)]
        ldap_server(directory.url, search_filter="(objectClass=inetOrgPerson)", **LIMITS)
        simulate_and_sync()
        blocking.block(user_ids=[each.pk for each in made[:4]], by=ADA, at=NOON)
        sync()
        directory.modify("uid=u00009,ou=People,dc=example,dc=com", {"sn": "Newname"})
        sync(at=NOON + timedelta(days=1))
        yield directory


def later(at: datetime) -> datetime:
    """Have the newest reading a year after the others, as it is where runs go on."""
    return sync(at=at).created_at


def remove(at: datetime) -> dict[str, int]:
    return dict(old_rows.remove_old(by=SYSTEM, at=at))


def hold(name: str) -> Matter:
    matter = legal_holds.open_matter(name="Inquiry", by=SYSTEM, at=NOON)
    legal_holds.add_custodians(matter=matter, user_ids=[User.objects.get(username=name).pk], by=SYSTEM, at=NOON)
    return matter


class TestRunsThatAreOld:
    def test_go_with_their_changes_and_leave_a_sound_database(self, corp: Directory) -> None:
        at = later(NOON + YEAR + timedelta(days=2))
        before = Run.objects.count()

        removed = remove(at)

        assert removed["changes"] >= COUNT
        assert removed["runs"] == before - Run.objects.count() > 0
        assert not invariants.broken(at=at)
        noted = AuditEntry.objects.get(action="old rows removed")
        assert noted.after["runs"] == removed["runs"]
        assert noted.after["kept days"]["runs"] == 365

    def test_go_once(self, corp: Directory) -> None:
        at = later(NOON + YEAR + timedelta(days=2))
        remove(at)

        assert remove(at) == {}
        assert AuditEntry.objects.filter(action="old rows removed").count() == 1

    def test_stay_while_they_are_young(self, corp: Directory) -> None:
        assert remove(NOON + timedelta(days=300)) == {}

    def test_stay_for_ever_where_the_operator_says_so(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_RUNS_DAYS = 0

        assert "runs" not in remove(NOON + 20 * YEAR)
        assert RunChange.objects.exists()

    def test_go_a_little_at_a_time(self, corp: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(old_rows, "PART", 5)
        at = later(NOON + YEAR + timedelta(days=2))
        before = Run.objects.count()

        old_rows.remove_old(by=SYSTEM, at=at, seconds=0)

        assert Run.objects.count() == before
        assert not invariants.broken(at=at)
        for _ in range(4):
            old_rows.remove_old(by=SYSTEM, at=at, seconds=0)
            assert not invariants.broken(at=at)
        old_rows.remove_old(by=SYSTEM, at=at)
        assert Run.objects.count() < before

    def test_keep_what_newer_ones_repeat(self, corp: Directory) -> None:
        run = sync(at=NOON + YEAR + timedelta(days=2))
        changes = sorted(run.changes.values_list("username", "outcome", "steps"), key=str)
        assert run.repeats.exists()

        remove(run.created_at)

        assert sorted(run.changes.values_list("username", "outcome", "steps"), key=str) == changes
        assert not invariants.broken(at=run.created_at)

    def test_are_not_those_that_the_next_run_looks_back_at(self, corp: Directory) -> None:
        at = NOON + 3 * YEAR

        remove(at)

        run = sync(at=at)
        assert run.state == RunState.APPLIED, run.held_back
        assert not invariants.broken(at=at)

    def test_are_no_plans_that_wait(self, corp: Directory) -> None:
        Run.objects.filter(pk=sync().pk).update(state=RunState.HELD_BACK)
        waiting = Run.objects.get(state=RunState.HELD_BACK)

        remove(NOON + 3 * YEAR)

        assert Run.objects.filter(pk=waiting.pk).exists()


class TestAPlanThatWaits:
    """Somebody has begun to apply a simulation, or may still apply what was held back: all that it takes stays."""

    @pytest.fixture
    def left(self, corp: Directory) -> User:
        """A leaver whom the directory does not have any more; somebody else has got another username."""
        corp.delete("uid=u00010,ou=People,dc=example,dc=com")
        corp.rename("uid=u00011,ou=People,dc=example,dc=com", "uid=renamed")
        leaver: User = User.objects.get(username="u00010")
        return leaver

    def parts(self, run: Run) -> dict[str, list[tuple[object, ...]]]:
        """Return everything of a plan that its application and its page read."""
        return {
            "changes": sorted(run.changes.values_list("pk", "username", "outcome", "steps"), key=str),
            "repeats": sorted(run.repeats.values_list("first", "last")),
            "matches": sorted(run.planned_matches.values_list("user", "dn", "unique_id")),
            "readings": sorted(run.readings.values_list("pk", "complete", "configuration_digest")),
        }

    def test_is_kept_whole_for_the_run_that_applies_it(self, corp: Directory, left: User) -> None:
        plan = simulate()
        before = self.parts(plan)
        assert all(before.values())
        # The next run looks back at this one, so that nothing else keeps the plan.
        simulate()
        run = stored_plans.apply_plan(run=plan, by=ADA, at=NOON, wake=False)
        newest = Run.objects.filter(plan_from=None).latest("pk")
        at = NOON + 3 * YEAR

        removed = remove(at)

        assert removed["changes"] > 0
        assert plan.pk < newest.pk < run.pk
        plan.refresh_from_db()
        assert (plan.cleared_at, self.parts(plan)) == (None, before)
        pipeline.execute(run.pk, clock=Clock(at))
        run.refresh_from_db()
        assert (run.state, run.counts["deactivated"], run.counts["renamed"]) == (RunState.APPLIED, 1, 1)
        assert not User.objects.get(pk=left.pk).active
        assert Match.objects.get(user__username="renamed").dn.startswith("uid=renamed,")
        assert not invariants.broken(at=at)

    def test_is_kept_whole_while_it_is_held_back(self, corp: Directory, left: User) -> None:
        LdapServer.objects.update(canary="uid=nobody,dc=example,dc=com")
        simulate()
        plan = sync()
        assert plan.state == RunState.HELD_BACK
        before = self.parts(plan)
        assert all(before.values())
        simulate()
        at = NOON + 3 * YEAR

        remove(at)

        plan.refresh_from_db()
        assert (plan.cleared_at, self.parts(plan)) == (None, before)
        assert not invariants.broken(at=at)


class TestSomebodyOnHold:
    def test_keeps_changes_and_audit_entries(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        matter = hold("u00009")
        changed = RunChange.objects.filter(username="u00009", outcome="applied")
        entries = AuditEntry.objects.filter(object_type="user", object_label="u00009")
        before = (changed.count(), entries.count())
        corp.modify("uid=u00010,ou=People,dc=example,dc=com", {"sn": "Newname"})
        at = later(NOON + YEAR + timedelta(days=2))

        remove(at)

        assert (changed.count(), entries.count()) == before
        assert not RunChange.objects.filter(username="u00008", outcome="applied").exists()
        run = changed[0].run
        assert run.cleared_at == at
        assert undo.why_not(run).endswith(f"its changes were removed on {at:%Y-%m-%d}")
        assert not invariants.broken(at=at)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=at)
        remove(at)
        assert not changed.exists()
        assert not invariants.broken(at=at)

    def test_keeps_what_runs_repeated(self, corp: Directory) -> None:
        hold("u00002")
        repeating = sync(at=NOON + timedelta(days=2))
        at = later(NOON + YEAR + timedelta(days=3))

        remove(at)

        assert [each.username for each in repeating.changes.all()] == ["u00002"]

    def test_is_shown_in_a_run_that_is_not_whole(self, corp: Directory) -> None:
        hold("u00009")
        at = later(NOON + YEAR + timedelta(days=2))
        remove(at)
        run = Run.objects.filter(cleared_at=at).latest("pk")

        page = signed_in(make_sysadmin()).get(reverse("runs:detail", args=[run.pk])).content.decode()

        assert "older than changes are kept" in page


class TestTheAuditTrail:
    def test_goes_after_its_time_but_for_the_newest_entry_about_each_object(
        self, corp: Directory, settings: Settings
    ) -> None:
        settings.KEEP_AUDIT_DAYS = 400
        hold("u00003")
        at = later(NOON + 2 * YEAR)

        removed = remove(at)

        assert removed["audit_entries"] > COUNT
        assert AuditEntry.objects.filter(object_type="user", object_label="u00008").count() == 1
        assert AuditEntry.objects.filter(action="put on legal hold").exists()
        assert not invariants.broken(at=at)

    def test_keeps_all_that_preservation_policies_ever_said(self, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 400
        policy = policies.add(name="Mail", kept="All.", by=SYSTEM, at=NOON)
        for old, new in (("All.", "Most."), ("Most.", "Some.")):
            policies.edit(policy_id=policy.pk, name="Mail", kept=new, known=("Mail", old), by=SYSTEM, at=NOON)

        remove(NOON + 2 * YEAR)

        assert AuditEntry.objects.filter(object_type="preservation policy").count() == 3

    def test_stays_at_least_as_long_as_runs(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 1

        assert remove(NOON + timedelta(days=300)) == {}


class TestWhoSetALocalPassword:
    """A promotion asks for it, however long ago it was."""

    AT = NOON + 12 * YEAR

    @pytest.fixture
    def olga(self) -> User:
        return make_user("olga", roles=["Org Admin"], password=PASSWORD)

    def made(self, name: str, by: User) -> User:
        """Make a user with a password, and change them ever after."""
        clerk = Role.objects.filter(name="Clerk").first() or make_role("Clerk", Permission.CONSOLE_LOGIN)
        new = NewUser(Profile(name), Org.objects.get(name="Default").pk, frozenset({clerk.pk}), password=PASSWORD)
        found = user_creation.create(users=[new], created_by=CreatedBy.HAND, by=person(by), at=NOON)[0]
        self.renamed(found, "Early")
        return found

    @staticmethod
    def renamed(found: User, last_name: str) -> None:
        for name in ("Some", last_name):
            profile = {found.pk: Profile(found.username, last_name=name)}
            user_profiles.update_profiles(profiles=profile, by=SYSTEM, at=NOON)

    def promoted(self) -> set[str]:
        """Give the role more, after old rows went; return who has a password then."""
        assert remove(self.AT)["audit_entries"] > 0
        assert not invariants.broken(at=self.AT)
        clerk = Role.objects.get(name="Clerk")
        ada = User.objects.sysadmins().first() or make_sysadmin()
        roles.save(role=clerk, name="Clerk", permissions=["admin"], by=person(ada), at=self.AT)
        return set(with_a_password().filter(roles=clerk).values_list("username", flat=True))

    def test_is_known_when_their_role_is_given_more(self, olga: User) -> None:
        ada = make_sysadmin()
        by_olga, by_themselves, twice = (self.made(name, olga) for name in ("a", "b", "c"))
        local_passwords.set_password(user=by_themselves, password=PASSWORD, by=person(ada), at=NOON)
        local_passwords.set_password(user=by_themselves, password=PASSWORD, by=person(by_themselves), at=NOON)
        local_passwords.set_password(user=twice, password=PASSWORD, by=person(twice), at=NOON)
        local_passwords.set_password(user=twice, password=PASSWORD, by=person(olga), at=NOON)
        for each in (by_olga, by_themselves, twice):
            self.renamed(each, "Late")

        assert self.promoted() == {"b"}

    def test_is_kept_for_the_last_password_alone(self, olga: User) -> None:
        twice = self.made("c", olga)
        local_passwords.set_password(user=twice, password=PASSWORD, by=person(olga), at=NOON)
        self.renamed(twice, "Late")

        remove(self.AT)

        trail = AuditEntry.objects.filter(object_type="user", object_id=twice.pk).order_by("pk")
        assert list(trail.values_list("action", flat=True)) == ["password set", "profile updated", "profile updated"]

    def test_goes_with_the_password(self, olga: User) -> None:
        gone = self.made("a", olga)
        User.objects.filter(pk=gone.pk).update(password=local_password_guard.no_password())

        remove(self.AT)

        assert AuditEntry.objects.filter(object_type="user", object_id=gone.pk).count() == 1


class TestWhoHasAPartInThePlanOfTheNextRun:
    """Whoever has changed what it is made by since the last plan that changed anybody is no second person."""

    @pytest.fixture
    def mona(self) -> User:
        return make_user("mona", roles=["SYSADMIN"], password=PASSWORD)

    @staticmethod
    def has_changed(mona: User, *, at: datetime) -> None:
        """Have mona change an org, a role, the settings, a user and the server, and others change all of them later."""
        server, default = LdapServer.objects.get(), Org.objects.get(name="Default")
        clerk = Role.objects.filter(name="Clerk").first() or make_role("Clerk")
        someone = User.objects.get(username="u00007")
        for by, days in ((person(mona), 0), (SYSTEM, 1)):
            when = at + timedelta(days=days)
            orgs.change(org=default, archive_retention_days=30 + days, by=by, at=when)
            roles.save(role=clerk, name="Clerk", permissions=["admin.user.read"][days:], by=by, at=when)
            sync_settings.save(values={"interval_hours": 5 + days}, by=by, at=when)
            local_passwords.set_managed_locally(user_ids=[someone.pk], managed_locally=not days, by=by, at=when)
            servers.save(server=server, values={"page_size": 100 + days}, by=by, at=when)

    @staticmethod
    def kinds_by(mona: User) -> set[str]:
        return set(AuditEntry.objects.filter(actor=mona).values_list("object_type", flat=True))

    ALL = {"LDAP server", "org", "role", "settings", "user"}

    def test_is_known_after_any_time(self, corp: Directory, mona: User, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        self.has_changed(mona, at=NOON + timedelta(days=2))
        simulate_and_sync()
        at = later(NOON + 3 * YEAR)

        assert remove(at)["audit_entries"] > 0

        assert self.kinds_by(mona) == self.ALL
        assert not invariants.broken(at=at)
        assert mona.pk in plan_contributors.editors(simulate())

    def test_is_forgotten_once_such_a_plan_was_applied(self, corp: Directory, mona: User, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        self.has_changed(mona, at=NOON + timedelta(days=2))
        simulate_and_sync()
        corp.modify("uid=u00010,ou=People,dc=example,dc=com", {"sn": "Newname"})
        at = later(NOON + 3 * YEAR)

        remove(at)

        assert self.kinds_by(mona) == set()
        assert mona.pk not in plan_contributors.editors(simulate())

    def test_is_not_kept_for_a_server_that_is_off_but_for_its_own(
        self, corp: Directory, mona: User, settings: Settings
    ) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        self.has_changed(mona, at=NOON + timedelta(days=2))
        servers.save(server=LdapServer.objects.get(), values={"enabled": False}, by=SYSTEM, at=NOON + YEAR)

        remove(NOON + 3 * YEAR)

        assert self.kinds_by(mona) == {"LDAP server"}

    def test_goes_by_a_plan_that_stays_itself(self, corp: Directory, mona: User) -> None:
        """Else nobody who has ever changed anything could approve the next one."""
        self.has_changed(mona, at=NOON - timedelta(days=30))
        for years in (1, 2, 3):
            later(NOON + years * YEAR)

        remove(NOON + 3 * YEAR)

        assert mona.pk not in plan_contributors.editors(simulate())


class TestOtherRows:
    def test_mails_and_dismissed_alerts_go(self, corp: Directory) -> None:
        run = Run.objects.latest("pk")
        Mail.objects.all().delete()
        for kind, sent in ((MailKind.SUMMARY, NOON), (MailKind.FAILED, None)):
            Mail.objects.create(run=run, kind=kind, subject="Done", body="Done", created_at=NOON, sent_at=sent)
        Alert.objects.create(kind=AlertKind.MAIL, message="old", created_at=NOON, dismissed_at=NOON)
        Alert.objects.create(kind=AlertKind.MAIL, message="open", created_at=NOON)

        removed = remove(NOON + timedelta(days=200))

        assert removed == {"mails": 1, "alerts": 1}
        assert [mail.sent_at for mail in Mail.objects.all()] == [None]
        assert [alert.message for alert in Alert.objects.filter(kind=AlertKind.MAIL)] == ["open"]

    def test_sessions_that_have_ended_go(self, client: Client) -> None:
        for days in (-1, 1):
            store = SessionStore()
            store["x"] = 1
            store.set_expiry(timezone.now() + timedelta(days=days))
            store.save()

        remove(timezone.now())

        assert ConsoleSession.objects.count() == 1


class TestTheStatus:
    def test_says_what_is_kept(self, corp: Directory) -> None:
        kept = next(section for section in status.sections(at=NOON) if section.key == "kept")

        assert kept.state == LineState.OK
        assert "Kept for 365 days." in kept.lines[0].fact

    def test_warns_where_old_runs_are_not_removed(self, corp: Directory) -> None:
        simulate()
        at = later(NOON + YEAR + timedelta(days=20))

        kept = next(section for section in status.sections(at=at) if section.key == "kept")

        assert kept.state == LineState.WARNING


class TestWhatBeginsWhileOldRowsGo:
    def test_an_undo_that_has_begun_keeps_what_it_undoes(
        self, corp: Directory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        corp.modify("uid=u00010,ou=People,dc=example,dc=com", {"sn": "Newname"})
        at = later(NOON + YEAR + timedelta(days=2))
        run = Run.objects.filter(state=RunState.APPLIED, stored_changes__outcome="applied").distinct().last()
        assert run is not None
        changed = run.stored_changes.filter(outcome="applied").count()
        found = rules.old_runs(at - timedelta(days=365))
        assert run.pk in found
        monkeypatch.setattr(rules, "old_runs", lambda _before: found)
        undo.start(run=run, by=ADA, at=at, wake=False)

        remove(at)

        assert run.stored_changes.filter(outcome="applied").count() == changed
        run.refresh_from_db()
        assert run.cleared_at is None

    def test_the_trail_of_the_devices_of_users_on_hold_stays(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        at = later(NOON + YEAR + timedelta(days=2))
        held, other = (device(User.objects.get(username=name)) for name in ("u00005", "u00006"))
        for each in (held, other):
            devices.deactivate(device_ids=[each.pk], by=ADA, at=NOON)
            devices.reactivate(device_ids=[each.pk], by=ADA, at=NOON)
            for action in ("archive moved", "archive back"):
                AuditEntry.objects.create(
                    at=NOON,
                    actor_label="ada",
                    action=action,
                    object_type="archive",
                    object_id=each.archives.get().pk,
                )
        hold("u00005")

        remove(at)

        entries = AuditEntry.objects.filter(object_type="device")
        assert (entries.filter(object_id=held.pk).count(), entries.filter(object_id=other.pk).count()) == (2, 1)
        entries = AuditEntry.objects.filter(object_type="archive")
        ids = [each.archives.get().pk for each in (held, other)]
        assert [entries.filter(object_id=pk).count() for pk in ids] == [2, 1]
