"""Presents restores: what a viewer may restore, the effects of one, and the restores that a computer was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from console.elements.effects import Effect
from orgs.actions.restores.requested_restores import ChosenFiles
from orgs.backups.restores.snapshots import Measured
from orgs.models import DeployedDevice, Device, RestoreJob, RestoreState
from orgs.models.backups.restore_jobs import WAITS_FOR
from orgs.rules.restore_rights import RestoreRight, RestoreWay

# How many of the restores of a device its page has.
LATEST = 20
_STATES = {
    RestoreState.WAITING: Badge(_("waiting for the computer"), "hourglass", "info"),
    RestoreState.DONE: Badge(_("done"), "circle-check", "good"),
    RestoreState.FAILED: Badge(_("failed"), "circle-x", "bad"),
    RestoreState.CANCELLED: Badge(_("cancelled"), "ban", "quiet"),
    RestoreState.EXPIRED: Badge(_("expired, no computer came"), "clock", "warn"),
}
# How many paths an effect names.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class ShownJob:
    """One restore that a computer was asked for."""

    job: RestoreJob
    state: Badge
    what: str
    expires_at: datetime
    can_be_cancelled: bool


def jobs_of(device: Device, *, at: datetime) -> list[ShownJob]:
    """Return the restores that a device was asked for, the newest first."""
    jobs = RestoreJob.objects.filter(device=device).order_by("-requested_at", "-pk")[:LATEST]
    return [
        ShownJob(
            job,
            _STATES[RestoreState(job.state)],
            _names(job.paths),
            job.requested_at + WAITS_FOR,
            job.state == RestoreState.WAITING and job.requested_at + WAITS_FOR > at,
        )
        for job in jobs
    ]


def limit_words(right: RestoreRight | None, way: RestoreWay) -> str:
    """Return how much a viewer may restore in one way, in words; empty if nothing."""
    if right is None:
        return ""
    if right.most_bytes is None:
        return gettext("into a new folder on the computer, never over files")
    size = filesizeformat(right.most_bytes)
    if way is RestoreWay.DOWNLOAD:
        return gettext("as a zip, at most %(size)s at a time") % {"size": size}
    return gettext("into a new folder on the computer, at most %(size)s at a time") % {"size": size}


def too_much_words(most_bytes: int | None, most_files: int, way: RestoreWay) -> str:
    """Return why this is too much at a time, and what to do."""
    size = filesizeformat(most_bytes or 0)
    if way is RestoreWay.DOWNLOAD:
        words = gettext(
            "This is more than %(size)s or %(most)d files, the most that you may download at a time: choose less, or restore to the "
            "computer."
        )
    else:
        words = gettext("This is more than %(size)s, the most that your roles restore at a time: choose less.")
    return words % {"size": size, "most": most_files}


def downloading(device: Device, paths: tuple[str, ...], measured: Measured, *, is_own: bool) -> list[Effect]:
    """Return what a download does."""
    words = gettext("%(size)s, as a zip that this browser saves") % {"size": filesizeformat(measured.size_bytes)}
    effects = [Effect(gettext("Downloads files"), measured.file_count, words, "download", under=_names(paths))]
    return [*effects, *_trace(device, is_own=is_own)]


def restoring_there(device: Device, files: ChosenFiles, *, is_own: bool) -> list[Effect]:
    """Return what a restore to the computer does."""
    if files.file_count is None or files.size_bytes is None:
        words = gettext(
            "Into a new folder in the home folder of the person there, never over files; nobody has counted them"
        )
        what, count = gettext("Restores files and folders"), max(1, len(files.paths))
    else:
        words = gettext("%(size)s, into a new folder in the home folder of the person there, never over files") % {
            "size": filesizeformat(files.size_bytes)
        }
        what, count = gettext("Restores files"), files.file_count
    effects = [Effect(what, count, words, "folder-down", under=_names(files.paths))]
    waits = gettext(
        "%(device)s does it at its next turn, at most 10 minutes after it is on; after %(waits_for)d days without it the request expires."
    )
    effects.append(
        Effect(
            gettext("Waits for the computer"),
            1,
            waits % {"device": device.name, "waits_for": WAITS_FOR.days},
            "hourglass",
            "wait",
        )
    )
    if (came := _came_without_password(device)) is not None:
        warned = gettext(
            "The deployment policy “%(name)s” brought it without a password: nobody has proven who sits there. Make sure that it "
            "is the user's."
        )
        effects.append(
            Effect(
                gettext("Goes to a deployed computer"), 1, warned % {"name": came.policy_name}, "triangle-alert", "out"
            )
        )
    return [*effects, *_trace(device, is_own=is_own)]


def cancelling(job: RestoreJob) -> list[Effect]:
    """Return what it means to cancel a restore."""
    words = gettext("The computer restores nothing, unless it has begun already.")
    return [
        Effect(
            gettext("Cancels a restore"),
            int(job.state == RestoreState.WAITING),
            words,
            "circle-x",
            under=_names(job.paths),
        )
    ]


def _came_without_password(device: Device) -> DeployedDevice | None:
    """Return how the device, or the computer that took its place, was deployed; None if a person signed in on it."""
    found = DeployedDevice.objects.filter(device__in=[device, *Device.objects.filter(in_place_of=device)])
    return found.order_by("-at").first()


def _trace(device: Device, *, is_own: bool) -> list[Effect]:
    if is_own:
        return []
    words = gettext(
        "The audit trail and the device's page name you, the snapshot and the paths. They are files of %(user)s."
    )
    return [Effect(gettext("Leaves a trace"), 1, words % {"user": device.user.username}, "scroll-text")]


def _names(paths: tuple[str, ...] | list[str]) -> str:
    """Return the paths in words, the first few by name."""
    if not paths or list(paths) == ["/"]:
        return gettext("everything in the snapshot")
    named = ", ".join("".join(sign if sign.isprintable() else "\ufffd" for sign in path) for path in paths[:_NAMED])
    more = len(paths) - _NAMED
    if more <= 0:
        return named
    return f"{named} " + ngettext("and %(number)d more", "and %(number)d more", more) % {"number": more}
