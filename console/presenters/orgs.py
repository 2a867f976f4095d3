"""Presents orgs: effective settings, and the org that each comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from directory import found_elsewhere
from directory.found_elsewhere import FoundOnServer
from directory.models import LdapServer
from directory.org_scope import server_lists
from orgs.models import DirectoryService, Org, User
from orgs.permissions import Permission
from orgs.rules.inheritance import Effective, effective_settings


@dataclass(frozen=True, slots=True)
class OrgRow:
    """One org in the tree."""

    org: Org
    level: int
    service: str
    inherited: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting; ``source`` is the org that it is inherited from, empty for the org's own."""

    value: str
    own: bool
    source: Effective | None = None
    source_visible: bool = False


@dataclass(frozen=True, slots=True)
class OrgCard:
    """All values on the page of one org."""

    ancestors: list[Org]
    children: list[OrgRow]
    directory_service: Setting
    default_roles: Setting
    retention: Setting
    servers: list[LdapServer]
    servers_from: Setting
    servers_visible: bool
    elsewhere: list[FoundOnServer]


def _service(value: str) -> str:
    return str(DirectoryService(value).label)


def org_rows(orgs: Iterable[Org]) -> list[OrgRow]:
    """Return the orgs in the order of the tree, with their level below the topmost shown org."""
    effective = effective_settings()
    listed = list(orgs)
    top = min((org.depth for org in listed), default=1)
    return [
        OrgRow(
            org=org,
            level=min(org.depth - top, 8),
            service=_service(effective[org.pk].directory_service),
            inherited=not org.directory_service,
        )
        for org in listed
    ]


def org_card(org: Org, viewer: User) -> OrgCard:
    """Return the values on the org's page; never name ancestors that the viewer may not see."""
    effective = effective_settings()
    lists = server_lists(effective)
    own_settings = effective[org.pk]
    visible = Org.objects.visible_to(viewer)
    ancestors = list(visible.filter(pk__in=own_settings.lineage[1:]))
    visible_ids = {ancestor.pk for ancestor in ancestors}
    stored = {found.pk: found for found in Org.objects.filter(pk__in=own_settings.lineage)}
    listed = set(LdapServer.orgs.through.objects.filter(org__in=own_settings.lineage).values_list("org_id", flat=True))

    def setting(value: str, own: set[int]) -> Setting:
        source = next((pk for pk in own_settings.lineage if pk in own), None)
        if source is None or source == org.pk:
            return Setting(value, own=source is not None)
        return Setting(value, own=False, source=effective[source], source_visible=source in visible_ids)

    servers = LdapServer.objects.in_bulk(lists[org.pk])
    children = visible.filter(path__startswith=org.path, depth=org.depth + 1).with_user_counts()
    return OrgCard(
        ancestors=ancestors,
        children=org_rows(children),
        directory_service=setting(
            _service(own_settings.directory_service), {pk for pk, found in stored.items() if found.directory_service}
        ),
        default_roles=setting(
            ", ".join(sorted(own_settings.default_roles)),
            {pk for pk, found in stored.items() if found.own_default_roles},
        ),
        retention=setting(
            str(own_settings.archive_retention_days),
            {pk for pk, found in stored.items() if found.archive_retention_days},
        ),
        servers=[servers[pk] for pk in lists[org.pk] if pk in servers],
        servers_from=setting("", listed),
        servers_visible=viewer.may(Permission.SYSTEM),
        elsewhere=found_elsewhere.groups(org) if viewer.may(Permission.ADMIN) else [],
    )
