"""The table of users."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.url_cache import address_of
from console.listing.tables.columns import PickColumn, Table, link, pick_box, plain
from orgs.models import User
from orgs.text import misleading


class UserTable(Table):
    """Users with their org, roles and states."""

    fragment = "user-list"
    few_values = frozenset({"org", "states"})
    state_column = "states"
    main_column = "username"

    pick = PickColumn()
    username = tables.Column(verbose_name=_("Username"), order_by="username_key")
    name = tables.Column(verbose_name=_("Name"), accessor="full_name", order_by=("last_name", "first_name"))
    email = tables.Column(verbose_name=_("Email"), default="–")
    org = tables.Column(verbose_name=_("Org"), order_by="org__name_key", accessor="org__name")
    roles = plain(_("Roles"), empty_values=())
    states = tables.Column(verbose_name=_("State"), empty_values=(), order_by=("active", "blocked", "pending"))

    class Meta:
        empty_text = _("There are no users yet. They come in by self-service, by deployment, by CSV or by hand.")

    def render_pick(self, record: User) -> SafeString:
        return pick_box("user", record.pk, gettext("Select %(user)s") % {"user": record.username})

    def render_username(self, record: User) -> SafeString:
        shown = link(address_of("users:detail", record.pk), record.username)
        if reason := misleading(record.username):
            title = gettext("This username could be taken for another one: %(reason)s.") % {"reason": reason}
            return format_html(
                '{} <span class="text-warning" title="{}">{}</span>', shown, title, gettext("look-alike")
            )
        return shown

    def render_roles(self, record: Any) -> str:
        return ", ".join(sorted(role.name for role in record.listed_roles)) or "–"

    def render_states(self, record: User) -> SafeString:
        return badges.side_by_side(badges.user_states(record))
