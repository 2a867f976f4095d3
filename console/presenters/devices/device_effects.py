"""The effects of acts on one device: for its archives, for its user, and what somebody at the computer notices."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from console.elements.effects import Effect, concerning
from console.presenters.user_effects.archive_figures import archive_figures, expiry_in_words
from directory.actions.users.reactivation_by_hand import with_devices
from orgs.models import Archive, ArchiveState, Device, DeviceToken
from orgs.models.archives import ArchiveQuerySet


def deactivating(device: Device, *, at: datetime) -> list[Effect]:
    """Return the effects of deactivating the device."""
    return concerning(
        [
            Effect(
                _("Deactivate"),
                1,
                _("No backup and no restore. The device keeps its GUID and settings."),
                "monitor-off",
                "out",
            ),
            _to_cold_storage(_archives(device).filter(state=ArchiveState.LIVE), at=at),
            _at_the_computer(_("The backup app stops, and says that the device is deactivated.")),
            _other_devices(device),
        ]
    )


def reactivating(device: Device, *, at: datetime) -> list[Effect]:
    """Return the effects of reactivating the device: what comes back, and what is lost."""
    signs_in = device.in_place_of_id is not None or not device.authorized
    return concerning(
        [
            Effect(_("Reactivate"), 1, _("Active again, with the same GUID and settings."), "rotate-ccw", "back"),
            *_archives_back(device, at=at),
            *_another_computer(device),
            _at_the_computer(
                _("The user signs in once; then backup resumes.")
                if signs_in
                else _("On the same computer backup resumes by itself. Another one has to be put in its place.")
            ),
            Effect(_("Blocked"), int(device.blocked), _("Stays blocked: unblock it as well."), "ban"),
            Effect(
                _("Setting"),
                int(device.deactivated_with_user and not with_devices()),
                _("“Reactivate devices with their user” is off: a person brings each device back, as here."),
                "settings",
            ),
        ]
    )


def blocking(device: Device) -> list[Effect]:
    """Return the effects of blocking the device."""
    return concerning(
        [
            Effect(_("Block"), 1, _("No backup and no restore until it is unblocked."), "ban", "out"),
            _stay(device),
            _at_the_computer(_("The backup app stops, and says that the device is blocked.")),
            _other_devices(device),
        ]
    )


def unblocking(device: Device) -> list[Effect]:
    """Return the effects of unblocking the device."""
    return concerning(
        [
            Effect(_("Unblock"), 1, _("May back up and restore again."), "lock-open", "back"),
            _stay(device),
            _at_the_computer(_("Backup resumes by itself.") if _may_back_up(device) else _("Nothing changes yet.")),
            Effect(
                _("Deactivated"), int(not device.active), _("Stays deactivated: reactivate it as well."), "circle-off"
            ),
            Effect(_("Sign-in"), int(not device.authorized), _("The user has to sign in on it as well."), "key-round"),
            Effect(
                _("User"),
                int(not device.user.is_active),
                _("%(user)s is deactivated or blocked, so nothing is backed up.") % {"user": device.user.username},
                "user-x",
            ),
        ]
    )


def deauthorizing(device: Device) -> list[Effect]:
    """Return the effects of deauthorizing the device."""
    return concerning(
        [
            Effect(_("Deauthorize"), 1, _("No backup and no restore until its user signs in on it."), "log-out", "out"),
            _stay(device),
            _at_the_computer(
                _("The backup app asks for the password of %(user)s, then goes on.") % {"user": device.user.username}
            ),
            _other_devices(device),
        ]
    )


def authorizing(device: Device) -> list[Effect]:
    """Return the effects of authorizing the device; without a token, its computer has to sign in all the same."""
    has_token = DeviceToken.objects.filter(device=device).exists()
    return concerning(
        [
            Effect(_("Authorize"), 1, _("May back up and restore without another sign-in."), "key-round", "back")
            if has_token
            else Effect(_("Authorize"), 1, _("May back up and restore after a sign-in on it."), "key-round", "back"),
            _stay(device),
            _at_the_computer(
                _("Backup resumes by itself; whoever sits there needs no password.")
                if has_token
                else _("%(user)s has to sign in once: the computer has no sign-in that counts.")
                % {"user": device.user.username}
            ),
            Effect(_("Blocked"), int(device.blocked), _("Stays blocked: unblock it as well."), "ban"),
        ]
    )


def replacing(device: Device, computer: Device, *, at: datetime) -> list[Effect]:
    """Return the effects of putting the computer of another device in place of this one's."""
    names = {"device": device.name, "computer": computer.name, "guid": device.guid, "user": device.user.username}
    live = archive_figures(_archives(device).filter(state=ArchiveState.LIVE))
    return concerning(
        [
            Effect(
                _("Replace"),
                1,
                _("%(computer)s backs up as GUID %(guid)s from now on, with its settings.") % names,
                "replace",
                "back",
            ),
            Effect(
                _("Archives"),
                live.count,
                _("%(size)s stay, and %(computer)s goes on with them.") % {**names, "size": live.size},
                "hard-drive",
            ),
            *_archives_back(device, at=at),
            Effect(_("Deactivated"), int(not device.active), _("The device is active again."), "rotate-ccw", "back"),
            Effect(_("Blocked"), int(device.blocked), _("The block ends: it was for the old computer."), "lock-open"),
            Effect(
                _("Old computer"),
                1,
                _("%(device)s can't back up or restore as this device any more.") % names,
                "monitor-off",
                "out",
            ),
            _to_cold_storage(
                _archives(computer).filter(state=ArchiveState.LIVE),
                at=at,
                under=_("What %(computer)s has backed up as a device of its own, GUID %(own)s.")
                % {**names, "own": computer.guid},
            ),
            _at_the_computer(
                _("The backup app on %(computer)s asks for the password of %(user)s once; then backup goes on.") % names
            ),
        ]
    )


