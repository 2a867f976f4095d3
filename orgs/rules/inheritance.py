"""The effective settings of each org: its own, or the nearest ones above it in the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orgs.models.orgs import DirectoryService, KeyHolder, Org
from orgs.models.roles import Role
from orgs.permissions import DEFAULT_ROLES
from orgs.read_once import once
from orgs.rules.snapshot_retention import KEEP_ALL, SnapshotRetention, from_counts

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
    snapshot_retention: SnapshotRetention
    key_holder: str
    lineage: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TriedSettings:
    """Settings that are tried out instead of the stored ones, by org id; an org that is missing keeps its own.

    An empty service or key holder, no days, no snapshots and no roles (None) mean that the org inherits. ``parents`` puts orgs below other ones.
    """

    services: Mapping[int, str] = field(default_factory=dict)
    default_roles: Mapping[int, frozenset[str] | None] = field(default_factory=dict)
    retention_days: Mapping[int, int | None] = field(default_factory=dict)
    snapshots: Mapping[int, SnapshotRetention | None] = field(default_factory=dict)
    key_holders: Mapping[int, str] = field(default_factory=dict)
    parents: Mapping[int, int] = field(default_factory=dict)


AS_STORED = TriedSettings()


def effective_settings(tried: TriedSettings = AS_STORED) -> dict[int, Effective]:
    """Return the effective settings of every org, by id, in the order of the tree, with two queries.

    With ``tried`` they are those that a change would lead to; the paths stay the stored ones.
    """
    if tried is AS_STORED:
        return dict(once("settings of orgs", lambda: _read_settings(AS_STORED)))
    return _read_settings(tried)


def _read_settings(tried: TriedSettings) -> dict[int, Effective]:
    own_roles: dict[int, set[str]] = {}
    links = Org.default_roles.through.objects.values_list("org_id", "role__name")
    for org_id, name in links:
        own_roles.setdefault(org_id, set()).add(name)
    orgs = {org.pk: org for org in Org.objects.all()}
    ids = {org.path: org.pk for org in orgs.values()}
    found: dict[int, Effective] = {}
    for pk in orgs:
        _work_out(pk, orgs, ids, own_roles, tried, found)
    return {pk: found[pk] for pk in orgs}


def _work_out(
    pk: int,
    orgs: Mapping[int, Org],
    ids: Mapping[str, int],
    own_roles: Mapping[int, set[str]],
    tried: TriedSettings,
    found: dict[int, Effective],
) -> Effective:
    """Add the settings of an org to ``found``, after those of the org above it, and return them."""
    if pk in found:
        return found[pk]
    org = orgs[pk]
    parent = None
    if org.depth > 1:
        parent_id = tried.parents.get(pk) or ids[org.path[: -org.steplen]]
        parent = _work_out(parent_id, orgs, ids, own_roles, tried, found)
    stored_roles = frozenset(own_roles.get(pk, ())) if org.own_default_roles else None
    roles = tried.default_roles.get(pk, stored_roles)
    if roles is None:
        roles = parent.default_roles if parent else _first_default_roles()
    found[pk] = Effective(
        id=pk,
        name=org.name,
        path=org.path,
        active=org.active,
        directory_service=tried.services.get(pk, org.directory_service)
        or (parent.directory_service if parent else DirectoryService.LOCAL.value),
        default_roles=roles,
        archive_retention_days=tried.retention_days.get(pk, org.archive_retention_days)
        or (parent.archive_retention_days if parent else DEFAULT_RETENTION_DAYS),
        snapshot_retention=tried.snapshots.get(pk, from_counts(org.snapshot_retention))
        or (parent.snapshot_retention if parent else KEEP_ALL),
        key_holder=tried.key_holders.get(pk, org.key_holder)
        or (parent.key_holder if parent else KeyHolder.ROLLCALL.value),
        lineage=(pk, *(parent.lineage if parent else ())),
    )
    return found[pk]


def directory_service_of(org: Org) -> str:
    """Return the effective directory service of one org, its own or the nearest one above it, with one query."""
    ends = range(org.steplen, len(org.path) + 1, org.steplen)
    lineage = Org.objects.filter(path__in=[org.path[:end] for end in ends]).exclude(directory_service="")
    nearest = lineage.order_by("-depth").values_list("directory_service", flat=True).first()
    return nearest or DirectoryService.LOCAL.value


def snapshot_retention_of(user_id: int) -> SnapshotRetention:
    """Return how many snapshots the archives of a user keep now, by their org or the nearest one above it; two queries."""
    path = Org.objects.filter(users=user_id).values_list("path", flat=True).get()
    ends = range(Org.steplen, len(path) + 1, Org.steplen)
    lineage = Org.objects.filter(path__in=[path[:end] for end in ends], snapshot_retention__isnull=False)
    nearest = lineage.order_by("-depth").values_list("snapshot_retention", flat=True).first()
    return from_counts(nearest) or KEEP_ALL


def _first_default_roles() -> frozenset[str]:
    return frozenset(Role.objects.filter(name__in=DEFAULT_ROLES).values_list("name", flat=True))
