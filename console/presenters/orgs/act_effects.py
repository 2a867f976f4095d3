"""Presents what an act on an org would mean: another name, another place, out of use, a new registration key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect
from console.presenters.orgs.names_in_scripts import NamedInScript, lines_that_name
from console.presenters.orgs.setting_effects import Preview, listed, of_scope
from directory.models import LdapServer, Run, RunState, StoredEntry
from directory.org_scope import own_lists, server_lists, servers_by_org
from orgs.actions import org_tree
from orgs.models import Device, DirectoryService, Org, User
from orgs.models.users import UserQuerySet
from orgs.rules.inheritance import TriedSettings, effective_settings
from orgs.text import fold

# The most recent runs that are looked through for an org.
RECENT_RUNS = 30
# How many of them are named.
SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class NamedInRun:
    """A run in which an org was counted, with the number of its users."""

    run: Run
    users: int


@dataclass(frozen=True, slots=True)
class Uses:
    """Where the name of an org is used: lines of scripts, what scripts returned last time, and recent runs."""

    lines: list[NamedInScript]
    users: int
    runs: list[NamedInRun]


def uses_of_name(org: Org) -> Uses:
    """Return where the name of an org is used."""
    returned = StoredEntry.objects.filter(verdict__org_name__iexact=org.name, user__isnull=False)
    return Uses(lines_that_name(org.name), returned.values("user").distinct().count(), _recent_runs(org))


def _recent_runs(org: Org) -> list[NamedInRun]:
    finished = Run.objects.filter(state__in=[RunState.PLANNED, RunState.APPLIED, RunState.HELD_BACK], undo_of=None)
    found = []
    for run in finished.newest_first()[:RECENT_RUNS]:
        row = next((row for row in run.org_counts if row.get("id") == org.pk), None)
        if row is not None:
            found.append(NamedInRun(run, row.get("users", 0)))
    return found[:SHOWN_RUNS]


def of_rename(org: Org, name: str, uses: Uses) -> Preview:
    """Return what another name would mean: scripts that return the old one name an org that does not exist."""
    effects, warnings = [], []
    if fold(name) != org.name_key and uses.users:
        text = _(
            "Their org name script returned “%(old)s” last time. They stay where they are, with a warning in each run."
        )
        effects.append(Effect(_("Have no such org"), uses.users, text % {"old": org.name}, "triangle-alert", "wait"))
    if fold(name) != org.name_key and uses.lines:
        lines = [
            _("%(server)s, line %(line)d") % {"server": named.server.name, "line": named.line} for named in uses.lines
        ]
        text = _("Change the org name script as well: %(lines)s.")
        warnings.append(text % {"lines": "; ".join(lines)})
    facts = [_("A plan that was made before, and moves users into this org, does not move them any more.")]
    return Preview(effects, _("Users"), warnings=warnings, facts=facts)


def of_deactivation(org: Org) -> Preview:
    """Return what taking an org out of use would mean, and in the warnings what stands in the way."""
    users = User.objects.filter(org=org)
    warnings = []
    if active := users.filter(active=True).count():
        text = ngettext(
            "%(count)d active user is in this org: move or deactivate them first.",
            "%(count)d active users are in this org: move or deactivate them first.",
            active,
        )
        warnings.append(text % {"count": active})
    below = Org.objects.active().filter(path__startswith=org.path).exclude(pk=org.pk)
    if names := list(below.values_list("name", flat=True)):
        text = ngettext(
            "%(count)d active org lies below it: %(names)s. Move or deactivate it first.",
            "%(count)d active orgs lie below it: %(names)s. Move or deactivate them first.",
            len(names),
        )
        warnings.append(text % {"count": len(names), "names": listed(names)})
    effects = [
        Effect(
            _("Stay deactivated"),
            users.filter(active=False).count(),
            _("No sync looks for them, and nobody can reactivate them while the org is deactivated."),
            "circle-off",
        )
    ]
    facts = [
        _("Nobody can be put into the org, and its registration key is refused."),
        _("The name is free for another org. It can be reactivated while no other active org has it."),
    ]
    return Preview(effects, _("Users"), warnings=warnings, facts=facts)


def of_reactivation(org: Org) -> Preview:
    """Return what bringing an org back into use would mean."""
    servers = _servers_when_active(org)
    count = User.objects.filter(org=org).count()
    text = (
        _(
            "Syncs look for them again, in %(servers)s, and reactivate those whom a sync has deactivated and the directory has."
        )
        % {"servers": ", ".join(servers)}
        if servers
        else _("They stay as they are. They can be reactivated by hand again.")
    )
    facts = [_("Users can be put into the org again, and its registration key works.")]
    return Preview([Effect(_("Come back into reach"), count, text, "rotate-ccw", "back")], _("Users"), facts=facts)


def _servers_when_active(org: Org) -> list[str]:
    """Return the names of the servers that syncs would ask for the users of an org if it were active."""
    settings = effective_settings()[org.pk]
    if settings.directory_service != DirectoryService.LDAP:
        return []
    names = dict(LdapServer.objects.values_list("pk", "name"))
    return [names[pk] for pk in server_lists(own=own_lists())[org.pk]]


def of_new_key(org: Org) -> Preview:
    """Return what a new registration key would mean."""
    devices = Device.objects.filter(user__org=org, active=True).count()
    effects = [
        Effect(
            _("Keep backing up"),
            devices,
            _("Devices that are registered do not need the key again."),
            "circle-check",
        )
    ]
    facts = [
        _(
            "The present key stops working at once: install commands, deployment files and instructions that hold it fail."
        ),
        _("Users who sign in with the backup app for the first time need the new one."),
    ]
    return Preview(effects, _("Devices"), facts=facts)


def of_move(org: Org, parent: Org, viewer: User) -> Preview:
    """Return what another place in the tree would mean: who follows, whose reach changes, what is inherited."""
    tried = TriedSettings(parents={org.pk: parent.pk})
    orgs = Org.objects.filter(path__startswith=org.path)
    users: UserQuerySet = User.objects.filter(org__path__startswith=org.path)
    effects = [
        Effect(_("Follow"), users.count(), _follow(orgs.count(), users), "users"),
        _reach(_("Reach it from then on"), "back", org_tree.gaining_reach(org, parent), viewer),
        _reach(_("Reach it no more"), "out", org_tree.losing_reach(org, parent), viewer),
    ]
    before, after = effective_settings(), effective_settings(tried)
    scope = of_scope(org, servers_by_org(), servers_by_org(after), tried)
    moved = [pk for pk in after if before[pk].lineage != after[pk].lineage]
    facts = []
    if others := sorted(after[pk].name for pk in moved if before[pk].default_roles != after[pk].default_roles):
        roles = ", ".join(sorted(after[org.pk].default_roles)) or _("none")
        facts.append(_("Other default roles in %(orgs)s: %(roles)s.") % {"orgs": listed(others), "roles": roles})
    days = [pk for pk in moved if before[pk].archive_retention_days != after[pk].archive_retention_days]
    if others := sorted(after[pk].name for pk in days):
        kept = after[days[0]].archive_retention_days
        text = ngettext(
            "Archives of %(orgs)s that go into cold storage later stay for %(days)d day; those that are there keep their dates.",
            "Archives of %(orgs)s that go into cold storage later stay for %(days)d days; those that are there keep their dates.",
            kept,
        )
        facts.append(text % {"orgs": listed(others), "days": kept})
    if not scope.effects and not facts:
        facts.append(_("What it inherits stays the same."))
    return Preview([*effects, *scope.effects], _("Users"), warnings=scope.warnings, facts=facts)


def _follow(orgs: int, users: UserQuerySet) -> str:
    devices = Device.objects.filter(user__in=users).count()
    admins = users.holding_more_than_personal().count()
    return _("%(orgs)s, %(devices)s and %(admins)s among them.") % {
        "orgs": ngettext("%(count)d org", "%(count)d orgs", orgs) % {"count": orgs},
        "devices": ngettext("%(count)d device", "%(count)d devices", devices) % {"count": devices},
        "admins": ngettext("%(count)d administrator", "%(count)d administrators", admins) % {"count": admins},
    }


def _reach(what: str, tone: str, holders: Collection[int], viewer: User) -> Effect:
    visible = User.objects.visible_to(viewer).filter(pk__in=list(holders)).order_by("username_key")
    names = list(visible.values_list("username", flat=True))
    parts = [listed(names)] if names else []
    if hidden := len(holders) - len(names):
        text = ngettext("%(count)d whom you do not see", "%(count)d whom you do not see", hidden)
        parts.append(text % {"count": hidden})
    text = _("Administrators: %(names)s.") % {"names": ", ".join(parts)} if parts else _("Nobody.")
    return Effect(what, len(holders), text, "key-round", tone if holders else "plain")