def _archives(device: Device) -> ArchiveQuerySet:
    found: ArchiveQuerySet = Archive.objects.filter(device=device)
    return found


def _to_cold_storage(live: ArchiveQuerySet, *, at: datetime, under: str = "") -> Effect:
    figures = archive_figures(live)
    sentence = _("%(size)s go to cold storage.") % {"size": figures.size}
    text = " ".join([sentence, expiry_in_words(live, at=at)])
    return Effect(_("Archives to cold storage"), figures.count, text, "snowflake", "out", under=under)


def _archives_back(device: Device, *, at: datetime) -> list[Effect]:
    lost = _archives(device).lost(at=at)
    cold = _archives(device).filter(state=ArchiveState.COLD_STORAGE).exclude(pk__in=lost.values("pk"))
    back, gone = archive_figures(cold), archive_figures(lost)
    return [
        Effect(
            _("Archives from cold storage"),
            back.count,
            _("%(size)s leave cold storage.") % {"size": back.size},
            "hard-drive",
            "back",
        ),
        Effect(
            _("Lost archives"),
            gone.count,
            _("Have expired and do not come back: %(size)s.") % {"size": gone.size},
            "circle-x",
            "out",
        ),
    ]


def _another_computer(device: Device) -> list[Effect]:
    replaced = device.replaced_devices()
    if not replaced:
        return []
    guid = {"guid": replaced[-1].guid}
    words = _("It backs up as GUID %(guid)s now, and ends that: it is a device of its own again.")
    then = _("GUID %(guid)s backs up again once its user signs in on a computer for it.")
    return [
        Effect(_("Place of another"), 1, words % guid, "replace", "wait"),
        Effect(_("Left without a computer"), int(replaced[-1].active), then % guid, "monitor-off", "out"),
    ]


def _stay(device: Device) -> Effect:
    figures = archive_figures(_archives(device))
    return Effect(_("Archives"), figures.count, _("Stay as they are: %(size)s.") % {"size": figures.size}, "hard-drive")


def _at_the_computer(text: str) -> Effect:
    return Effect(_("At the computer"), 1, text, "monitor")


def _other_devices(device: Device) -> Effect:
    others = Device.objects.filter(user=device.user_id, active=True, blocked=False).exclude(pk=device.pk)
    words = _("%(user)s stays signed in, and other devices go on backing up.")
    return Effect(_("Other devices"), others.count(), words % {"user": device.user.username}, "monitor-check")


def _may_back_up(device: Device) -> bool:
    return device.active and device.authorized and device.user.is_active
