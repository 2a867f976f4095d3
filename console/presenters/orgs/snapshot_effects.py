"""Presents how many snapshots archives keep, in words, and what another number of them would mean."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect, concerning
from console.presenters.orgs.setting_effects import Preview, listed
from orgs.models import Archive, ArchiveState, KeyHolder, Org
from orgs.models.archives import user_on_hold
from orgs.models.backups.archive_maintenance import maintained, may_be_shortened
from orgs.rules.inheritance import TriedSettings, effective_settings
from orgs.rules.snapshot_retention import SnapshotRetention


def kept_in_words(kept: SnapshotRetention) -> str:
    """Return which snapshots are kept, in words."""
    words = {
        "last": ngettext("the last one", "the last %(count)d", kept.last),
        "daily": ngettext("%(count)d daily one", "%(count)d daily ones", kept.daily),
        "weekly": ngettext("%(count)d weekly one", "%(count)d weekly ones", kept.weekly),
        "monthly": ngettext("%(count)d monthly one", "%(count)d monthly ones", kept.monthly),
        "yearly": ngettext("%(count)d yearly one", "%(count)d yearly ones", kept.yearly),
    }
    shown = [words[name] % {"count": count} for name, count in kept.counts().items() if count]
    return ", ".join(shown) or _("all")


def of_snapshots(org: Org, kept: SnapshotRetention | None) -> Preview:
    """Return what another number of snapshots would mean; None means that the org inherits."""
    before = effective_settings()
    after = effective_settings(TriedSettings(snapshots={org.pk: kept}))
    changed = {
        pk for pk in before.keys() & after.keys() if before[pk].snapshot_retention != after[pk].snapshot_retention
    }
    archives = Archive.objects.filter(state=ArchiveState.LIVE, device__user__org__in=changed)
    forgetting = {pk for pk in changed if _forgets_more(before[pk].snapshot_retention, after[pk].snapshot_retention)}
    lose = archives.filter(may_be_shortened(), device__user__org__in=forgetting)
    effects = [
        Effect(
            _("Lose old snapshots"),
            lose.count(),
            _("From the next night on: what only these snapshots had can't be restored any more."),
            "scissors",
            "out",
        ),
        Effect(
            _("Keep more snapshots"),
            archives.filter(maintained()).exclude(device__user__org__in=forgetting).count(),
            _("From now on. Snapshots that are gone do not come back."),
            "archive-restore",
            "back",
        ),
        Effect(
            _("Stay whole: legal hold"),
            archives.filter(maintained(), user_on_hold(), device__user__org__in=forgetting).count(),
            _("Nothing of them is forgotten while the hold lasts, whatever this setting says."),
            "scale",
        ),
        Effect(
            _("Stay whole: key held by the user"),
            archives.filter(repository__key_holder=KeyHolder.USER).count(),
            _("Rollcall has no password of them, so it can't forget snapshots."),
            "key-round",
        ),
    ]
    facts = [_("Archives of blocked users and devices, and those in cold storage, stay as they are.")]
    if names := sorted(after[pk].name for pk in changed if pk != org.pk):
        text = ngettext(
            "Also for %(count)d org that inherits this: %(names)s.",
            "Also for %(count)d orgs that inherit this: %(names)s.",
            len(names),
        )
        facts.append(text % {"count": len(names), "names": listed(names)})
    return Preview(
        concerning(effects),
        _("Archives"),
        facts=facts,
        before=kept_in_words(before[org.pk].snapshot_retention),
        after=kept_in_words(after[org.pk].snapshot_retention),
    )


def _forgets_more(before: SnapshotRetention, after: SnapshotRetention) -> bool:
    """Return whether there may be snapshots that the one keeps and the other does not."""
    if after.keeps_all:
        return False
    kept_before, kept_after = before.counts(), after.counts()
    return before.keeps_all or any(kept_after[name] < count for name, count in kept_before.items())
