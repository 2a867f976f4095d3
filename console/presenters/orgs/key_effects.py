"""Presents who holds the keys of archives, and what is impossible where only the user does."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect
from console.presenters.orgs.setting_effects import Preview, listed
from orgs.models import Device, KeyHolder, Org, Repository
from orgs.rules.inheritance import TriedSettings, effective_settings


def holder_in_words(holder: str) -> str:
    """Return who holds the key."""
    return _("held by the user alone") if holder == KeyHolder.USER else _("held by Rollcall")


def of_key_holder(org: Org, holder: str) -> Preview:
    """Return what another holder of keys would mean; an empty one means that the org inherits."""
    before = effective_settings()
    after = effective_settings(TriedSettings(key_holders={org.pk: holder}))
    changed = {pk for pk in before.keys() & after.keys() if before[pk].key_holder != after[pk].key_holder}
    repositories = Repository.objects.filter(archive__device__user__org__in=changed)
    without = Device.objects.filter(user__org__in=changed, active=True, archives__repository=None)
    effects = [
        Effect(
            _("Stay as they are"),
            repositories.count(),
            _("Archives that exist keep the holder of their key."),
            "minus",
        ),
        Effect(
            _("Begin the new way"),
            without.count(),
            _("Active devices without a stored archive, and all that are registered from now on."),
            "key-round",
            "wait",
        ),
    ]
    by_user = after[org.pk].key_holder == KeyHolder.USER
    names = sorted(after[pk].name for pk in changed if pk != org.pk)
    text = ngettext(
        "Also for %(count)d org that inherits this: %(names)s.",
        "Also for %(count)d orgs that inherit this: %(names)s.",
        len(names),
    )
    also = [text % {"count": len(names), "names": listed(names)}] if names else []
    return Preview(
        effects if changed else [],
        _("Archives and devices"),
        warnings=_warnings() if by_user and changed else [],
        facts=[*(_impossible() if by_user else _possible()), *also],
        before=holder_in_words(before[org.pk].key_holder),
        after=holder_in_words(after[org.pk].key_holder),
    )


def _warnings() -> list[str]:
    return [_("Who loses computer and password loses the backups: nobody can read them then, no administrator either.")]


def _impossible() -> list[str]:
    return [
        _("Nobody else restores: no restore from the console, and no export for a legal hold."),
        _("Rollcall can't check these archives for damage, and forgets no old snapshots: they only grow."),
        _("Silent deployment is refused: each person registers the computer and sees the password once."),
        _("Another computer takes the place of a device only where the user types the password."),
    ]


def _possible() -> list[str]:
    return [_("Administrators whose roles say so can restore; archives are checked, and old snapshots forgotten.")]
