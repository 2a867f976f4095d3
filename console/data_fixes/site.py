"""The site of the data fixes, and what its pages share: actions that may refuse, and pages that only show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from directory.actions.errors import Invalid
from orgs.actions.errors import Refused
from orgs.actors import Actor, person
from orgs.models import User


class DataFixes(AdminSite):
    """Django admin without a door of its own: who wants in signs in to the console."""

    site_header = _("Rollcall: data fixes")
    site_title = _("Data fixes")
    index_title = _("Data fixes")
    site_url = "/"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Send to the sign-in of the console, which is throttled."""
        if request.user.is_authenticated:
            raise PermissionDenied
        wanted = request.GET.get("next") or resolve_url(f"{self.name}:index")
        return redirect_to_login(wanted, resolve_url(settings.LOGIN_URL))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:  # noqa: ARG002
        """Passwords are not changed here."""
        raise Http404


def by(request: HttpRequest) -> Actor:
    """Return who does this."""
    return person(cast("User", request.user))


class ActingAdmin(ModelAdmin):  # type: ignore[type-arg]
    """A page whose changes go through actions; what an action refuses is shown, and nothing is written."""

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
        """Show the form, and what an action refused."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Refused, Invalid) as reason:
            messages.error(request, str(reason))
            return HttpResponseRedirect(request.get_full_path())

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Leave related rows alone: the action wrote them."""

    def act(self, request: HttpRequest, doing: Callable[[], object], done: str) -> None:
        """Do something to the chosen rows, and say what came of it."""
        try:
            doing()
        except Refused as reason:
            messages.error(request, str(reason))
        else:
            messages.success(request, done)

    def confirm(
        self, request: HttpRequest, chosen: QuerySet[Any], *, action: str, title: object, effects: Sequence[object]
    ) -> TemplateResponse | None:
        """Return the page that names the effects; None once they are confirmed."""
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


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Rows that can be looked at and nothing else."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False


def read_only(*columns: str, search: Sequence[str] = (), filters: Sequence[str] = ()) -> type[ModelAdmin[Model]]:
    """Return an admin that only shows, with these columns."""
    options = {
        "list_display": columns,
        "search_fields": search,
        "list_filter": filters,
        "list_select_related": True,
    }
    return type("ReadOnly", (ReadOnlyAdmin,), options)
