"""Opens, edits, closes and reopens matters."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from console.forms.legal_holds.matters import MatterForm
from console.http.page_requests import render_page
from console.presenters.legal_holds import hold_effects, outcomes
from console.presenters.legal_holds.custodian_lists import MOST_AT_ONCE
from console.presenters.legal_holds.named_effects import HoldPreview
from console.security.access import ConsoleRequest, author, require
from console.views.legal_holds.matter_access import managed_matter
from console.views.legal_holds.named_outcomes import carry_out_by_name
from directory.input_errors import Refused
from orgs.actions import legal_holds
from orgs.actions.legal_holds import Reopened
from orgs.actions.matters import matter_edits
from orgs.actions.matters.matter_edits import MatterChangedMeanwhile
from orgs.models import Matter
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def matter_add(request: ConsoleRequest) -> HttpResponseBase:
    """Open a matter."""
    form = MatterForm(request.POST if request.method == "POST" else None, viewer=request.user)
    if form.is_valid():
        text = form.text()
        try:
            matter = legal_holds.open_matter(
                name=text.name,
                reference=text.reference,
                policy=text.policy,
                org=text.org,
                notes=text.notes,
                by=author(request),
                at=timezone.now(),
            )
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is open. It holds nobody yet.") % {"name": matter.name})
            return redirect("legal_holds:detail", pk=matter.pk)
    return render_page(request, "legal_holds/form.html", {"form": form, "matter": None})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def matter_edit(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Edit what a matter says; the second of two editors sees what is stored."""
    matter = managed_matter(request, pk)
    form = MatterForm(request.POST if request.method == "POST" else None, viewer=request.user, matter=matter)
    context: dict[str, Any] = {"form": form, "matter": matter}
    if form.is_valid():
        try:
            matter_edits.edit(
                matter_id=pk,
                text=form.text(),
                known=form.cleaned_data["version"],
                by=author(request),
                at=timezone.now(),
            )
        except MatterChangedMeanwhile as reason:
            form.take_over_version(matter)
            context["overtaken"] = str(reason)
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": form.cleaned_data["name"].strip()})
            return redirect("legal_holds:detail", pk=pk)
    return render_page(request, "legal_holds/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def matter_close(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show by name what closing the matter does, and close it."""
    matter = managed_matter(request, pk)
    preview = hold_effects.of_closing(matter, request.user, at=timezone.now())
    if len(preview.users) > MOST_AT_ONCE:
        refusal = _("More people than one act may release (%(most)d): release some first.")
        preview.refusals.append(refusal % {"most": MOST_AT_ONCE})
    if not matter.open:
        preview = HoldPreview([], [], [_("%(name)s is closed already.") % {"name": matter.name}])
    if request.method == "POST":
        words = _("%(name)s is closed.") % {"name": matter.name}
        return carry_out_by_name(request, matter, preview, legal_holds.close_matter, words=lambda _result: words)
    return render_page(request, "legal_holds/close.html", {"matter": matter, "preview": preview})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def matter_reopen(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show by name whom the matter would hold again and whom not, and open it."""
    matter = managed_matter(request, pk)
    preview = (
        HoldPreview([], [], [_("%(name)s is open already.") % {"name": matter.name}])
        if matter.open
        else hold_effects.of_reopening(matter, request.user)
    )
    if request.method == "POST":
        words = partial(_reopened, matter)
        return carry_out_by_name(request, matter, preview, legal_holds.reopen_matter, words=words)
    return render_page(request, "legal_holds/reopen.html", {"matter": matter, "preview": preview})


def _reopened(matter: Matter, result: Reopened) -> str:
    words = [_("%(name)s is open again.") % {"name": matter.name}]
    if result.lost:
        lost = ngettext(
            "%(count)d user stays released, as no archive is left: %(names)s.",
            "%(count)d users stay released, as no archive is left: %(names)s.",
            len(result.lost),
        )
        words.append(lost % {"count": len(result.lost), "names": outcomes.in_words(outcomes.names_of(result.lost))})
    return " ".join(words)
