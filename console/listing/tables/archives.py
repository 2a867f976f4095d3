"""The tables of archives: each with its device, user and dates, and the bytes of each org."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import F, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.time_ago import when
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, TimeColumn, link
from orgs.models import Archive, ArchiveState


class ArchiveTable(Table):
    """Archives with their device and user, their state, size and dates."""

    fragment = "archive-list"
    few_values = frozenset({"org", "state"})
    sorted_at_once = True
    main_column = "device"
    state_column = "state"

    device = tables.Column(verbose_name=_("Device"), accessor="device__name", order_by=("device__name", "device"))
    user = tables.Column(
        verbose_name=_("User"), accessor="device__user__username", order_by="device__user__username_key"
    )
    org = tables.Column(
        verbose_name=_("Org"), accessor="device__user__org__name", order_by="device__user__org__name_key"
    )
    state = tables.Column(verbose_name=_("State"), empty_values=(), order_by="state")
    size = tables.Column(verbose_name=_("Size"), accessor="size_bytes", attrs=NUMBER)
    cold_since = TimeColumn(verbose_name=_("In cold storage since"), default="–")
    due = tables.Column(verbose_name=_("Expires or is purged"), empty_values=(), order_by="expires_at")

    class Meta:
        empty_text = _("There are no archives yet. An archive appears with the first backup of a device.")

    def render_device(self, record: Archive) -> SafeString:
        return link(address_of("devices:detail", record.device_id), record.device.name)

    def render_user(self, record: Archive) -> SafeString:
        return link(address_of("users:detail", record.device.user_id), record.device.user.username)

    def render_state(self, record: Any) -> SafeString:
        states = [badges.archive_state(record)]
        return badges.side_by_side([*states, badges.ON_HOLD] if record.on_hold else states)

    def render_size(self, record: Archive) -> str:
        return filesizeformat(record.size_bytes)

    def render_due(self, record: Any) -> str | SafeString:
        if record.state == ArchiveState.LIVE:
            return "–"
        expired = record.state == ArchiveState.EXPIRED
        words = gettext("purged") if expired else gettext("expires")
        shown = format_html("{} {}", words, when(record.purge_at if expired else record.expires_at))
        if record.on_hold:
            return format_html('{}<span class="under">{}</span>', shown, gettext("waits while on hold"))
        return shown

    def order_due(self, archives: QuerySet[Archive], is_descending: bool) -> tuple[QuerySet[Archive], bool]:  # noqa: FBT001  # called so
        """Sort by the date of expiry; archives without one come last."""
        column = F("expires_at")
        return archives.order_by(column.desc(nulls_last=True) if is_descending else column.asc(nulls_last=True)), True


_SUMMED = ("own", "live", "cold", "expired", "archives")


class OrgBytesTable(Table):
    """The bytes of each org: its own, which add up to the row of sums, and with those below."""

    fragment = "org-bytes"
    main_column = "org"
    state_column = "with_below"

    org = tables.Column(verbose_name=_("Org"), accessor="name", order_by="name")
    with_below = tables.Column(verbose_name=_("With orgs below"), attrs=NUMBER)
    own = tables.Column(verbose_name=_("Own"), attrs=NUMBER)
    live = tables.Column(verbose_name=_("Live"), attrs=NUMBER)
    cold = tables.Column(verbose_name=_("Cold storage"), attrs=NUMBER)
    expired = tables.Column(verbose_name=_("Expired"), attrs=NUMBER)
    archives = tables.Column(verbose_name=_("Archives"), attrs=NUMBER)

    class Meta:
        empty_text = _("No org has archives yet.")

    def body(self) -> SafeString:
        """Return the rows of the page, and the sums of all rows below them."""
        cells = [format_html('<th scope="row" class="main">{}</th><td class="skip"></td>', gettext("Sum"))]
        for name in _SUMMED:
            total = sum(getattr(row, name) for row in self.data.data)
            shown = intcomma(total) if name == "archives" or not total else filesizeformat(total)
            header = self.columns[name].header
            cells.append(format_html('<td class="text-end" data-label="{}">{}</td>', header, shown))
        return SafeString(f'{super().body()}<tr class="sum">{"".join(cells)}</tr>')

    def render_org(self, record: Any) -> SafeString:
        return link(f"{address_of('archives:list')}?org={record.pk}", record.name)

    def render_with_below(self, value: int) -> str | SafeString:
        return _bytes(value)

    def render_own(self, value: int) -> str | SafeString:
        return _bytes(value)

    def render_live(self, value: int) -> str | SafeString:
        return _bytes(value)

    def render_cold(self, value: int) -> str | SafeString:
        return _bytes(value)

    def render_expired(self, value: int) -> str | SafeString:
        return _bytes(value)


def _bytes(size: int) -> str | SafeString:
    return filesizeformat(size) if size else SafeString('<span class="soft">0</span>')
