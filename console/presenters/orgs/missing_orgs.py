"""Presents orgs that a run did not find, the users whom each would take, and the place in the tree that fits."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from directory.models import Run, RunChange
from orgs.models import Org, User
from orgs.permissions import Permission
from orgs.text import fold

# How many users are listed by name.
LISTED = 50


@dataclass(frozen=True, slots=True)
class MissingOrg:
    """An org that a run did not find; ``org`` is the one that has this name by now."""

    name: str
    count: int
    org: Org | None


@dataclass(frozen=True, slots=True)
class UsersToTake:
    """The users whom a run would have put into an org that did not exist: how many, and the first of them."""

    run: Run
    count: int
    changes: list[RunChange]

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.changes)


def missing_orgs(run: Run, viewer: User) -> list[MissingOrg]:
    """Return the orgs that the scripts of a run named and that did not exist."""
    names: list[tuple[str, int]] = sorted(run.unknown_orgs.items())
    named = Org.objects.visible_to(viewer).active().filter(name_key__in={fold(name) for name, _ in names})
    orgs = {org.name_key: org for org in named}
    return [MissingOrg(name, count, orgs.get(fold(name))) for name, count in names]


def users_to_take(run: Run, name: str, viewer: User) -> UsersToTake:
    """Return the users whom an org of this name would take, by what the run found; those whom the viewer may see."""
    found = _changes(run, name).filter(user__in=User.objects.visible_to(viewer))
    listed = found.select_related("user__org").order_by("username")[:LISTED]
    return UsersToTake(run, found.count(), list(listed))


def fitting_parent(run: Run, name: str, viewer: User) -> Org | None:
    """Return the lowest org that all these users are in or below, if the viewer may create an org there."""
    paths = list(_changes(run, name).order_by().values_list("user__org__path", flat=True).distinct())
    common = _common_path([path for path in paths if path])
    lineage = [common[:end] for end in range(Org.steplen, len(common) + 1, Org.steplen)]
    allowed = Org.objects.in_reach_of(viewer, Permission.ORG_CREATE).active().filter(path__in=lineage)
    found: Org | None = allowed.order_by("-path").first()
    return found


def _changes(run: Run, name: str) -> QuerySet[RunChange]:
    return run.changes.filter(unknown_org=name)


def _common_path(paths: list[str]) -> str:
    """Return the path of the lowest org above all these, or one of them."""
    if not paths:
        return ""
    first, last = min(paths), max(paths)
    return next(first[:end] for end in range(len(first), -1, -Org.steplen) if last.startswith(first[:end]))
