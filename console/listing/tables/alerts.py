"""The table of alerts."""

from __future__ import annotations

import functools

import django_tables2 as tables
from django.middleware.csrf import get_token
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements.alert_buttons import dismiss_button
from console.elements.badges import Badge
from console.elements.time_ago import when
from console.elements.url_cache import address_of
from console.listing.tables.columns import TEXT, Table, TimeColumn, link, plain
from directory.models import Alert, AlertKind

_KIND = {
    AlertKind.CONNECTION: Badge(AlertKind.CONNECTION.label, "unplug", "bad"),
    AlertKind.HELD_BACK: Badge(AlertKind.HELD_BACK.label, "hand", "warn"),
    AlertKind.APPROVAL: Badge(AlertKind.APPROVAL.label, "user-check", "info"),
    AlertKind.INCOMPLETE: Badge(AlertKind.INCOMPLETE.label, "triangle-alert", "warn"),
    AlertKind.MAIL: Badge(AlertKind.MAIL.label, "mail-x", "bad"),
    AlertKind.NO_BACKUP: Badge(AlertKind.NO_BACKUP.label, "calendar-x", "warn"),
    AlertKind.DEPLOYMENT: Badge(AlertKind.DEPLOYMENT.label, "monitor-down", "warn"),
    AlertKind.DAMAGED_ARCHIVE: Badge(AlertKind.DAMAGED_ARCHIVE.label, "archive-x", "bad"),
}


class AlertTable(Table):
    """Alerts, newest first; open ones can be dismissed."""

    fragment = "alert-list"
    main_column = "message"
    state_column = "kind"

    created_at = TimeColumn(verbose_name=_("Raised"))
    kind = tables.Column(verbose_name=_("Kind"))
    message = plain(_("Message"), attrs=TEXT)
    dismiss = tables.Column(verbose_name=_("Dismissed"), empty_values=(), order_by="dismissed_at")

    class Meta:
        empty_text = _(
            "There are no alerts. Trouble with an LDAP server or with mail, a sync that was held back, devices without a backup, or damage in an archive show up here."
        )

    @functools.cached_property
    def _token(self) -> str:
        # One CSRF token for all forms of the page: Django makes a new one for each call.
        return get_token(self.request)

    def render_kind(self, record: Alert) -> Badge:
        return _KIND[AlertKind(record.kind)]

    def render_message(self, record: Alert) -> str | SafeString:
        if record.run_id is None:
            return record.message
        run = link(address_of("runs:detail", record.run_id), gettext("Run %(id)s") % {"id": record.run_id})
        return format_html("{}<div>{}</div>", record.message, run)

    def render_dismiss(self, record: Alert) -> str | SafeString:
        if record.dismissed_at is None:
            return dismiss_button(record, self._token)
        if record.dismissed_by is None:
            return when(record.dismissed_at)
        return format_html("{} · {}", when(record.dismissed_at), record.dismissed_by.username)
