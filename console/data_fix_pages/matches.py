"""Data fixes of matches: the list, and forgetting a match."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.data_fix_pages.admin_site import ActingAdmin, by
from directory.actions.users import noted_matches
from directory.models import Match


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
            lambda: noted_matches.forget(user_ids=ids, by=by(request), at=timezone.now()),
            _("Forgotten: the next sync matches anew."),
        )
        return None
