"""Counts archives with their bytes, and says until when they are kept in cold storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from orgs.models import Archive
from orgs.rules.inheritance import effective_settings


@dataclass(frozen=True, slots=True)
class ArchiveFigures:
    """How many archives there are, and their bytes."""

    count: int
    bytes: int

    @property
    def size(self) -> str:
        """The bytes in words, such as 1.4 TB."""
        return filesizeformat(self.bytes)


def archive_figures(archives: QuerySet[Archive]) -> ArchiveFigures:
    """Return the number and the bytes of these archives."""
    found = archives.aggregate(count=Count("pk"), total=Sum("size_bytes"))
    return ArchiveFigures(found["count"], found["total"] or 0)


def expiry_in_words(archives: QuerySet[Archive], *, at: datetime) -> str:
    """Return when these archives expire if they go to cold storage now; their orgs decide how long they are kept."""
    org_ids = set(archives.order_by().values_list("device__user__org", flat=True).distinct())
    settings = effective_settings() if org_ids else {}
    days = sorted({settings[org_id].archive_retention_days for org_id in org_ids})
    if not days:
        return ""
    return expiry_between(at + timedelta(days=days[0]), at + timedelta(days=days[-1]))


def expiry_between(earliest: datetime, latest: datetime, *, of_one: bool = False) -> str:
    """Say when archives expire that go to cold storage together; ``of_one`` follows a sentence about a single archive."""
    first, last = _day(earliest), _day(latest)
    if first == last:
        words = _("It expires on %(day)s.") if of_one else _("They expire on %(day)s.")
        return words % {"day": first}
    return _("They expire between %(first)s and %(last)s, as each org keeps them.") % {"first": first, "last": last}


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d")
