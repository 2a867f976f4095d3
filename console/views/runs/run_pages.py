"""Runs: history, start, progress, results, exports, and the actions on plans."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.http.page_requests import STOP_POLLING, render_page
from console.listing.exports import csv_file, json_file
from console.listing.filters.runs import ChangeFilter, RunFilter
from console.listing.listing import show_list
from console.listing.tables.runs import RunTable
from console.presenters import leaving_devices
from console.presenters.runs import CHANGE_COLUMNS, change_rows, plan_of, run_page, tiles
from console.security.access import ConsoleRequest, author, confirmed, require
from directory.actions import plan_approvers, run_start_and_cancel, stored_plans
from directory.actions import undo as undo_actions
from directory.input_errors import Refused
from directory.models import LdapServer, Run, Trigger
from directory.models.runs.run import RunQuerySet
from directory.sync.finish import json_summary
from orgs.permissions import Permission


@require_safe
@require(Permission.SYSTEM)
def run_list(request: ConsoleRequest) -> HttpResponse:
    """Show all runs."""
    listing = show_list(request, _visible(request).newest_first().for_a_list(), table=RunTable, filters=RunFilter)
    return render_page(request, "runs/list.html", {"listing": listing}, fragments=("run-list",))


@require_safe
@require(Permission.SYSTEM)
def run_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one run; until the run has ended, the page polls its progress."""
    run = get_object_or_404(_visible(request), pk=pk)
    context = {"run": run, "page": run_page(run, request), "now": timezone.now()}
    response = render_page(request, "runs/detail.html", context, fragments=("run-progress", "run-changes"))
    if request.htmx and request.htmx.target == "run-progress" and not run.live:
        response.status_code = STOP_POLLING
    return response


@require_safe
@require(Permission.SYSTEM)
def change_detail(request: ConsoleRequest, pk: int, change_pk: int) -> HttpResponse:
    """Show the steps that led to one user's change."""
    run = get_object_or_404(_visible(request), pk=pk)
    change = get_object_or_404(run.changes.select_related("user"), pk=change_pk)
    # Each row has its own id, so the fragment can't have the name of the element.
    is_open = request.htmx and request.htmx.target == f"steps-{change.pk}"
    template = "runs/change.html#change-steps" if is_open else "runs/change.html"
    leaving = leaving_devices.of_change(run, change, at=timezone.now())
    return render_page(request, template, {"run": run, "change": change, "leaving": leaving})


@require_safe
@require(Permission.SYSTEM)
def run_csv(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the filtered changes as CSV."""
    run = get_object_or_404(_visible(request), pk=pk)
    chosen = ChangeFilter(request.GET, queryset=run.changes.in_order(), request=request).qs
    return csv_file(f"run-{run.pk}.csv", CHANGE_COLUMNS, change_rows(chosen))


@require_safe
@require(Permission.SYSTEM)
def run_json(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the run with all its changes as JSON."""
    run = get_object_or_404(_visible(request), pk=pk)
    at = timezone.now()
    summary, changes = json_summary.summary(run, at=at), json_summary.changes(run, at=at)
    return json_file(f"run-{run.pk}.json", summary, "changes", changes)


@require_POST
@require(Permission.SYSTEM)
def simulate(request: ConsoleRequest) -> HttpResponse:
    """Start a simulation of all servers."""
    return _start(request, simulated=True)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def synchronize(request: ConsoleRequest) -> HttpResponse:
    """Show the result of the last simulation and ask; then start a real run of all servers."""
    if request.method == "POST":
        return _start(request, simulated=False)
    last = _visible(request).finished_simulations().newest_first().prefetch_related("readings").first()
    requiring = LdapServer.objects.visible_to(request.user).enabled().requiring_approval().in_order()
    context = {"last": last, "tiles": tiles(last) if last else [], "approval": requiring}
    return render_page(request, "runs/synchronize.html", context)


def _start(request: ConsoleRequest, *, simulated: bool) -> HttpResponse:
    start = partial(run_start_and_cancel.start, servers=(), simulated=simulated, trigger=Trigger.HAND)
    return _do(request, start, "ldap_servers:list")


def _decides(view: Callable[[ConsoleRequest, int], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Allow a page to users who may apply or discard the run's plan; some plans need a SYSADMIN."""

    @functools.wraps(view)
    def guarded(request: ConsoleRequest, pk: int) -> HttpResponseBase:
        if not request.user.may(plan_approvers.permission(get_object_or_404(_visible(request), pk=pk))):
            raise PermissionDenied
        return view(request, pk)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@_decides
@confirmed
def apply_plan(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the effects of applying the stored plan, and start the run that applies it."""
    run = get_object_or_404(_visible(request), pk=pk)
    if request.method == "POST":
        return _do(request, partial(stored_plans.apply_plan, run=run), run)
    context = {"run": run, "tiles": tiles(run), "plan": plan_of(run, request)}
    return render_page(request, "runs/apply.html", context)


@require_POST
@require(Permission.SYSTEM)
@_decides
def discard(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Discard a plan that waits."""
    run = get_object_or_404(_visible(request), pk=pk)
    return _do(request, partial(stored_plans.discard, run=run), run, _("The plan is discarded; nothing was changed."))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ADMIN)
@confirmed
def undo(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what the run did, and start the run that plans its undo."""
    run = get_object_or_404(_visible(request), pk=pk)
    if request.method == "POST":
        return _do(request, partial(undo_actions.start, run=run), run)
    context = {"run": run, "tiles": tiles(run), "problem": undo_actions.why_not(run)}
    return render_page(request, "runs/undo.html", context)


@require_POST
@require(Permission.SYSTEM)
def cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask a run to stop."""
    run = get_object_or_404(_visible(request), pk=pk)
    return _do(request, partial(run_start_and_cancel.cancel, run=run), run, _("The run stops at its next step."))


def _do(request: ConsoleRequest, act: Callable[..., Run], back: Run | str, done: str = "") -> HttpResponse:
    """Call ``act`` and redirect to the run that it returns; if it is refused, redirect to ``back`` and show why."""
    try:
        run = act(by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, str(reason))
        return redirect(back) if isinstance(back, str) else redirect("runs:detail", pk=back.pk)
    if done:
        messages.success(request, done)
    return redirect("runs:detail", pk=run.pk)


def _visible(request: ConsoleRequest) -> RunQuerySet:
    return Run.objects.visible_to(request.user)
