"""I2: the audit trail leads from each object's first state to its present state, without a gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Subquery

from directory.models import Run, RunChange
from directory.values.plan import Outcome
from orgs.models import Archive, ArchiveState, AuditEntry, Custodian, Device, Matter, Org, Role, RoleGrant, User

PAGE = 1000
# The first state of every user; names, org and roles are known from the first entry with them.
NEW_USER = {"active": True, "blocked": False, "pending": False, "managed_locally": False}
USER_FIELDS = (*NEW_USER, "username", "email", "first_name", "last_name", "org", "roles")
ORG_PLAIN = ("name", "directory_service", "archive_retention_days", "own_default_roles", "notes")
ORG_FIELDS = (*ORG_PLAIN, "active", "default_roles", "parent")
CHANGED_BY_RUNS = ("active", "blocked", "pending", "username", "email", "first_name", "last_name", "org", "roles")
LONGEST_LABEL = 255


@dataclass(slots=True)
class EarlierNames:
    """All names that orgs or roles ever had, so that entries from before a renaming are understood."""

    ids: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, kind: str, current: Mapping[int, str]) -> EarlierNames:
        """Return the present names of the objects of this kind, and their names in the trail."""
        names = cls()
        for pk, name in current.items():
            names.ids[name].add(pk)
        rows = AuditEntry.objects.filter(object_type=kind).values_list("object_id", "before", "after")
        for pk, before, after in rows.iterator(chunk_size=2000):
            for values in (before, after):
                if "name" in values:
                    names.ids[values["name"]].add(pk)
        return names

    def same(self, one: str, other: str) -> bool:
        """Return whether two names are, or were, names of the same object."""
        return one == other or bool(self.ids.get(one, set()) & self.ids.get(other, set()))

    def same_all(self, some: Collection[str], others: Collection[str]) -> bool:
        """Return whether two lists of names are, or were, names of the same objects."""
        return (
            len(some) == len(others)
            and all(any(self.same(one, other) for other in others) for one in some)
            and all(any(self.same(one, other) for one in some) for other in others)
        )


@dataclass(slots=True)
class AuditStory:
    """The state of one object by the trail's entries so far."""

    who: str
    orgs: EarlierNames
    roles: EarlierNames
    fields: Collection[str]
    state: dict[str, Any]

    def check_entry(self, pk: int, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
        """Add the next entry; yield a sentence for each of its old values that differs from the state so far."""
        for key, value in before.items():
            if key in self.state and not self._same(key, self.state[key], value):
                yield (
                    f"{self.who}: audit entry {pk} ('{action}') found {key} to be {value!r}, "
                    f"but the trail had left it at {self.state[key]!r}"
                )
        self.state.update({key: value for key, value in after.items() if key in self.fields})
        if after.get("active") is False:
            # A deactivation ends "pending" without an entry of its own.
            self.state["pending"] = False

    def end(self, current: Mapping[str, Any]) -> Iterator[str]:
        """Yield a sentence for each present value that differs from the state by the trail."""
        for key, value in current.items():
            if key in self.state and not self._same(key, self.state[key], value):
                yield f"{self.who}: {key} is {value!r}, but the audit trail leaves it at {self.state[key]!r}"

    def _same(self, key: str, recorded: Any, found: Any) -> bool:
        if key in {"org", "parent"}:
            return self.orgs.same(recorded, found)
        return self.roles.same_all(recorded, found) if key in {"roles", "default_roles"} else bool(recorded == found)


def _names() -> tuple[EarlierNames, EarlierNames]:
    orgs = EarlierNames.of("org", dict(Org.objects.values_list("pk", "name")))
    return orgs, EarlierNames.of("role", dict(Role.objects.values_list("pk", "name")))


def users(_at: datetime) -> Iterator[str]:
    """Every user's state is the one that the audit trail leads to, entry by entry."""
    orgs, roles = _names()
    last, begins = 0, begins_later()
    plain = [key for key in USER_FIELDS if key not in {"org", "roles"}]
    while page := list(User.objects.filter(pk__gt=last).order_by("pk").values("pk", "org__name", *plain)[:PAGE]):
        first, last = page[0]["pk"], page[-1]["pk"]
        roles_of_users: dict[int, list[str]] = defaultdict(list)
        for pk, name in RoleGrant.objects.filter(user__gte=first, user__lte=last).values_list("user_id", "role__name"):
            roles_of_users[pk].append(name)
        entries = _entries("user", first, last)
        for row in page:
            story = AuditStory(
                f"user {row['pk']} ({row['username']})", orgs, roles, USER_FIELDS, {} if begins else dict(NEW_USER)
            )
            for pk, action, label, before, after in entries.get(row["pk"], ()):
                if action == "user created" and len(label) < LONGEST_LABEL:
                    after = {**after, "username": label}  # noqa: PLW2901  # the label holds the username
                yield from story.check_entry(pk, action, before, after)
            yield from story.end(
                {"org": row["org__name"], "roles": sorted(roles_of_users[row["pk"]])} | {k: row[k] for k in plain}
            )


def begins_later() -> bool:
    """Return whether old entries have been removed: then the trail of an object may begin with any state."""
    return AuditEntry.objects.filter(action="old rows removed", after__audit_entries__gt=0).exists()


Entry = tuple[int, str, str, dict[str, Any], dict[str, Any]]


def _entries(kind: str, first: int, last: int) -> dict[int, list[Entry]]:
    """Return the entries of the objects of this kind with these ids, in the order in which they were written."""
    rows = AuditEntry.objects.filter(object_type=kind, object_id__gte=first, object_id__lte=last)
    entries: dict[int, list[Entry]] = defaultdict(list)
    columns = ("object_id", "pk", "action", "object_label", "before", "after")
    for object_id, *entry in sorted(rows.values_list(*columns), key=lambda row: row[1]):
        entries[object_id].append((entry[0], entry[1], entry[2], entry[3], entry[4]))
    return entries


def orgs(_at: datetime) -> Iterator[str]:
    """Every org's state is the one that the audit trail leads to."""
    org_names, role_names = _names()
    states = {"org activated": True, "org deactivated": False}
    new = {} if begins_later() else {"active": True}
    by_path = dict(Org.objects.values_list("path", "name"))
    for org in Org.objects.prefetch_related("default_roles"):
        story = AuditStory(f"org {org.pk} ({org.name})", org_names, role_names, ORG_FIELDS, dict(new))
        for pk, action, _, before, after in _entries("org", org.pk, org.pk).get(org.pk, ()):
            yield from story.check_entry(pk, action, before, after)
            if action in states:
                story.state["active"] = states[action]
        now = {key: getattr(org, key) for key in (*ORG_PLAIN, "active")}
        if (above := by_path.get(org.path[: -org.steplen])) is not None:
            now["parent"] = above
        yield from story.end({**now, "default_roles": sorted(role.name for role in org.default_roles.all())})


def devices(_at: datetime) -> Iterator[str]:
    """Every device has the state of its last entry in the audit trail."""
    put_back = Q(action="device put back", after__has_key="active")
    states = AuditEntry.objects.filter(
        put_back | Q(action__in=["device deactivated", "device reactivated"]),
        object_type="device",
        object_id=OuterRef("pk"),
    )
    with_last_action = Device.objects.annotate(last_action=Subquery(states.order_by("-pk").values("action")[:1]))
    on = Q(active=True, last_action__isnull=False) & ~Q(last_action="device reactivated")
    off = Q(active=False, last_action="device reactivated")
    if not begins_later():
        off |= Q(active=False, last_action=None)
    for device in with_last_action.filter(on | off).order_by("pk").iterator():
        state = "active" if device.active else "deactivated"
        yield f"device {device.pk} ({device.name}) of user {device.user_id} is {state}, which the audit trail does not say"


def archives(_at: datetime) -> Iterator[str]:
    """Every expired archive is in the audit trail, and no purged archive is left."""
    entries = AuditEntry.objects.filter(object_type="archive", object_id=OuterRef("pk"))
    expired = Archive.objects.filter(state=ArchiveState.EXPIRED)
    for archive in expired.exclude(Exists(entries.filter(action="archive expired"))).order_by("pk").iterator():
        yield f"archive {archive.pk} of device {archive.device_id} has expired, which the audit trail does not say"
    for archive in Archive.objects.filter(Exists(entries.filter(action="archive purged"))).order_by("pk").iterator():
        yield f"archive {archive.pk} of device {archive.device_id} is there, but the audit trail says that it was purged"


def legal_holds(_at: datetime) -> Iterator[str]:
    """Every begin and end of a hold is in the audit trail."""
    custodians = Custodian.objects.values_list("user_id").order_by()
    for action, counted in (
        ("put on legal hold", custodians),
        ("released from legal hold", custodians.filter(released_at__isnull=False)),
    ):
        found = dict(counted.annotate(n=Count("pk")))
        rows = AuditEntry.objects.filter(object_type="user", action=action).values_list("object_id").order_by()
        recorded = dict(rows.annotate(n=Count("pk")))
        for pk in sorted(found.keys() | recorded.keys()):
            if found.get(pk, 0) != recorded.get(pk, 0):
                yield f"user {pk} was {action} {found.get(pk, 0)} times, {recorded.get(pk, 0)} times by the audit trail"
    closed = AuditEntry.objects.filter(object_type="matter", object_id=OuterRef("pk"), action="matter closed")
    for matter in Matter.objects.filter(closed_at__isnull=False).exclude(Exists(closed)).order_by("pk").iterator():
        yield f"matter {matter.pk} ({matter.name}) is closed, which the audit trail does not say"


def applied_changes(_at: datetime) -> Iterator[str]:
    """The audit trail has each applied change as it was planned: the same fields, before and after."""
    began = dict(Run.objects.values_list("pk", "created_at"))
    _, roles = _names()
    last = 0
    applied = RunChange.objects.filter(outcome=Outcome.APPLIED, user__isnull=False).order_by("pk")
    columns = ("pk", "run_id", "user_id", "username", "before", "after")
    while page := list(applied.filter(pk__gt=last).values(*columns)[:PAGE]):
        last = page[-1]["pk"]
        recorded = _recorded_by_runs(page, began)
        for row in page:
            before, after = recorded.get((row["run_id"], row["user_id"]), ({}, {}))
            planned = {key for key in CHANGED_BY_RUNS if row["before"][key] != row["after"][key]}
            if "active" in planned and not row["after"]["active"]:
                # A deactivation ends "pending" without an entry of its own.
                planned.discard("pending")
            who = f"run {row['run_id']}, change {row['pk']} of user {row['user_id']} ({row['username']})"
            for key in sorted(planned ^ after.keys()):
                yield f"{who} is applied; {key} was {'to change' if key in planned else 'not to'}, the audit trail differs"
            for key in sorted(planned & after.keys()):
                if not _as_planned(key, row, before, after, roles):
                    yield f"{who} is applied; by the audit trail {key} went from {before.get(key)!r} to {after[key]!r}"


def _recorded_by_runs(
    page: list[dict[str, Any]], began: Mapping[int, datetime]
) -> dict[tuple[int, int], tuple[dict[str, Any], dict[str, Any]]]:
    """Return the first old value and the last new value of each field, by run and user."""
    runs, people = {row["run_id"] for row in page}, {row["user_id"] for row in page}
    rows = AuditEntry.objects.filter(object_type="user", run_id__in=runs, object_id__in=people).order_by("pk")
    recorded: dict[tuple[int, int], tuple[dict[str, Any], dict[str, Any]]] = {}
    columns = ("at", "run_id", "object_id", "before", "after")
    for at, run_id, user_id, before, after in rows.values_list(*columns):
        if run_id is None or at <= began[run_id]:
            continue
        first, last = recorded.setdefault((run_id, user_id), ({}, {}))
        first.update({key: value for key, value in before.items() if key in CHANGED_BY_RUNS and key not in first})
        last.update({key: value for key, value in after.items() if key in CHANGED_BY_RUNS})
    return recorded


def _as_planned(
    key: str, row: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], roles: EarlierNames
) -> bool:
    if key == "org":
        # The org may have been renamed between plan and apply.
        return True
    if key == "roles":
        return roles.same_all(row["before"][key], before[key]) and roles.same_all(row["after"][key], after[key])
    return (row["before"][key], row["after"][key]) == (before.get(key), after[key])


def authors(_at: datetime) -> Iterator[str]:
    """Every entry of the audit trail names who did it."""
    for row in AuditEntry.objects.filter(Q(actor_label="") | Q(action="")).order_by("pk").iterator():
        yield f"audit entry {row.pk} about {row.object_label} does not say who did what"
