"""The effective settings of each org: its own, or the nearest ones above it in the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orgs.models.orgs import DirectoryService, Org
from orgs.models.roles import Role
from orgs.permissions import DEFAULT_ROLES

# Days in cold storage (the original's figure).
DEFAULT_RETENTION_DAYS = 365


@dataclass(frozen=True, slots=True)
class Effective:
    """The effective settings of one org; ``lineage`` is the org's id and those of its ancestors, nearest first."""

    id: int
    name: str
    path: str
    active: bool
    directory_service: str
    default_roles: frozenset[str]
    archive_retention_days: int
    lineage: tuple[int, ...]


def effective_settings(services: Mapping[int, str] | None = None) -> dict[int, Effective]:
    """Return the effective settings of every org, by id, with two queries.

    ``services`` replaces the stored directory service of some orgs (by id), to try out a change.
    """
    services = services or {}
    own_roles: dict[int, set[str]] = {}
    links = Org.default_roles.through.objects.values_list("org_id", "role__name")
    for org_id, name in links:
        own_roles.setdefault(org_id, set()).add(name)
    by_id: dict[int, Effective] = {}
    by_path: dict[str, Effective] = {}
    for org in Org.objects.all():
        parent = by_path.get(org.path[: -org.steplen]) if org.depth > 1 else None
        by_id[org.pk] = by_path[org.path] = Effective(
            id=org.pk,
            name=org.name,
            path=org.path,
            active=org.active,
            directory_service=services.get(org.pk, org.directory_service)
            or (parent.directory_service if parent else DirectoryService.LOCAL.value),
            default_roles=frozenset(own_roles.get(org.pk, ()))
            if org.own_default_roles
            else (parent.default_roles if parent else _first_default_roles()),
            archive_retention_days=org.archive_retention_days
            or (parent.archive_retention_days if parent else DEFAULT_RETENTION_DAYS),
            lineage=(org.pk, *(parent.lineage if parent else ())),
        )
    return by_id


def directory_service_of(org: Org) -> str:
    """Return the effective directory service of one org, its own or the nearest one above it, with one query."""
    ends = range(org.steplen, len(org.path) + 1, org.steplen)
    lineage = Org.objects.filter(path__in=[org.path[:end] for end in ends]).exclude(directory_service="")
    nearest = lineage.order_by("-depth").values_list("directory_service", flat=True).first()
    return nearest or DirectoryService.LOCAL.value


def _first_default_roles() -> frozenset[str]:
    return frozenset(Role.objects.filter(name__in=DEFAULT_ROLES).values_list("name", flat=True))
