"""Presents what a change of an org's settings would mean: for archives, for syncs, for default roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect
from directory.models import LdapServer, StoredEntry
from directory.org_scope import own_lists, server_lists, servers_by_org
from directory.org_server_changes import ServersByOrg, left_behind
from orgs.actions import archives
from orgs.models import Archive, ArchiveState, DirectoryService, Org, User
from orgs.rules.inheritance import AS_STORED, Effective, TriedSettings, effective_settings

# How many names a sentence lists.
NAMED = 8


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do: rows with counts, what is counted, warnings that stand above, and further facts.

    ``before`` and ``after`` are the two values of a setting.
    """

    effects: list[Effect]
    counted: str = ""
    warnings: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    before: str = ""
    after: str = ""

    @property
    def cuts_off(self) -> bool:
        """Whether something is lost, or somebody loses something."""
        return any(effect.tone == "out" and effect.count for effect in self.effects)


def of_retention(org: Org, days: int | None, *, at: datetime) -> Preview:
    """Return what another retention would mean; no days mean that the org inherits."""
    before = effective_settings()
    after = effective_settings(TriedSettings(retention_days={org.pk: days}))
    changes = archives.retention_changes(before, after)
    effects = [effect for change in changes for effect in _dates(change, at)]
    orgs = {pk for change in changes for pk in change.org_ids}
    kept = Archive.objects.filter(state=ArchiveState.COLD_STORAGE, device__user__org__in=orgs)
    for change in changes:
        kept = kept.exclude(pk__in=change.archives().values("pk"))
    if own_dates := kept.count():
        effects.append(Effect(_("Stay"), own_dates, _("They have a date of their own, and keep it."), "pin"))
    facts = [_("Archives that go into cold storage from now on stay for the new time.")]
    return Preview(
        effects,
        _("Archives"),
        facts=[*facts, *_also_for(org, orgs, after)],
        before=days_in_words(before[org.pk].archive_retention_days),
        after=days_in_words(after[org.pk].archive_retention_days),
    )


def days_in_words(number: int) -> str:
    """Return a number of days in words."""
    return ngettext("%(count)d day", "%(count)d days", number) % {"count": number}


def service_label(value: str) -> str:
    """Return the name of a directory service, with a capital."""
    label = str(DirectoryService(value).label)
    return label[:1].upper() + label[1:]


def _dates(change: archives.RetentionChange, at: datetime) -> list[Effect]:
    found = change.archives()
    total, earliest = _count(found), found.aggregate(first=Min("cold_since"))["first"]
    if not total or earliest is None:
        return []
    difference = abs(change.days - change.days_before)
    by_days = days_in_words(difference)
    if change.days > change.days_before:
        text = _("%(days)s later; %(size)s. The first on %(date)s.")
        values = {"days": by_days, "size": _size(found), "date": _day(earliest + timedelta(days=change.days))}
        return [Effect(_("Expire later"), total, text % values, "snowflake", "back")]
    effects = []
    due = found.filter(cold_since__lte=at - timedelta(days=change.days))
    waiting = found.filter(cold_since__gt=at - timedelta(days=change.days))
    if at_once := _count(due):
        text = _("They have been in cold storage for longer than that: %(size)s can't be restored any more.")
        effects.append(Effect(_("Expire at once"), at_once, text % {"size": _size(due)}, "circle-x", "out"))
    if earlier := _count(waiting):
        first = waiting.aggregate(first=Min("cold_since"))["first"] + timedelta(days=change.days)
        text = _("%(days)s earlier; %(size)s. The first on %(date)s.")
        values = {"days": by_days, "size": _size(waiting), "date": _day(first)}
        effects.append(Effect(_("Expire earlier"), earlier, text % values, "snowflake", "out"))
    return effects


def _count(found: QuerySet[Archive]) -> int:
    return int(found.aggregate(count=Count("pk"))["count"])


def _size(found: QuerySet[Archive]) -> str:
    return filesizeformat(found.aggregate(size=Sum("size_bytes"))["size"] or 0)


def _day(moment: datetime) -> str:
    return timezone.localtime(moment).date().isoformat()


def _also_for(org: Org, orgs: set[int], after: Mapping[int, Effective]) -> list[str]:
    names = sorted(after[pk].name for pk in orgs if pk != org.pk)
    if not names:
        return []
    text = ngettext(
        "Also for %(count)d org that inherits this: %(names)s.",
        "Also for %(count)d orgs that inherit this: %(names)s.",
        len(names),
    )
    return [text % {"count": len(names), "names": listed(names)}]


