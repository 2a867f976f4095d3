"""The effects of putting users on hold, releasing them, closing a matter and opening it again."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.presenters.legal_holds.named_effects import (
    HeldUser,
    HoldPreview,
    NamedEffect,
    concerning,
    held_users,
    those,
)
from console.presenters.user_effects.archive_figures import archive_figures, expiry_in_words
from orgs.actions.legal_holds import released_by_closing
from orgs.models import Archive, ArchiveState, Custodian, Device, Matter, User
from orgs.models.users import UserQuerySet


def of_adding(matter: Matter, users: UserQuerySet) -> HoldPreview:
    """Return what putting these users on hold would do."""
    found = held_users(users, matter)
    new = those(found, lambda user: not user.in_matter)
    kept = archive_figures(_archives(new).exclude(state=ArchiveState.EXPIRED))
    return HoldPreview(
        concerning(
            [
                NamedEffect(
                    _("Put on hold"),
                    _("A sync blocks them instead of deactivating them, for as long as the matter is open."),
                    "gavel",
                    "wait",
                    new,
                ),
                NamedEffect(
                    _("Archives"),
                    _("Neither expire nor are purged while their users are on hold: %(size)s.") % {"size": kept.size},
                    "hard-drive",
                    number=kept.count,
                ),
                *_deactivated_already(new),
                NamedEffect(
                    _("On hold already"),
                    _("Another matter holds them, too. Each matter releases only its own custodians."),
                    "layers",
                    users=those(new, lambda user: user.in_others),
                ),
                NamedEffect(
                    _("No change"),
                    _("Custodians of this matter already."),
                    "minus",
                    users=those(found, lambda user: user.in_matter),
                ),
            ]
        ),
        [user.pk for user in new],
    )


def _deactivated_already(users: list[HeldUser]) -> list[NamedEffect]:
    return [
        NamedEffect(
            _("Deactivated already"),
            _("Stay deactivated. Their archives in cold storage do not expire while they are on hold."),
            "snowflake",
            users=those(users, lambda user: not user.active and user.has_archives),
        ),
        NamedEffect(
            _("Nothing is left"),
            _("Deactivated, and their archives have expired or been purged, or there were none: a hold keeps nothing."),
            "circle-x",
            "out",
            those(users, lambda user: not user.active and not user.has_archives),
        ),
    ]


def of_releasing(matter: Matter, users: UserQuerySet, viewer: User, *, at: datetime) -> HoldPreview:
    """Return what releasing these users from the matter would do."""
    found = held_users(users, matter)
    released = those(found, lambda user: user.in_matter)
    return HoldPreview(
        [
            *_of_release(released, at),
            *concerning(
                [
                    NamedEffect(
                        _("No change"),
                        _("This matter does not hold them any more."),
                        "minus",
                        users=those(found, lambda user: not user.in_matter),
                    )
                ]
            ),
        ],
        [user.pk for user in released],
        _oneself(released, viewer),
    )


def of_closing(matter: Matter, viewer: User, *, at: datetime) -> HoldPreview:
    """Return what closing the matter would do: all its custodians are released."""
    custodians = Custodian.objects.unreleased().filter(matter=matter)
    everybody: UserQuerySet = User.objects.filter(pk__in=custodians.values("user"))
    if refusals := _outside(everybody, viewer):
        return HoldPreview([], [], refusals)
    released = held_users(everybody, matter)
    return HoldPreview(_of_release(released, at), [user.pk for user in released], _oneself(released, viewer))


def of_reopening(matter: Matter, viewer: User) -> HoldPreview:
    """Return what opening the matter again would do: it holds whom its closing released."""
    everybody = released_by_closing(matter)
    if refusals := _outside(everybody, viewer):
        return HoldPreview([], [], refusals)
    found = held_users(everybody, matter)
    lost = those(found, lambda user: not user.active and not user.has_archives)
    again = those(found, lambda user: user.active or user.has_archives)
    return HoldPreview(
        concerning(
            [
                NamedEffect(
                    _("On hold again"),
                    _("The closing of the matter released them."),
                    "gavel",
                    "wait",
                    again,
                ),
                NamedEffect(
                    _("Stay deactivated"),
                    _("Deactivated meanwhile. Their archives in cold storage do not expire any more."),
                    "snowflake",
                    users=those(again, lambda user: not user.active),
                ),
                NamedEffect(
                    _("Stay released"),
                    _("Deactivated, and their archives have expired or been purged: there is nothing to keep."),
                    "circle-x",
                    "out",
                    lost,
                ),
            ]
        ),
        [user.pk for user in again],
    )


def _of_release(released: list[HeldUser], at: datetime) -> list[NamedEffect]:
    leaving = those(released, lambda user: user.pending and not user.in_others)
    free = those(released, lambda user: not user.in_others)
    devices = Device.objects.filter(user__among=[user.pk for user in leaving], active=True)
    live = _archives(leaving).filter(state=ArchiveState.LIVE)
    size = archive_figures(live)
    return concerning(
        [
            NamedEffect(_("Release"), _("This matter holds them no longer."), "lock-open", "back", released),
            NamedEffect(
                _("Deactivated at once"),
                _("Their deactivation is pending, and no other matter holds them: no sign-in, no backup, no restore."),
                "user-minus",
                "out",
                leaving,
            ),
            NamedEffect(_("Devices"), _("Deactivated with their users."), "monitor-off", "out", number=devices.count()),
            NamedEffect(
                _("Archives"),
                f"{_('%(size)s go to cold storage.') % {'size': size.size}} {expiry_in_words(live, at=at)}",
                "snowflake",
                "out",
                number=size.count,
            ),
            *_expiring(free, at),
            NamedEffect(
                _("Stay on hold"),
                _("Another matter holds them; a pending deactivation waits for that one."),
                "gavel",
                "wait",
                those(released, lambda user: user.in_others),
            ),
            NamedEffect(
                _("Stay blocked"),
                _("Blocked, with no deactivation pending: unblock them if they come back."),
                "ban",
                users=those(free, lambda user: user.blocked and user.active and not user.pending),
            ),
        ]
    )


def _expiring(free: list[HeldUser], at: datetime) -> list[NamedEffect]:
    """Return what becomes of archives that only the hold has kept."""
    cold = _archives(free).filter(state=ArchiveState.COLD_STORAGE)
    overdue, others = archive_figures(cold.filter(expires_at__lte=at)), archive_figures(cold.filter(expires_at__gt=at))
    expired = archive_figures(_archives(free).filter(state=ArchiveState.EXPIRED, purge_at__lte=at))
    return [
        NamedEffect(
            _("Archives that expire at once"),
            _("Past their date, kept by the hold alone: they expire within the hour, %(size)s.")
            % {"size": overdue.size},
            "circle-x",
            "out",
            number=overdue.count,
        ),
        NamedEffect(
            _("Archives that begin to expire"),
            _("In cold storage: each expires on its date again, %(size)s.") % {"size": others.size},
            "hourglass",
            "out",
            number=others.count,
        ),
        NamedEffect(
            _("Archives that are purged"),
            _("Expired, kept by the hold alone: they are purged within the hour, %(size)s.") % {"size": expired.size},
            "trash-2",
            "out",
            number=expired.count,
        ),
    ]


def _archives(users: list[HeldUser]) -> QuerySet[Archive]:
    return Archive.objects.filter(device__user__among=[user.pk for user in users])


def _outside(users: UserQuerySet, viewer: User) -> list[str]:
    mine = User.objects.managed_by(viewer).values("pk")
    if not users.exclude(pk__in=mine).exists():
        return []
    return [
        _(
            "This matter concerns users outside your part, who are not named here: an administrator of the orgs above has to "
            "do it."
        )
    ]


def _oneself(released: list[HeldUser], viewer: User) -> list[str]:
    if viewer.pk not in {user.pk for user in released}:
        return []
    return [_("This would release you yourself: another administrator has to do it.")]
