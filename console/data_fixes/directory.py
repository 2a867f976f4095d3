"""Data fixes of LDAP servers (read-only), of matches, and of the sync's settings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.data_fixes.site import ActingAdmin, ReadOnlyAdmin, by
from console.forms.settings import NotificationForm
from directory.actions import matches, settings
from directory.models import LdapServer, Match
from directory.values import server_fields


class LdapServerAdmin(ReadOnlyAdmin):
    """LDAP servers as stored, without password and key; they are changed on the page LDAP servers."""

    list_display = ("name", "enabled", "search_base", "position", "its_page")
    exclude = tuple(server_fields.secrets())
    search_fields = ("name",)

    def its_page(self, obj: LdapServer) -> SafeString:
        """Link to the page that changes the server."""
        return format_html('<a href="{}">{}</a>', reverse("ldap_servers:edit", args=[obj.pk]), _("Change it there"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        """Put the link above the fields."""
        return ["its_page"]


class MatchAdmin(ActingAdmin):
    """The entry that each user was last matched to; the action of the list forgets wrong matches."""

    list_display = ("user", "server", "dn", "unique_id", "matched_at")
    list_select_related = ("user", "server")
    search_fields = ("user__username", "dn", "unique_id", "user__known_ids__unique_id")
    actions = ("forget",)

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    @admin.action(description=gettext_lazy("Forget the match"))
    def forget(self, request: HttpRequest, chosen: QuerySet[Match]) -> HttpResponse | None:
        """Show the effects, then forget the chosen matches."""
        ids = list(chosen.values_list("pk", flat=True))
        effects = [
            ngettext(
                "The next sync looks for %(count)d user by username alone, and takes whoever has it there for that user.",
                "The next sync looks for %(count)d users by username alone, and takes whoever has it there for that user.",
                len(ids),
            )
            % {"count": len(ids)},
            _("If a username now belongs to someone else, that person gets the user's devices and archives."),
        ]
        if page := self.confirm(request, chosen, action="forget", title=_("Forget matches"), effects=effects):
            return page
        self.act(
            request,
            lambda: matches.forget(user_ids=ids, by=by(request), at=timezone.now()),
            _("Forgotten: the next sync matches anew."),
        )
        return None


class SyncSettingsForm(NotificationForm):
    """All settings of the sync in one form."""

    class Meta(NotificationForm.Meta):
        fields = [*NotificationForm.Meta.fields, "interval_hours"]


class SyncSettingsAdmin(ActingAdmin):
    """The one row of settings."""

    form = SyncSettingsForm
    actions = None

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        """Save through the action."""
        settings.save(values=form.values(), by=by(request), at=timezone.now())
