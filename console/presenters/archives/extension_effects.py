"""The effects of keeping archives longer in cold storage: which get the later date, and which stay as they are."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max, Min
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from console.elements.effects import Effect, concerning
from console.presenters.user_effects.archive_figures import archive_figures
from orgs.actions.devices_by_hand.archive_expiry import extendable
from orgs.models import ArchiveState
from orgs.models.archives import ArchiveQuerySet


def keeping_longer(archives: ArchiveQuerySet, *, until: datetime, at: datetime) -> list[Effect]:
    """Return the effects of keeping these archives until then."""
    later = extendable(archives, until=until, at=at)
    figures, lost = archive_figures(later), archives.lost(at=at)
    cold = archives.filter(state=ArchiveState.COLD_STORAGE)
    dates = later.aggregate(first=Min("expires_at"), last=Max("expires_at"))
    return concerning(
        [
            Effect(
                _("Keep longer"),
                figures.count,
                _("%(size)s stay in cold storage until %(day)s.") % {"size": figures.size, "day": _day(until)},
                "calendar-plus",
                "back",
                under=_before(dates["first"], dates["last"]),
            ),
            Effect(
                _("On legal hold"),
                later.on_legal_hold().count(),
                _("Neither expire nor are purged while the hold lasts. The new date counts when it ends."),
                "gavel",
            ),
            Effect(
                _("Kept longer already"),
                cold.filter(expires_at__gte=until).exclude(pk__in=lost.values("pk")).count(),
                _("Their date is the same or later, and stays."),
                "minus",
            ),
            Effect(
                _("Live"),
                archives.filter(state=ArchiveState.LIVE).count(),
                _("Have no date: they expire only after their device is deactivated."),
                "minus",
            ),
            Effect(_("Lost"), lost.count(), _("Have expired. No date brings them back."), "circle-x"),
        ]
    )


def _before(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    if _day(first) == _day(last):
        return _("Now: until %(day)s.") % {"day": _day(first)}
    return _("Now: until a day between %(first)s and %(last)s.") % {"first": _day(first), "last": _day(last)}


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d")
