"""Presents the tree of orgs: counts, effective settings, and which of them an org inherits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from console.presenters.orgs.setting_effects import service_label
from directory.models import LdapServer
from directory.org_scope import own_lists, server_lists
from orgs.models import DirectoryService, Org, User
from orgs.permissions import Permission
from orgs.rules.inheritance import Effective, effective_settings
from orgs.text import fold

# Deeper orgs are indented no further.
DEEPEST_INDENT = 8


@dataclass(frozen=True, slots=True)
class OrgRow:
    """One org in the tree; ``found`` is false for an org that is shown only because a found one lies below it."""

    org: Org
    level: int
    service: str
    service_inherited: bool
    days: int
    days_inherited: bool
    found: bool
    has_orgs_below: bool
    chosen: bool
    may_move: bool
    # Whether the viewer may move another org below it.
    may_take: bool

    @property
    def indent(self) -> int:
        """How far the name is indented."""
        return min(self.level, DEEPEST_INDENT)


@dataclass(frozen=True, slots=True)
class OrgTree:
    """The orgs that a viewer may see, in the order of the tree, and the sums of those that were found."""

    rows: list[OrgRow]
    orgs: int
    users: int
    active_users: int
    everything: bool
    searched: str
    inactive_too: bool

    @property
    def filtered(self) -> bool:
        """Whether a search left orgs out."""
        return bool(self.searched)

    @property
    def may_move_some(self) -> bool:
        """Whether there is an org that the viewer may move, and one to move it to."""
        return any(row.may_move for row in self.rows) and any(row.may_take for row in self.rows)


def org_tree(viewer: User, *, searched: str = "", inactive_too: bool = False, chosen: Org | None = None) -> OrgTree:
    """Return the tree for this viewer; a search is for a part of a name or of a registration key.

    Orgs that are out of use are left out unless they are wanted, chosen, or have an active org below them.
    """
    visible = list(Org.objects.visible_to(viewer).with_user_counts())
    words = " ".join(searched.split())
    found = {org.pk for org in visible if (org.active or inactive_too) and _matches(org, words)}
    shown = _with_those_above(visible, {*found, *([chosen.pk] if chosen else ())})
    effective, own = effective_settings(), own_lists()
    lists, names = server_lists(effective, own), dict(LdapServer.objects.values_list("pk", "name"))
    top = min((org.depth for org in visible), default=1)
    rows = []
    for position, org in enumerate(shown):
        settings, may_change = effective[org.pk], viewer.may_in(Permission.ORG_UPDATE_BASIC, org)
        below = position + 1 < len(shown) and shown[position + 1].path.startswith(org.path)
        rows.append(
            OrgRow(
                org=org,
                level=org.depth - top,
                service=service_in_words(settings, [names[pk] for pk in lists[org.pk] if pk in names]),
                service_inherited=not org.directory_service and org.pk not in own,
                days=settings.archive_retention_days,
                days_inherited=not org.archive_retention_days,
                found=org.pk in found,
                has_orgs_below=below,
                chosen=chosen is not None and org.pk == chosen.pk,
                may_move=org.depth > 1 and may_change,
                may_take=org.active and may_change,
            )
        )
    counted = [org for org in shown if org.pk in found]
    return OrgTree(
        rows=rows,
        orgs=len(counted),
        users=sum(_count(org, "user_count") for org in counted),
        active_users=sum(_count(org, "active_user_count") for org in counted),
        everything=viewer.may_everywhere(Permission.ALL_ORG_READ),
        searched=words,
        inactive_too=inactive_too,
    )


def service_in_words(settings: Effective, servers: Collection[str]) -> str:
    """Return the directory service of an org, with the servers that a sync asks."""
    label = service_label(settings.directory_service)
    if settings.directory_service != DirectoryService.LDAP:
        return label
    return f"{label}: {', '.join(servers)}" if servers else _("LDAP, no server")


def _matches(org: Org, words: str) -> bool:
    return not words or fold(words) in org.name_key or words.upper() in org.registration_key


def _with_those_above(visible: list[Org], chosen: Collection[int]) -> list[Org]:
    """Return these orgs and the visible ones above them, in the order of the tree."""
    wanted = {org.path for org in visible if org.pk in chosen}
    wanted |= {path[:end] for path in wanted for end in range(Org.steplen, len(path), Org.steplen)}
    return [org for org in visible if org.path in wanted]


def _count(org: Org, name: str) -> int:
    annotated: Mapping[str, int] = vars(org)
    return annotated[name]
