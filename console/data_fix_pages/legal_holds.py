"""Data fixes of legal holds: open and close matters, add and release custodians."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.data_fix_pages.admin_site import ActingAdmin, by
from orgs.actions import legal_holds, locks
from orgs.actions.errors import Refused
from orgs.models import Custodian, Matter, User
from orgs.rules.actors import Actor


def _will_be_deactivated(custodians: QuerySet[Custodian]) -> str:
    count = User.objects.filter(pk__in=custodians.filter(released_at=None).values("user"), pending=True).count()
    return ngettext(
        "%(count)d custodian waits for deactivation, which happens at once unless another matter holds them.",
        "%(count)d custodians wait for deactivation, which happens at once unless another matter holds them.",
        count,
    ) % {"count": count}


class MatterAdmin(ActingAdmin):
    """Matters: the form opens a new one, an action of the list closes them."""

    list_display = ("name", "policy", "opened_at", "closed_at")
    search_fields = ("name", "policy")
    fields = ("name", "reference", "preservation_policy", "org", "notes")
    actions = ("close",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Make every field of a stored object read-only."""
        return () if obj is None else (*self.fields, "policy", "opened_at", "closed_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the dates of a stored matter."""
        return self.fields if obj is None else (*self.fields, "policy", "opened_at", "closed_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Open a matter through the action."""
        if change:
            return
        given = form.cleaned_data
        matter = legal_holds.open_matter(
            name=given["name"],
            reference=given["reference"],
            policy=given["preservation_policy"],
            org=given["org"],
            notes=given["notes"],
            by=by(request),
            at=timezone.now(),
        )
        obj.pk = matter.pk

    @admin.action(description=gettext_lazy("Close the chosen matters"))
    def close(self, request: HttpRequest, chosen: QuerySet[Matter]) -> HttpResponse | None:
        """Show the effects, then close the chosen matters."""
        effects = [
            _("All their custodians are released."),
            _will_be_deactivated(Custodian.objects.filter(matter__in=chosen.values("pk"))),
        ]
        if page := self.confirm(request, chosen, action="close", title=_("Close matters"), effects=effects):
            return page
        for matter in chosen:
            self.act(
                request,
                lambda matter=matter: legal_holds.close_matter(matter=matter, by=by(request), at=timezone.now()),  # type: ignore[misc]
                lambda gone, matter=matter: (
                    _("%(matter)s is closed. Deactivated: %(count)d.")  # type: ignore[misc]
                    % {"matter": matter.name, "count": len(gone)}
                ),
            )
        return None


class CustodianAdmin(ActingAdmin):
    """Custodians: the form adds a user to an open matter, an action of the list releases them."""

    list_display = ("user", "matter", "added_at", "released_at")
    list_select_related = ("user", "matter")
    search_fields = ("user__username", "matter__name")
    raw_id_fields = ("matter", "user")
    actions = ("release",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the matter and the user of a new custodian."""
        return ("matter", "user") if obj is None else ("matter", "user", "added_at", "released_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Make every field of a stored object read-only."""
        return () if obj is None else ("matter", "user", "added_at", "released_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Put the user on hold through the action."""
        if change:
            return
        matter, user = form.cleaned_data["matter"], form.cleaned_data["user"]
        legal_holds.add_custodians(matter=matter, user_ids=[user.pk], by=by(request), at=timezone.now())
        obj.pk = Custodian.objects.get(matter=matter, user=user, released_at=None).pk

    @admin.action(description=gettext_lazy("Release the chosen custodians"))
    def release(self, request: HttpRequest, chosen: QuerySet[Custodian]) -> HttpResponse | None:
        """Show the effects, then release the chosen custodians."""
        # A user who is on hold again has another, newer row, which is not chosen.
        holding = chosen.filter(released_at=None)
        if not holding.exists():
            reason = _("none of the chosen custodians is on hold by that row any more")
            messages.error(request, _("Nothing was changed: %(reason)s.") % {"reason": reason})
            return None
        effects = [_will_be_deactivated(holding), *_left_out(chosen.exclude(released_at=None).count())]
        if page := self.confirm(request, holding, action="release", title=_("Release custodians"), effects=effects):
            return page
        for custodian in holding.select_related("matter", "user"):
            self.act(request, functools.partial(_released, custodian, by(request)), _answer_of_release)
        return None


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    words = ngettext(
        "%(count)d of the chosen custodians is released already: nothing changes there.",
        "%(count)d of the chosen custodians are released already: nothing changes there.",
        count,
    )
    return [words % {"count": count}]


@transaction.atomic
def _released(custodian: Custodian, who: Actor) -> tuple[Custodian, bool]:
    # Another release and a new hold may have come between: then this row is not the one that holds.
    locks.users([custodian.user_id])
    if not Custodian.objects.unreleased().filter(pk=custodian.pk).exists():
        raise Refused(_("%(user)s is released already") % {"user": custodian.user})
    deactivated = legal_holds.release(matter=custodian.matter, user_ids=[custodian.user_id], by=who, at=timezone.now())
    return custodian, bool(deactivated)


def _answer_of_release(done: tuple[Custodian, bool]) -> str:
    custodian, deactivated = done
    names = {"user": custodian.user, "matter": custodian.matter}
    if deactivated:
        return _("%(user)s is released from %(matter)s, and deactivated, as that was pending.") % names
    return _("%(user)s is released from %(matter)s.") % names
