"""The table of roles."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.badges import Badge
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, link
from orgs.models import Role


class RoleTable(Table):
    """Roles, each with the number of visible users who hold it."""

    fragment = "role-list"
    state_column = "kind"

    name = tables.Column(verbose_name=_("Name"), order_by="name_key")
    kind = tables.Column(verbose_name=_("Kind"), accessor="locked")
    permissions = tables.Column(verbose_name=_("Permissions"), orderable=False, attrs=NUMBER)
    members = tables.Column(verbose_name=_("Members"), accessor="member_count", attrs=NUMBER)

    class Meta:
        empty_text = _("No role has that name.")

    def render_name(self, record: Role) -> SafeString:
        return link(address_of("roles:detail", record.pk), record.name)

    def render_kind(self, record: Role) -> Badge:
        return badges.STANDARD if record.locked else badges.CUSTOM

    def render_permissions(self, record: Role) -> int:
        return len(record.permissions)
