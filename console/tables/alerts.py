"""The list of alerts."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.translation import gettext_lazy as _

from console.badges import Badge
from console.tables.columns import Table, TimeColumn
from directory.models import Alert, AlertKind

_KIND = {
    AlertKind.CONNECTION: Badge(AlertKind.CONNECTION.label, "unplug", "bad"),
    AlertKind.HELD_BACK: Badge(AlertKind.HELD_BACK.label, "hand", "warn"),
    AlertKind.APPROVAL: Badge(AlertKind.APPROVAL.label, "user-check", "info"),
    AlertKind.MAIL: Badge(AlertKind.MAIL.label, "mail-x", "bad"),
}


class AlertTable(Table):
    """Alerts, newest first; open ones can be dismissed."""

    fragment = "alert-list"

    created_at = TimeColumn(verbose_name=_("Raised"))
    kind = tables.Column(verbose_name=_("Kind"))
    message = tables.TemplateColumn(verbose_name=_("Message"), template_name="alerts/_message.html", orderable=False)
    dismiss = tables.TemplateColumn(
        verbose_name=_("Dismissed"), template_name="alerts/_dismiss.html", order_by="dismissed_at"
    )

    class Meta:
        empty_text = _(
            "There are no alerts. Trouble with an LDAP server or with mail, or a sync that was held back, shows up here."
        )

    def render_kind(self, record: Alert) -> Badge:
        return _KIND[AlertKind(record.kind)]
