"""The tables of acts on many users, and of the results of one."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.badges import Badge
from console.elements.url_cache import address_of
from console.listing.tables.columns import TEXT, Table, TimeColumn, link, plain
from directory.models import BulkAct, BulkActUser, BulkState


class BulkActTable(Table):
    """Acts on many users, newest first; the counts are on the page of each, as they depend on who looks."""

    fragment = "bulk-act-list"
    main_column = "act"
    state_column = "state"

    created_at = TimeColumn(verbose_name=_("When"))
    act = tables.Column(verbose_name=_("Act"), accessor="kind", order_by="kind")
    state = tables.Column(verbose_name=_("State"))
    started_by_label = tables.Column(verbose_name=_("Begun by"))

    class Meta:
        empty_text = _("Nothing has been done to many users at once yet. Tick users in the list of users to begin.")

    def render_act(self, record: BulkAct) -> SafeString:
        name = f"{record.get_kind_display()} · {record.pk}"
        if record.undo_of_id is not None:
            name = gettext("%(act)s, undo of %(id)d") % {"act": name, "id": record.undo_of_id}
        page = "bulk_acts:ask" if record.state == BulkState.PREPARED else "bulk_acts:detail"
        return link(address_of(page, record.pk), name)

    def render_state(self, record: BulkAct) -> Badge:
        return badges.bulk_state(record)


class BulkResultTable(Table):
    """What an act came to, user by user."""

    fragment = "bulk-results"
    main_column = "username"
    state_column = "outcome"

    username = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    name = plain(_("Name"), accessor="user__full_name")
    org = plain(_("Org now"), accessor="user__org__name")
    outcome = tables.Column(verbose_name=_("Result"))
    reason = plain(_("Why"), empty_values=(), attrs=TEXT)
    done_at = TimeColumn(verbose_name=_("When"), default="–")

    class Meta:
        empty_text = _("Nobody of your part is in this act.")

    def render_username(self, record: BulkActUser) -> SafeString:
        return link(address_of("users:detail", record.user_id), record.user.username)

    def render_outcome(self, value: str) -> Badge:
        return badges.user_outcome(value)

    def render_reason(self, record: BulkActUser) -> str:
        return record.detail or record.get_reason_display() or "–"
