"""The effects of blocking, unblocking, deactivating and reactivating users, and of cancelling pending deactivations."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from console.elements.effects import Effect, concerning
from console.presenters.user_effects.administration_reach import reach_lost
from console.presenters.user_effects.archive_figures import archive_figures, expiry_in_words
from console.security import session_list
from directory.actions.users.reactivation_by_hand import with_devices
from directory.models import SyncSettings
from directory.org_scope import servers_by_org
from orgs.models import Archive, ArchiveState, Device, SetBy
from orgs.models.devices import DeviceQuerySet
from orgs.models.users import UserQuerySet

# A page names so many archives that are lost; the count has all of them.
_MOST_NAMED = 5


def blocking(users: UserQuerySet, *, at: datetime) -> list[Effect]:
    """Return the effects of blocking those of these users who are not blocked."""
    changed = users.filter(blocked=False)
    devices = _of(changed).filter(active=True)
    kept = archive_figures(Archive.objects.filter(device__in=_of(changed).values("pk")))
    return concerning(
        [
            Effect(_("Block"), changed.count(), _("Signed out everywhere, and no sign-in any more."), "ban", "out"),
            _sessions(changed, at),
            Effect(
                _("Devices"), devices.count(), _("No backup and no restore while the user is blocked."), "monitor-off"
            ),
            Effect(_("Archives"), kept.count, _("Stay as they are: %(size)s.") % {"size": kept.size}, "hard-drive"),
            *reach_lost(changed),
            _stays(changed),
            _skipped(users.filter(blocked=True), _("Blocked already.")),
        ]
    )


def unblocking(users: UserQuerySet) -> list[Effect]:
    """Return the effects of unblocking those of these users who are blocked."""
    changed = users.filter(blocked=True)
    devices = _of(changed.filter(active=True)).filter(active=True)
    return concerning(
        [
            Effect(_("Unblock"), changed.count(), _("Can sign in again."), "lock-open", "back"),
            Effect(
                _("Pending deactivations"),
                changed.filter(pending=True).count(),
                _("Cancelled: when the legal hold ends, nobody is deactivated."),
                "calendar-x",
                "back",
            ),
            Effect(_("Devices"), devices.count(), _("Can back up and restore again."), "monitor", "back"),
            Effect(
                _("Deactivated users"),
                changed.filter(active=False).count(),
                _("Stay deactivated: reactivate them as well."),
                "circle-off",
            ),
            _may_come_back(
                changed.filter(blocked_by=SetBy.SYNC),
                _("A sync has blocked them: the next one may block them again. The preview of a sync tells."),
            ),
            _skipped(users.filter(blocked=False), _("Not blocked.")),
        ]
    )


def cancelling_deactivation(users: UserQuerySet) -> list[Effect]:
    """Return the effects of cancelling the pending deactivations of these users."""
    changed = users.filter(pending=True)
    return concerning(
        [
            Effect(
                _("Cancel"),
                changed.count(),
                _("When the legal hold ends, nobody is deactivated."),
                "calendar-x",
                "back",
            ),
            Effect(
                _("Blocked users"),
                changed.filter(blocked=True).count(),
                _("Stay blocked: unblock them as well."),
                "ban",
            ),
            _may_come_back(
                changed.filter(pending_by=SetBy.SYNC),
                _("A sync wanted the deactivation: the next one may want it again. The preview of a sync tells."),
            ),
            _skipped(users.filter(pending=False), _("No deactivation is pending.")),
        ]
    )


def deactivating(users: UserQuerySet, *, at: datetime) -> list[Effect]:
    """Return the effects of deactivating those of these users who are active; users on legal hold are blocked instead."""
    changed = users.filter(active=True)
    on_hold = changed.on_legal_hold()
    leaving = changed.exclude(pk__in=on_hold.values("pk"))
    cold = Archive.objects.filter(device__in=_of(leaving).values("pk"), state=ArchiveState.LIVE)
    figures = archive_figures(cold)
    sentence = _("%(size)s go to cold storage.") % {"size": figures.size}
    return concerning(
        [
            Effect(
                _("Deactivate"),
                leaving.count(),
                _("Signed out everywhere: no sign-in, no backup, no restore."),
                "user-minus",
                "out",
            ),
            _sessions(changed, at),
            Effect(
                _("On legal hold"),
                on_hold.count(),
                _("Blocked instead, and deactivated when the last legal hold ends. Archives stay as they are."),
                "gavel",
                "wait",
            ),
            Effect(
                _("Devices"),
                _of(leaving).filter(active=True).count(),
                _("Deactivated at once. They keep their GUIDs and settings."),
                "monitor-off",
                "out",
            ),
            Effect(
                _("Archives"), figures.count, " ".join([sentence, expiry_in_words(cold, at=at)]), "snowflake", "out"
            ),
            *reach_lost(changed),
            _stays(changed),
            _skipped(users.filter(active=False), _("Deactivated already.")),
        ]
    )


def reactivating(users: UserQuerySet, *, at: datetime) -> list[Effect]:
    """Return the effects of reactivating those of these users who are deactivated: what comes back, and what is lost."""
    changed = users.filter(active=False)
    devices = _of(changed).filter(deactivated_with_user=True)
    archives = Archive.objects.filter(device__in=devices.values("pk"))
    lost = archives.lost(at=at)
    back = archive_figures(archives.filter(state=ArchiveState.COLD_STORAGE).exclude(pk__in=lost.values("pk")))
    gone = archive_figures(lost)
    return concerning(
        [
            Effect(_("Reactivate"), changed.count(), _("The account is active again."), "rotate-ccw", "back"),
            Effect(_("Devices"), devices.count(), *_devices_come_back()),
            Effect(
                _("Archives"), back.count, _("%(size)s leave cold storage.") % {"size": back.size}, "hard-drive", "back"
            ),
            Effect(
                _("Lost archives"),
                gone.count,
                _("Have expired and do not come back: %(size)s.") % {"size": gone.size},
                "circle-x",
                "out",
                under=", ".join(
                    lost.order_by("device__name", "pk").values_list("device__name", flat=True)[:_MOST_NAMED]
                ),
            ),
            Effect(
                _("Other devices"),
                _of(changed).filter(active=False, deactivated_with_user=False).count(),
                _("Were deactivated apart from the user, and stay so."),
                "monitor-off",
            ),
            Effect(
                _("Blocked users"),
                changed.filter(blocked=True).count(),
                _("Stay blocked: unblock them as well."),
                "ban",
            ),
            _may_come_back(
                changed,
                _("A sync may deactivate them again, where the directory wants it. The preview of a sync tells."),
            ),
            _skipped(users.filter(active=True), _("Active already.")),
        ]
    )


def synchronized(users: UserQuerySet) -> UserQuerySet:
    """Return those of these users about whom syncs decide."""
    orgs = [pk for pk, servers in servers_by_org().items() if servers]
    return users.filter(org__in=orgs, managed_locally=False)


def _devices_come_back() -> tuple[str, str, str]:
    if with_devices():
        return _("Active again, with the same GUIDs and settings."), "monitor", "back"
    return (
        _("Stay deactivated, as the setting “Reactivate devices with their user” is off. Their archives come back."),
        "monitor-off",
        "plain",
    )


def _of(users: UserQuerySet) -> DeviceQuerySet:
    devices: DeviceQuerySet = Device.objects.filter(user__in=users.order_by().values("pk"))
    return devices


def _sessions(users: UserQuerySet, at: datetime) -> Effect:
    return Effect(_("Sessions"), session_list.count_live(users, at=at), _("End at once."), "log-out", "out")


def _stays(users: UserQuerySet) -> Effect:
    """Return whether a sync undoes what a person has done to those of these users about whom syncs decide."""
    if SyncSettings.objects.filter(reactivate_set_by_person=True).exists():
        text = _("The settings allow a sync to undo it, where the directory says that the user is active.")
    else:
        text = _("No sync undoes what was done by hand.")
    return Effect(_("Syncs"), synchronized(users).count(), text, "refresh-cw")


def _may_come_back(users: UserQuerySet, text: str) -> Effect:
    """Return what a later sync may do about those of these users about whom syncs decide."""
    return Effect(_("Syncs"), synchronized(users).count(), text, "refresh-cw", "wait")


def _skipped(users: UserQuerySet, why: str) -> Effect:
    return Effect(_("No change"), users.count(), why, "minus")
