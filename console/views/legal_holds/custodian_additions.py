"""Puts users on hold: found by a search or a filter, or listed in a file; asks first, with everybody's name."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console.forms.legal_holds.matters import CustodianListForm
from console.http.page_requests import render_page
from console.http.upload_size_limit import too_large
from console.listing.filters.users import UserFilter
from console.listing.listing import show_list
from console.listing.tables.legal_holds import FoundUserTable
from console.presenters.legal_holds import custodian_lists, hold_effects
from console.presenters.legal_holds.custodian_lists import MOST_AT_ONCE, BadList, ListRow
from console.presenters.legal_holds.named_effects import HoldPreview
from console.security.access import ConsoleRequest, require
from console.views.legal_holds.matter_access import chosen_ids, managed_matter, way_back
from console.views.legal_holds.named_outcomes import carry_out_by_name
from orgs.actions import legal_holds
from orgs.models import Matter, User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


@require_safe
@require(Permission.USER)
def find_custodians(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Search and filter the users whom the matter does not hold yet, to choose some or all of them."""
    matter = managed_matter(request, pk)
    if not matter.open:
        return _closed(request, matter)
    listing = show_list(request, _free(request, matter), table=FoundUserTable, filters=UserFilter)
    context = {
        "matter": matter,
        "listing": listing,
        "query": request.GET.urlencode(),
        "found": listing.table.paginator.count,
    }
    return render_page(request, "legal_holds/find_custodians.html", context, fragments=("found-users",))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def list_custodians(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Take usernames and addresses from a file or as text, and show what becomes of each row."""
    matter = managed_matter(request, pk)
    if not matter.open:
        return _closed(request, matter)
    form = CustodianListForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"matter": matter, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            text = _text(request, form)
            rows = custodian_lists.fates(custodian_lists.cells(text), matter, request.user)
        except BadList as bad:
            form.add_error(None, str(bad))
        else:
            context |= _fates(rows)
            # What was read stands in the form, so that it can be mended in place.
            context["form"] = CustodianListForm(initial={"names": text})
    return render_page(request, "legal_holds/list_custodians.html", context)


def _text(request: ConsoleRequest, form: CustodianListForm) -> str:
    if too_large(request):
        raise BadList(_("The file is too large: split it."))
    file = form.cleaned_data["file"]
    return custodian_lists.decoded(file.read()) if file else form.cleaned_data["names"]


def _fates(rows: list[ListRow]) -> dict[str, Any]:
    wrong = [row for row in rows if row.problem]
    new = [row for row in rows if row.user_id is not None and not row.there]
    there = [row for row in rows if row.there]
    return {"rows": rows, "wrong": wrong, "new": new, "there": there, "users": [row.user_id for row in new]}


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def put_on_hold(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Show by name what putting the chosen users on hold does, and do it when that is confirmed."""
    matter = managed_matter(request, pk)
    if not matter.open:
        return _closed(request, matter)
    ids = _chosen(request, matter)
    users: UserQuerySet = User.objects.visible_to(request.user).managed_by(request.user).filter(pk__among=ids)
    preview = hold_effects.of_adding(matter, users) if 0 < len(ids) <= MOST_AT_ONCE else HoldPreview([])
    if len(ids) > MOST_AT_ONCE:
        words = _(
            "More people than one act may hold (%(count)d): narrow the filter, for example to one org, and do it in parts. Or choose them in the "
            "list of users and put them on hold there: that goes on in the background."
        )
        preview.refusals.append(words % {"count": MOST_AT_ONCE})
    elif not preview.users:
        preview.refusals.append(_("Nobody is chosen whom this matter does not hold already."))
    if request.method == "POST" and "confirmed" in request.POST:
        action = partial(legal_holds.add_custodians, user_ids=list(preview.users))
        return carry_out_by_name(request, matter, preview, action, back=way_back(request, matter))
    many = f"{reverse('users:list')}?{request.POST.get('filter', '')}" if len(ids) > MOST_AT_ONCE else ""
    context = {"matter": matter, "preview": preview, "many": many, "back": request.GET.get("back") == "user" and ids}
    return render_page(request, "legal_holds/put_on_hold.html", context)


def _closed(request: ConsoleRequest, matter: Matter) -> HttpResponse:
    messages.error(request, _("%(name)s is closed: open it again first.") % {"name": matter.name})
    return redirect("legal_holds:detail", pk=matter.pk)


def _chosen(request: ConsoleRequest, matter: Matter) -> list[int]:
    if "all" not in request.POST:
        return chosen_ids(request)
    found = UserFilter(QueryDict(request.POST.get("filter", "")), queryset=_free(request, matter), request=request).qs
    return list(found.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])


def _free(request: ConsoleRequest, matter: Matter) -> UserQuerySet:
    users: UserQuerySet = User.objects.visible_to(request.user).managed_by(request.user).with_hold()
    present = matter.custodians.filter(released_at=None).values("user")
    return users.exclude(pk__in=present).select_related("org")
