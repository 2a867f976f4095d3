"""The table of the audit trail."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements.differences import differences
from console.elements.url_cache import address_of
from console.listing.tables.columns import TEXT, Table, TimeColumn, link_in_text, plain
from orgs.models import AuditEntry


class AuditTable(Table):
    """Who did what to whom, newest first."""

    fragment = "audit-list"
    main_column = "action"

    at = TimeColumn(verbose_name=_("When"))
    actor_label = tables.Column(verbose_name=_("Who"))
    action = tables.Column(verbose_name=_("What"))
    object_label = tables.Column(verbose_name=_("Object"))
    difference = plain(_("Before → after"), empty_values=(), attrs=TEXT)

    class Meta:
        empty_text = _("Nothing has been written yet.")

    def render_actor_label(self, record: AuditEntry) -> str | SafeString:
        if record.run_id is not None:
            by = link_in_text(address_of("runs:detail", record.run_id), f"{_('run')} {record.run_id}")
        elif record.bulk_act_id is not None:
            by = link_in_text(
                address_of("bulk_acts:detail", record.bulk_act_id), f"{_('bulk act')} {record.bulk_act_id}"
            )
        else:
            return record.actor_label
        return SafeString(f"{conditional_escape(record.actor_label)} · {by}")

    def render_object_label(self, record: AuditEntry) -> SafeString:
        label: str | SafeString = record.object_label
        if record.object_type == "bulk act":
            label = link_in_text(address_of("bulk_acts:detail", record.object_id), label)
        if record.object_type == "run":
            label = link_in_text(address_of("runs:detail", record.object_id), label)
        if record.object_type == "finished upload":
            label = link_in_text(address_of("users:upload-outcome", record.object_id), label)
        kind = conditional_escape(record.object_type)
        return SafeString(f'<span class="text-secondary">{kind}</span> {conditional_escape(label)}')

    def render_difference(self, record: AuditEntry) -> str | SafeString:
        return differences(record.before, record.after)
