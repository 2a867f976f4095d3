"""The table of a role's members, and the table of users who can do one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import django_tables2 as tables
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.url_cache import address_of
from console.listing.tables.columns import Table, TimeColumn, link, plain
from orgs.models import Role, RoleGrant, User


class RoleMemberTable(Table):
    """The members of one role; ``origins`` is set after the page of rows is known."""

    fragment = "role-members"
    few_values = frozenset({"org"})
    state_column = "state"

    username = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    org = tables.Column(verbose_name=_("Org"), accessor="user__org__name", order_by="user__org__name_key")
    origin = plain(_("Comes from"), empty_values=())
    granted_at = TimeColumn(verbose_name=_("Since"))
    state = plain(_("State"), empty_values=())

    class Meta:
        empty_text = _("Nobody whom you see has this role.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.origins: Mapping[int, tuple[str, int | None]] = {}
        self.runs_linked = False

    def render_username(self, record: RoleGrant) -> SafeString:
        return link(address_of("users:detail", record.user_id), record.user.username)

    def render_origin(self, record: RoleGrant) -> str | SafeString:
        words, run_id = self.origins[record.pk]
        if run_id is None or not self.runs_linked:
            return words
        return link(address_of("runs:detail", run_id), words)

    def render_state(self, record: RoleGrant) -> SafeString:
        return badges.side_by_side(badges.user_states(record.user))


class PermissionHolderTable(Table):
    """Users who can do one thing, by which roles and where; ``giving`` are the roles that give it, ``reach`` says where."""

    fragment = "permission-holders"
    few_values = frozenset({"org"})
    state_column = "states"

    username = tables.Column(verbose_name=_("User"), order_by="username_key")
    name = tables.Column(verbose_name=_("Name"), accessor="full_name", order_by=("last_name", "first_name"))
    org = tables.Column(verbose_name=_("Org"), order_by="org__name_key", accessor="org__name")
    roles = plain(_("By"), empty_values=())
    where = plain(_("Where"), empty_values=())
    states = tables.Column(verbose_name=_("State"), empty_values=(), order_by=("active", "blocked", "pending"))

    class Meta:
        empty_text = _("Nobody whom you see can do this.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.giving: Sequence[Role] = ()
        self.reach: Callable[[User, list[Role]], str] | None = None

    def render_username(self, record: User) -> SafeString:
        return link(address_of("users:powers", record.pk), record.username)

    def render_roles(self, record: Any) -> SafeString:
        found = self._roles(record)
        return SafeString(", ".join(link(address_of("roles:detail", role.pk), role.name) for role in found))

    def render_where(self, record: User) -> str:
        return self.reach(record, self._roles(record)) if self.reach is not None else ""

    def render_states(self, record: User) -> SafeString:
        return badges.side_by_side(badges.user_states(record))

    def _roles(self, record: Any) -> list[Role]:
        giving = {role.pk for role in self.giving}
        return sorted((role for role in record.listed_roles if role.pk in giving), key=lambda role: str(role.name))
