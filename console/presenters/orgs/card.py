"""Presents one org: its facts, its settings with the org that each comes from, and what the viewer may do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.presenters.orgs.key_effects import holder_in_words
from console.presenters.orgs.names_in_scripts import NamedInScript, lines_that_name
from console.presenters.orgs.setting_effects import days_in_words, service_label
from console.presenters.orgs.snapshot_effects import kept_in_words
from directory import found_elsewhere
from directory.found_elsewhere import FoundOnServer
from directory.models import LdapServer
from directory.org_scope import own_lists, server_lists
from orgs.models import Archive, ArchiveState, Device, DirectoryService, Org, User
from orgs.permissions import Permission
from orgs.rules.inheritance import Effective, effective_settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of an org, in lines; ``source`` is the org that it is inherited from, None for the org's own.

    ``inherited`` is what the org would inherit, if it has its own. ``address`` is the page that changes it, empty if the
    viewer may not. ``standard`` says that neither the org nor one above it has set anything.
    """

    label: str | Promise
    lines: list[str]
    own: bool
    source: Effective | None = None
    source_visible: bool = False
    standard: bool = False
    inherited: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """The archives of an org's users by state."""

    live: int
    cold: int


@dataclass(frozen=True, slots=True)
class OrgCard:
    """All values on the page of one org."""

    ancestors: list[Org]
    settings: list[Setting]
    archives: StoredBytes | None
    named_in: list[NamedInScript]
    elsewhere: list[FoundOnServer]
    may: dict[str, bool] = field(default_factory=dict)

    @property
    def own_settings(self) -> int:
        """How many settings are the org's own."""
        return sum(setting.own for setting in self.settings)

    @property
    def parent(self) -> Org | None:
        """The org above, if the viewer may see it."""
        return self.ancestors[-1] if self.ancestors else None


def org_card(org: Org, viewer: User) -> OrgCard:
    """Return the values on the org's page; never name ancestors that the viewer may not see."""
    effective, own = effective_settings(), own_lists()
    lineage = effective[org.pk].lineage
    ancestors = list(Org.objects.visible_to(viewer).filter(pk__in=lineage[1:]))
    stored = {found.pk: found for found in Org.objects.filter(pk__in=lineage)}
    system = viewer.may(Permission.SYSTEM)
    may = {
        "update": viewer.may_in(Permission.ORG_UPDATE_BASIC, org),
        "create": org.active and viewer.may_in(Permission.ORG_CREATE, org),
        "deactivate": org.depth > 1 and viewer.may_in(Permission.ORG_DELETE, org),
        "system": system,
    }
    return OrgCard(
        ancestors=ancestors,
        settings=_settings(org, effective, own, stored, {each.pk for each in ancestors}, may),
        archives=_stored_bytes(org, viewer),
        named_in=lines_that_name(org.name) if system else [],
        elsewhere=found_elsewhere.groups(org) if viewer.may(Permission.ADMIN) else [],
        may={**may, "move": org.depth > 1 and may["update"]},
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    """Finds the org that each setting of an org comes from; ``visible`` are the ids that the viewer may see."""

    org: Org
    effective: Mapping[int, Effective]
    visible: set[int]

    def setting(
        self, label: Promise, lines: list[str], having: Iterable[int], page: str, inherited: str, *, allowed: bool
    ) -> Setting:
        """Return one setting; ``having`` are the orgs that set it themselves, ``page`` is the one that changes it."""
        holders = set(having)
        source = next((pk for pk in self.effective[self.org.pk].lineage if pk in holders), None)
        is_own = source == self.org.pk
        return Setting(
            label=label,
            lines=lines,
            own=is_own,
            source=self.effective[source] if source is not None and not is_own else None,
            source_visible=source in self.visible,
            standard=source is None,
            inherited=inherited if is_own else "",
            address=reverse(f"orgs:{page}", args=[self.org.pk]) if allowed else "",
        )


def _settings(
    org: Org,
    effective: Mapping[int, Effective],
    own: Mapping[int, tuple[int, ...]],
    stored: Mapping[int, Org],
    visible: set[int],
    may: Mapping[str, bool],
) -> list[Setting]:
    """Return the settings that an org inherits until it overrides them."""
    settings, sources = effective[org.pk], _Sources(org, effective, visible)
    above = effective[settings.lineage[1]] if len(settings.lineage) > 1 else None
    servers = _server_names(effective, own)
    numbered = [f"{number}. {name}" for number, name in enumerate(servers(org.pk), 1)]
    servers_allowed = may["system"] and may["update"]
    return [
        sources.setting(
            gettext_lazy("Directory service"),
            [service_label(settings.directory_service)],
            [pk for pk, found in stored.items() if found.directory_service],
            "directory-service",
            service_label(above.directory_service if above else DirectoryService.LOCAL),
            allowed=servers_allowed,
        ),
        sources.setting(
            gettext_lazy("LDAP servers"),
            numbered or [_("none")],
            own,
            "servers",
            ", ".join(servers(above.id) if above else []) or _("none"),
            allowed=servers_allowed,
        ),
        sources.setting(
            gettext_lazy("Default roles"),
            [", ".join(sorted(settings.default_roles)) or _("none")],
            [pk for pk, found in stored.items() if found.own_default_roles],
            "default-roles",
            ", ".join(sorted(above.default_roles)) if above else "",
            allowed=may["update"],
        ),
        sources.setting(
            gettext_lazy("Archive retention"),
            [days_in_words(settings.archive_retention_days)],
            [pk for pk, found in stored.items() if found.archive_retention_days],
            "retention",
            days_in_words(above.archive_retention_days) if above else "",
            allowed=may["update"],
        ),
        sources.setting(
            gettext_lazy("Snapshots"),
            [kept_in_words(settings.snapshot_retention)],
            [pk for pk, found in stored.items() if found.snapshot_retention is not None],
            "snapshots",
            kept_in_words(above.snapshot_retention) if above else "",
            allowed=may["update"],
        ),
        sources.setting(
            gettext_lazy("Key of archives"),
            [holder_in_words(settings.key_holder)],
            [pk for pk, found in stored.items() if found.key_holder],
            "key-holder",
            holder_in_words(above.key_holder) if above else "",
            allowed=may["update"],
        ),
    ]


def _server_names(effective: Mapping[int, Effective], own: Mapping[int, tuple[int, ...]]) -> Callable[[int], list[str]]:
    """Return a function of an org's id that gives the names of the LDAP servers it asks, in order."""
    lists, names = server_lists(dict(effective), own), dict(LdapServer.objects.values_list("pk", "name"))
    return lambda pk: [names[each] for each in lists[pk] if each in names]


def _stored_bytes(org: Org, viewer: User) -> StoredBytes | None:
    """Return the bytes of the archives of the org's own users; None if the viewer may not see devices."""
    if not viewer.may(Permission.COMPUTER_READ):
        return None
    devices = Device.objects.visible_to(viewer).filter(user__org=org)
    totals = Archive.objects.filter(device__in=devices).order_by().values_list("state").annotate(Sum("size_bytes"))
    by_state = dict(totals)
    return StoredBytes(by_state.get(ArchiveState.LIVE, 0), by_state.get(ArchiveState.COLD_STORAGE, 0))