def listed(names: Sequence[str]) -> str:
    """Return names in one line, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return (
        _("%(names)s and %(count)d more") % {"names": shown, "count": len(names) - NAMED}
        if len(names) > NAMED
        else shown
    )


def of_directory_service(org: Org, service: str) -> Preview:
    """Return what another directory service would mean; an empty one means that the org inherits."""
    tried = TriedSettings(services={org.pk: service})
    settings, changed = effective_settings(), effective_settings(tried)
    preview = _to_simulate(of_scope(org, servers_by_org(settings), servers_by_org(changed), tried))
    before, after = (service_label(each[org.pk].directory_service) for each in (settings, changed))
    return replace(preview, before=before, after=after)


def of_servers(org: Org, servers: Sequence[int]) -> Preview:
    """Return what another list of LDAP servers (ids in order) would mean; an empty one means that the org inherits."""
    own = own_lists()
    tried = {pk: each for pk, each in own.items() if pk != org.pk} | ({org.pk: tuple(servers)} if servers else {})
    before, after = servers_by_org(), servers_by_org(own=tried)
    preview = _to_simulate(of_scope(org, before, after, AS_STORED))
    names = dict(LdapServer.objects.values_list("pk", "name"))
    lists = [
        ", ".join(names[pk] for pk in each[org.pk]) or _("none") for each in (server_lists(), server_lists(own=tried))
    ]
    preview = replace(preview, before=lists[0], after=lists[1])
    if not before.get(org.pk) and not after.get(org.pk):
        now = server_lists(own=tried).get(org.pk, ())
        preview.facts.append(
            _("No sync asks these servers while users of this org are managed here.") if now else _("Nothing is asked.")
        )
    return preview


def of_scope(org: Org, before: ServersByOrg, after: ServersByOrg, tried: TriedSettings) -> Preview:
    """Return how many active users come into or leave the scope of syncs, or are looked for on other servers."""
    names = dict(LdapServer.objects.values_list("pk", "name"))
    changed = {pk for pk in before.keys() & after.keys() if before[pk] != after[pk]}
    users = User.objects.filter(org__in=changed, active=True, managed_locally=False)
    counts = dict(users.order_by().values_list("org").annotate(Count("pk")))

    def total(orgs: list[int]) -> int:
        return sum(counts.get(pk, 0) for pk in orgs)

    def servers(orgs: list[int], lists: ServersByOrg) -> str:
        return "; ".join(sorted({", ".join(names[each] for each in lists[pk]) for pk in orgs}))

    joining = [pk for pk in changed if not before[pk]]
    leaving = [pk for pk in changed if not after[pk]]
    others = [pk for pk in changed if before[pk] and after[pk]]
    effects = []
    if joining:
        text = _("The next sync looks for them in %(servers)s. Their scripts decide from then on.")
        effects.append(
            Effect(
                _("Come into the scope"), total(joining), text % {"servers": servers(joining, after)}, "network", "wait"
            )
        )
    if leaving:
        text = _("No sync looks for them any more: whoever leaves the company stays active until somebody acts.")
        effects.append(Effect(_("Leave the scope"), total(leaving), text, "circle-off", "out"))
    if others:
        text = _("The next sync looks for them in %(after)s, and not in %(before)s.")
        values = {"after": servers(others, after), "before": servers(others, before)}
        effects.append(Effect(_("Are looked for elsewhere"), total(others), text % values, "arrow-right-left", "wait"))
    facts = _also_for(org, changed, effective_settings(tried))
    return Preview(effects, _("Active users"), warnings=left_behind(before, after), facts=facts)


def _to_simulate(preview: Preview) -> Preview:
    if preview.effects:
        preview.facts.append(_("The next real sync is held back unless it was simulated after this change."))
    return preview


def of_default_roles(org: Org, roles: frozenset[str] | None) -> Preview:
    """Return who is concerned by other default roles; None means that the org inherits."""
    before = effective_settings()
    after = effective_settings(TriedSettings(default_roles={org.pk: roles}))
    changed = {pk for pk in before.keys() & after.keys() if before[pk].default_roles != after[pk].default_roles}
    if not changed:
        return Preview([], _("Users"))
    by_script = StoredEntry.objects.filter(user__org__in=changed, user__active=True, verdict__roles=[])
    names = ", ".join(sorted(after[org.pk].default_roles)) or _("no role")
    gained = sorted(after[org.pk].default_roles - before[org.pk].default_roles)
    lost = sorted(before[org.pk].default_roles - after[org.pk].default_roles)
    effects = [
        Effect(
            _("Change with the next sync"),
            by_script.values("user").distinct().count(),
            _("Their role name script returned “the default roles” last time. They get: %(roles)s.") % {"roles": names},
            "key-round",
            "wait",
        ),
        Effect(
            _("Stay as they are"),
            User.objects.filter(org__in=changed).exclude(pk__in=by_script.values("user")).count(),
            _("Roles that somebody has stay. New users get: %(roles)s.") % {"roles": names},
            "minus",
        ),
    ]
    facts = [_("New: %(roles)s.") % {"roles": ", ".join(gained)}] if gained else []
    facts += [_("No default role any more: %(roles)s.") % {"roles": ", ".join(lost)}] if lost else []
    return Preview(
        effects,
        _("Users"),
        facts=[*facts, *_also_for(org, changed, after)],
        before=", ".join(sorted(before[org.pk].default_roles)) or _("none"),
        after=", ".join(sorted(after[org.pk].default_roles)) or _("none"),
    )
