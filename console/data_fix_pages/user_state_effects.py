"""The effects of changing users' states, before and after the change, as sentences with numbers."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import SyncSettings
from orgs.actions.archives import Restored
from orgs.actions.users.deactivation import Deactivated
from orgs.models import Archive, ArchiveState, Device, User


def blocking() -> list[str]:
    """Return the effects of blocking."""
    return [_("They are signed out everywhere and can't sign in. Archives stay as they are.")]


def unblocking(chosen: QuerySet[User]) -> list[str]:
    """Return the effects of unblocking on those who are blocked."""
    blocked = chosen.filter(blocked=True)
    found = [
        ngettext(
            "%(count)d blocked user can sign in again.", "%(count)d blocked users can sign in again.", blocked.count()
        )
        % {"count": blocked.count()},
    ]
    if pending := blocked.filter(pending=True).count():
        found.append(_cleared(pending))
    return found


def clearing(chosen: QuerySet[User]) -> list[str]:
    """Return the effects of clearing pending deactivations."""
    return [_cleared(chosen.filter(pending=True).count()), _("A release from legal hold then deactivates nobody.")]


def _cleared(count: int) -> str:
    return ngettext(
        "The pending deactivation of %(count)d user is cleared.",
        "The pending deactivations of %(count)d users are cleared.",
        count,
    ) % {"count": count}


def deactivating(chosen: QuerySet[User]) -> list[str]:
    """Return the effects of deactivating, with numbers."""
    on_hold = User.objects.on_legal_hold().filter(pk__in=chosen.values("pk")).count()
    leaving = chosen.filter(active=True).exclude(pk__in=User.objects.on_legal_hold().values("pk"))
    devices = Device.objects.filter(user__in=leaving.values("pk"), active=True).count()
    archives = Archive.objects.filter(device__user__in=leaving.values("pk"), state=ArchiveState.LIVE).count()
    return [
        ngettext("%(count)d user is deactivated.", "%(count)d users are deactivated.", leaving.count())
        % {"count": leaving.count()},
        ngettext("%(count)d device is deactivated.", "%(count)d devices are deactivated.", devices)
        % {"count": devices},
        ngettext("%(count)d archive goes to cold storage.", "%(count)d archives go to cold storage.", archives)
        % {"count": archives},
        ngettext(
            "%(count)d user on legal hold is blocked instead.",
            "%(count)d users on legal hold are blocked instead.",
            on_hold,
        )
        % {"count": on_hold},
    ]


def deactivated(done: Deactivated) -> str:
    """Return the result of deactivating."""
    return _("Deactivated: %(users)d. Blocked instead, as they are on legal hold: %(held)d.") % {
        "users": len(done.users),
        "held": len(done.on_hold),
    }


def with_devices() -> bool:
    """Return whether the settings reactivate devices with their user."""
    return not SyncSettings.objects.filter(reactivate_devices=False).exists()


def reactivating(chosen: QuerySet[User]) -> list[str]:
    """Return how much reactivating restores, and how much stays lost."""
    back = chosen.filter(active=False)
    devices = Device.objects.filter(user__in=back.values("pk"), deactivated_with_user=True)
    archives = Archive.objects.filter(device__in=devices.values("pk"))
    cold = archives.filter(state=ArchiveState.COLD_STORAGE).count()
    expired = archives.filter(state=ArchiveState.EXPIRED).count()
    found = [
        ngettext("%(count)d user is reactivated.", "%(count)d users are reactivated.", back.count())
        % {"count": back.count()},
        ngettext(
            "%(count)d device was deactivated with its user.",
            "%(count)d devices were deactivated with their users.",
            devices.count(),
        )
        % {"count": devices.count()}
        + " "
        + (
            _("It is reactivated, too.")
            if with_devices() and devices.count() == 1
            else _("They are reactivated, too.")
            if with_devices()
            else _("The setting “Reactivate devices with their user” is off, so devices stay deactivated.")
        ),
        ngettext(
            "%(count)d archive leaves cold storage, unless its date has passed.",
            "%(count)d archives leave cold storage, unless their dates have passed.",
            cold,
        )
        % {"count": cold},
    ]
    if expired:
        found.append(
            ngettext(
                "%(count)d archive has expired and stays lost.",
                "%(count)d archives have expired and stay lost.",
                expired,
            )
            % {"count": expired}
        )
    if blocked := back.filter(blocked=True).count():
        found.append(
            ngettext(
                "%(count)d user stays blocked: unblock apart.", "%(count)d users stay blocked: unblock apart.", blocked
            )
            % {"count": blocked}
        )
    return found


def reactivated(done: tuple[frozenset[int], Restored], *, devices: int) -> str:
    """Return the result of reactivating; ``devices`` is how many are active again."""
    users, restored = done
    return _(
        "Reactivated: %(users)d. Devices that are active again: %(devices)d. Archives out of cold storage: %(archives)d. "
        "Archives that had expired and are lost: %(lost)d."
    ) % {"users": len(users), "devices": devices, "archives": restored.archives, "lost": restored.lost}
