"""Merges what runs and people did to a user into one time line, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Q

from console.presenters.users import story_words
from directory.models import Run, RunChange, RunRepeat
from directory.values.plan import Outcome
from orgs.models import AuditEntry, Device, Org, User
from orgs.permissions import Permission

PER_PAGE = 25
# Outcomes of runs that changed the user, or tried to.
CHANGED = frozenset({Outcome.APPLIED, Outcome.CHANGED_MEANWHILE, Outcome.REFUSED, Outcome.PLANNED})
_HIDDEN_ORG = "…"


@dataclass(frozen=True, slots=True)
class StoryItem:
    """One thing that happened to a user.

    ``run`` is the run that did it, None for a person; ``who`` is the person. ``outcome`` is empty for what was done.
    ``before`` and ``after`` hold what differs, ``why`` the steps of a run. ``bulk_act`` is the person's act on many users.
    """

    at: datetime
    sentence: str
    icon: str
    tone: str
    who: str = ""
    run: Run | None = None
    outcome: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    why: tuple[str, ...] = ()
    bulk_act: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a time line includes beside people's acts and the changes of syncs."""

    simulations: bool = False
    unchanged: bool = False


class _ChangeMark(NamedTuple):
    """A change in the time line: its time, its row, and the run that made or repeated it."""

    at: datetime
    run_id: int
    change_id: int

    @property
    def position(self) -> tuple[datetime, int]:
        """The position in the time line; later runs come first, also with the same time."""
        return self.at, self.run_id


class _EntryMark(NamedTuple):
    """Audit entries in the time line that belong to one act: their time and the ids of their rows."""

    at: datetime
    actor: str
    entry_ids: tuple[int, ...]

    @property
    def position(self) -> tuple[datetime, int]:
        """The position in the time line."""
        return self.at, self.entry_ids[-1]


_Mark = _ChangeMark | _EntryMark


class UserHistory:
    """The time line of one user as one viewer may see it."""

    def __init__(self, user: User, viewer: User, shown: Shown | None = None) -> None:
        self._user, self._viewer, self._shown = user, viewer, shown or Shown()

    def page(self, number: str = "1", *, size: int = PER_PAGE) -> Page[StoryItem]:
        """Return one page of the time line; an invalid number gives the nearest page."""
        marks = self._marks()
        page: Page[Any] = Paginator(marks, size).get_page(number)
        page.object_list = self._items(list(page.object_list))
        return page

    def _marks(self) -> list[_Mark]:
        changes = self._changes()
        done = {change.run_id for change in changes}
        marks: list[_Mark] = [*self._filtered(changes), *self._entries(done)]
        return sorted(marks, key=lambda mark: mark.position, reverse=True)

    def _changes(self) -> list[_ChangeMark]:
        """Return all changes of runs to the user, those that a run repeats too."""
        about = RunChange.objects.about(self._user).order_by()
        stored = [_ChangeMark(at, run, pk) for pk, run, at in about.values_list("pk", "run_id", "run__created_at")]
        repeated = RunRepeat.objects.about(self._user)
        runs = Run.objects.only("created_at").in_bulk({run for _, run in repeated})
        return stored + [_ChangeMark(runs[run].created_at, run, pk) for pk, run in repeated if run in runs]

    def _filtered(self, changes: Collection[_ChangeMark]) -> list[_ChangeMark]:
        left_out: set[int] = set()
        if not self._shown.simulations:
            simulated = Run.objects.filter(pk__among={each.run_id for each in changes}, simulated=True)
            left_out = set(simulated.values_list("pk", flat=True))
        quiet: set[int] = set()
        if not self._shown.unchanged:
            rows = RunChange.objects.about(self._user).order_by().exclude(outcome__in=CHANGED)
            quiet = set(rows.values_list("pk", flat=True))
        return [each for each in changes if each.run_id not in left_out and each.change_id not in quiet]

    def _entries(self, runs: Collection[int]) -> list[_EntryMark]:
        """Return what people did, entries of one act together; of a run only if its change is not stored any more."""
        about = Q(object_type="user", object_id=self._user.pk)
        if self._viewer.may(Permission.COMPUTER_READ):
            devices = Device.objects.filter(user=self._user).order_by().values_list("pk", flat=True)
            about |= Q(object_type="device", object_id__in=list(devices))
        acts: dict[tuple[datetime, str], list[int]] = {}
        trail = AuditEntry.objects.filter(about).order_by("pk").values_list("pk", "at", "actor_label", "run_id")
        for pk, at, actor, run_id in trail:
            if run_id is None or run_id not in runs:
                acts.setdefault((at, actor), []).append(pk)
        return [_EntryMark(at, actor, tuple(ids)) for (at, actor), ids in acts.items()]

    def _items(self, marks: Collection[_Mark]) -> list[StoryItem]:
        changes = [mark for mark in marks if isinstance(mark, _ChangeMark)]
        stored = RunChange.objects.with_runs_named().in_bulk({mark.change_id for mark in changes})
        runs = Run.objects.only("created_at", "simulated", "undo_of").in_bulk({mark.run_id for mark in changes})
        ids = [pk for mark in marks if isinstance(mark, _EntryMark) for pk in mark.entry_ids]
        entries = AuditEntry.objects.in_bulk(ids)
        rows = [row for change in stored.values() for row in (change.before, change.after)]
        rows += [row for entry in entries.values() for row in (entry.before, entry.after)]
        names = self._hidden_orgs(rows)
        items = []
        for mark in marks:
            if isinstance(mark, _ChangeMark):
                items.append(_of_run(stored[mark.change_id], runs[mark.run_id], names))
            else:
                items.append(_of_act([entries[pk] for pk in mark.entry_ids], names))
        return items

    def _hidden_orgs(self, rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
        """Return the names of orgs in these rows that the viewer may not see."""
        if self._viewer.may_everywhere(Permission.ALL_ORG_READ):
            return frozenset()
        names = {row["org"] for row in rows if isinstance(row.get("org"), str)}
        visible = set(Org.objects.visible_to(self._viewer).filter(name__in=names).values_list("name", flat=True))
        return frozenset(names - visible - {self._user.org.name})


def _of_run(change: RunChange, run: Run, hidden: frozenset[str]) -> StoryItem:
    sentence, icon, tone = story_words.of_actions(change.actions, done=change.outcome == Outcome.APPLIED)
    return StoryItem(
        at=run.created_at,
        sentence=sentence,
        icon=icon,
        tone=tone,
        run=run,
        outcome="" if change.outcome == Outcome.APPLIED else change.outcome,
        before=_without(change.before, hidden),
        after=_without(change.after, hidden),
        why=tuple(_replaced(step, hidden) for step in change.steps),
    )


def _of_act(entries: Collection[AuditEntry], hidden: frozenset[str]) -> StoryItem:
    first = next(iter(entries))
    sentence, icon, tone = story_words.of_entries([(each.action, each.object_label) for each in entries])
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for entry in entries:
        if entry.object_type == "user":
            before |= entry.before
            after |= entry.after
    return StoryItem(
        at=first.at,
        sentence=sentence,
        icon=icon,
        tone=tone,
        who=first.actor_label,
        bulk_act=first.bulk_act_id,
        before=_without(before, hidden),
        after=_without(after, hidden),
    )


def _without(row: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    return {key: _HIDDEN_ORG if key == "org" and value in hidden else value for key, value in row.items()}


def _replaced(step: str, hidden: frozenset[str]) -> str:
    for name in hidden:
        step = step.replace(name, _HIDDEN_ORG)
    return step
