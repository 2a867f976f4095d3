"""The pages before an act on many users: choose, answer what it needs, see the effects and confirm; the same for an undo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.forms.bulk.bulk_acts import ArgumentForm, TypedCountForm
from console.http.page_requests import render_page
from console.listing.filters.chosen_users import chosen_users
from console.presenters.bulk_acts.act_effects import bulk_effects
from console.presenters.bulk_acts.act_kinds import words_of
from console.security.access import ConsoleRequest, ask_to_confirm, author, confirmed_if, require
from console.security.sessions import is_confirmed
from console.views.acts import carry_out
from directory.actions.bulk import choosing, confirmation
from directory.actions.bulk.bulk_terms import WITH_ARGUMENT, BulkTerms, problem, terms_of
from directory.actions.bulk.confirmation import BulkConfirmation
from directory.input_errors import Refused
from directory.models import BulkAct, BulkKind, BulkState
from directory.models.bulk.bulk_acts import BulkActQuerySet
from directory.values.bulk import bulk_limits
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


@require_POST
@require(Permission.USER)
def choose(request: ConsoleRequest) -> HttpResponse:
    """Note the chosen users for an act, and go on to the question; nothing is done to them yet."""
    kind = request.POST.get("act", "")
    if kind not in BulkKind:
        messages.error(request, _("There is no such act."))
        return HttpResponseRedirect(reverse("users:list"))
    try:
        users, filters = chosen_users(request)
        act = choosing.prepare(kind=BulkKind(kind), users=users, filters=filters, by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, str(reason))
        filters = request.POST.get("filters", "")
        return HttpResponseRedirect(f"{reverse('users:list')}?{filters}" if filters else reverse("users:list"))
    return HttpResponseRedirect(reverse("bulk_acts:ask", args=[act.pk]))


@require_POST
@require(Permission.USER)
def undo(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Note the users whom an act has changed for its undo, and go on to the question; nothing is done to them yet."""
    act = get_object_or_404(BulkAct.objects.visible_to(request.user), pk=pk)
    try:
        prepared = choosing.prepare_undo(act=act, by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, str(reason))
        return HttpResponseRedirect(reverse("bulk_acts:detail", args=[act.pk]))
    return HttpResponseRedirect(reverse("bulk_acts:ask", args=[prepared.pk]))


@dataclass(frozen=True, slots=True)
class _BulkQuestion:
    """An act that is about to be confirmed: its terms with the chosen argument, and the form that has it."""

    act: BulkAct
    terms: BulkTerms
    form: ArgumentForm

    @property
    def parameters(self) -> dict[str, Any]:
        """The argument as parameters of the address."""
        return {name: value.pk for name, value in self.form.cleaned_data.items()}

    @property
    def address(self) -> str:
        """The address of this question, with the argument."""
        return f"{reverse('bulk_acts:ask', args=[self.act.pk])}?{urlencode(self.parameters)}"


def _own_acts(viewer: User) -> BulkActQuerySet:
    acts: BulkActQuerySet = BulkAct.objects.filter(started_by=viewer)
    return acts.select_related("org", "role", "matter", "undo_of")


def _needed(act: BulkAct) -> str | None:
    """Return what the act needs: the name of the field of the form; None if it needs nothing."""
    return None if act.undo_of_id is not None else WITH_ARGUMENT.get(BulkKind(act.kind))


def _question(act: BulkAct, form: ArgumentForm) -> _BulkQuestion:
    return _BulkQuestion(act, confirmation.with_argument(terms_of(act), form.argument), form)


def _wants_password(request: ConsoleRequest, pk: int) -> bool:
    """Return whether an act of the viewer, with what is chosen for it, needs the password again."""
    act = _own_acts(request.user).filter(pk=pk, state=BulkState.PREPARED).first()
    if act is None or confirmation.needs_password(act):
        return act is not None
    form = ArgumentForm(request.GET, needed=_needed(act), viewer=request.user)
    return form.is_valid() and bool(_limits(_question(act, form)))


def _limits(question: _BulkQuestion) -> list[str]:
    return bulk_limits.passed(confirmation.figures(question.act, question.terms, at=timezone.now()))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed_if(_wants_password)
def ask(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Let the viewer choose what the act needs; then show its effects and ask; then put it into the queue."""
    act = get_object_or_404(_own_acts(request.user), pk=pk)
    if act.state != BulkState.PREPARED:
        return HttpResponseRedirect(reverse("bulk_acts:detail", args=[act.pk]))
    if confirmation.needs_password(act) and not is_confirmed(request):
        return ask_to_confirm(request)
    needed = _needed(act)
    form = ArgumentForm(request.POST if request.method == "POST" else request.GET, needed=needed, viewer=request.user)
    if not form.is_valid():
        context = {"act": act, "form": form, "words": words_of(act.kind), "tried": needed in request.GET}
        return render_page(request, "bulk_acts/argument.html", context)
    question = _question(act, form)
    return _confirm(request, question) if request.method == "POST" else _show(request, question)


def _confirm(request: ConsoleRequest, question: _BulkQuestion) -> HttpResponseBase:
    if not is_confirmed(request) and _limits(question):
        return ask_to_confirm(request)
    count = TypedCountForm(request.POST)
    typed = count.cleaned_data["typed"] if count.is_valid() else None
    confirmed = BulkConfirmation(typed=typed, password_entered=is_confirmed(request))
    return carry_out(
        request,
        partial(confirmation.confirm, act=question.act, argument=question.form.argument, confirmed=confirmed),
        done=_("It has begun."),
        back=reverse("bulk_acts:detail", args=[question.act.pk]),
        refused=question.address,
    )


def _show(request: ConsoleRequest, question: _BulkQuestion) -> HttpResponse:
    act, terms, at = question.act, question.terms, timezone.now()
    users: UserQuerySet = User.objects.filter(pk__in=act.chosen.order_by().values("user"))
    figures = confirmation.figures(act, terms, at=at)
    limits = bulk_limits.passed(figures)
    context = {
        "act": act,
        "words": words_of(act.kind),
        "title": words_of(act.kind).title % {"count": act.total},
        "effects": bulk_effects(users, terms, at=at),
        "problem": problem(terms),
        "limits": limits,
        "must_confirm": bool(limits) and not is_confirmed(request),
        "count_form": TypedCountForm() if bulk_limits.needs_count(figures) else None,
        "given": list(question.parameters.items()),
    }
    return render_page(request, "bulk_acts/ask.html", context)
