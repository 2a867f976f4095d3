"""The admin site of the data fixes, and base classes: pages that change data by actions, and read-only pages."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from console.data_fix_pages.help_lines import HELP_LINES
from console.security.access import ask_to_confirm
from console.security.sessions import is_confirmed, origin
from directory.input_errors import Invalid
from directory.values import server_fields
from orgs.actions.errors import Refused
from orgs.actions.users import sign_in_trail
from orgs.models import User
from orgs.rules.actors import Actor, person

Done = TypeVar("Done")
_SECRETS = frozenset({"password", "sha256", *server_fields.secrets()})
_TOO_LONG_A_NUMBER = re.compile(r"\d{19}")


class DataFixes(AdminSite):
    """Django admin without its own sign-in: users sign in to the console."""

    site_header = _("Data fixes")
    site_title = _("Rollcall")
    index_title = _("Data fixes")
    site_url = "/"
    # The console's own menu stands there.
    enable_nav_sidebar = False

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Add the line of help to each model."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            for model in app["models"]:
                model["help_line"] = HELP_LINES[model["model"]]
        return apps

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Ask for the password again before every page, unless it was entered in the last minutes."""
        inner = super().admin_view(view, cacheable)

        @functools.wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            needs_password = self.has_permission(request) and not is_confirmed(request)
            return ask_to_confirm(request) if needs_password else inner(request, *args, **kwargs)

        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the sign-in of the console, which is throttled."""
        if request.user.is_authenticated:
            raise PermissionDenied
        address = request.GET.get("next") or resolve_url(f"{self.name}:index")
        return redirect_to_login(address, resolve_url(settings.LOGIN_URL))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """End the session, as the console's own button does."""
        if request.method == "POST" and isinstance(request.user, User):
            sign_in_trail.note_sign_in(request.user, "signed out", origin=origin(request), at=timezone.now())
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Redirect to the page on which users change their own password."""
        return HttpResponseRedirect(resolve_url("account:password"))


def by(request: HttpRequest) -> Actor:
    """Return the signed-in user as the actor."""
    return person(cast("User", request.user))


class Careful(ModelAdmin):  # type: ignore[type-arg]
    """Base of all pages: shows the line of help, refuses filters by secrets, and ignores ids that no row can have."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the name of the rows and the line of help above the list."""
        context = {"title": capfirst(self.opts.verbose_name_plural), "help_line": HELP_LINES[self.model]}
        return super().changelist_view(request, context | (extra_context or {}))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the line of help above the form."""
        context = {"help_line": HELP_LINES[self.model], **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters by a secret, which would reveal it letter by letter, and numbers that no database can hold."""
        if not _SECRETS.isdisjoint(lookup.split("__")) or _TOO_LONG_A_NUMBER.search(value):
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]  # the stubs have no None

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *_: Any, **__: Any) -> Any:
        """Drop chosen ids that no row can have."""
        given = request.POST.copy()
        chosen = [
            key for key in given.getlist(ACTION_CHECKBOX_NAME) if key.isascii() and key.isdecimal() and len(key) < 19
        ]
        given.setlist(ACTION_CHECKBOX_NAME, chosen)
        request.POST = given  # type: ignore[assignment]  # a copy, which Django admin only reads
        return super().response_action(request, queryset)


class ActingAdmin(Careful):
    """A page that changes data through actions; if an action refuses, the page shows why and nothing is written."""

    actions_on_bottom = True
    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form; if an action refuses, show why."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Refused, Invalid) as reason:
            messages.error(request, _("Nothing was changed: %(reason)s.") % {"reason": reason})
            return HttpResponseRedirect(request.get_full_path())

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write no related rows: the action has written them."""

    def act(self, request: HttpRequest, doing: Callable[[], Done], answer: str | Callable[[Done], str]) -> None:
        """Call ``doing`` and show ``answer``, a text or a function of the result; if it is refused, show why."""
        try:
            done = doing()
        except Refused as reason:
            messages.error(request, _("Nothing was changed: %(reason)s.") % {"reason": reason})
        else:
            messages.success(request, answer if isinstance(answer, str) else answer(done))

    def confirm(
        self, request: HttpRequest, chosen: QuerySet[Any], *, action: str, title: object, effects: Sequence[object]
    ) -> TemplateResponse | None:
        """Return the page that shows the effects; None once they are confirmed."""
        if "confirmed" in request.POST:
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.model._meta,
            "effects": effects,
            "chosen": chosen[:100],
            "ids": chosen.values_list("pk", flat=True),
            "action": action,
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)


class ReadOnlyAdmin(Careful):
    """A page that shows rows and changes nothing."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False


def read_only(
    *columns: str, search: Sequence[str] = (), filters: Sequence[str] = (), hidden: Sequence[str] = ()
) -> type[ModelAdmin[Model]]:
    """Return a read-only admin class with these columns; no page shows the ``hidden`` fields."""
    options = {
        "exclude": hidden,
        "list_display": columns,
        "search_fields": search,
        "list_filter": filters,
        "list_select_related": True,
    }
    return type("ReadOnly", (ReadOnlyAdmin,), options)
