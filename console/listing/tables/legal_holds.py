"""The tables of matters and of a matter's custodians."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.badges import Badge
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, TimeColumn, link
from orgs.models import Custodian, Matter


class MatterTable(Table):
    """Matters, open and closed."""

    fragment = "matter-list"
    state_column = "state"

    name = tables.Column(verbose_name=_("Name"))
    state = tables.Column(verbose_name=_("State"), accessor="open", order_by="closed_at")
    policy = tables.Column(verbose_name=_("Preservation policy"), default="–")
    custodians = tables.Column(verbose_name=_("Custodians"), accessor="custodian_count", attrs=NUMBER)
    opened_at = TimeColumn(verbose_name=_("Opened"))
    closed_at = TimeColumn(verbose_name=_("Closed"), default="–")

    class Meta:
        empty_text = _("There are no legal holds. A matter keeps its custodians' data whatever a sync decides.")

    def render_name(self, record: Matter) -> SafeString:
        return link(address_of("legal_holds:detail", record.pk), record.name)

    def render_state(self, record: Matter) -> Badge:
        return badges.OPEN if record.open else badges.CLOSED


class CustodianTable(Table):
    """The present and former custodians of a matter."""

    fragment = "custodian-list"
    state_column = "states"

    user = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    name = tables.Column(verbose_name=_("Name"), accessor="user__full_name", orderable=False)
    org = tables.Column(verbose_name=_("Org"), accessor="user__org__name", order_by="user__org__name_key")
    states = tables.Column(verbose_name=_("State"), empty_values=(), orderable=False)
    added_at = TimeColumn(verbose_name=_("Added"))
    released_at = TimeColumn(verbose_name=_("Released"), default=_("still held"))

    class Meta:
        empty_text = _("This matter holds nobody.")

    def render_user(self, record: Custodian) -> SafeString:
        return link(address_of("users:detail", record.user_id), record.user.username)

    def render_states(self, record: Custodian) -> SafeString:
        return badges.side_by_side(badges.user_states(record.user))
