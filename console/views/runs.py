"""History: starting runs, watching them, reading what they found, applying or discarding their plans."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import ConsoleRequest, author, require
from console.exports import csv_file, json_file
from console.filters.runs import ChangeFilter, RunFilter
from console.http import render_page
from console.lists import show_list
from console.run_pages import CHANGE_COLUMNS, change_rows, results, run_page, tiles
from console.tables.runs import RunTable
from directory.actions import runs
from directory.actions.errors import Refused
from directory.models import Run, Trigger
from directory.models.runs import RunQuerySet
from orgs.permissions import Permission

# Tells htmx to stop polling.
STOP_POLLING = 286


@require_safe
@require(Permission.SYSTEM)
def run_list(request: ConsoleRequest) -> HttpResponse:
    """Show all runs."""
    listing = show_list(
        request, _visible(request).newest_first().prefetch_related("readings"), table=RunTable, filters=RunFilter
    )
    return render_page(request, "runs/list.html", {"listing": listing}, fragments=("run-list",))


@require_safe
@require(Permission.SYSTEM)
def run_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one run; while it is under way the page asks for its progress until the run has ended."""
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
    # The row that opens has an id of its own, so the fragment can't be named after it.
    opened = request.htmx and request.htmx.target == f"steps-{change.pk}"
    template = "runs/change.html#change-steps" if opened else "runs/change.html"
    return render_page(request, template, {"run": run, "change": change})


@require_safe
@require(Permission.SYSTEM)
def run_csv(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the changes that the filters leave as CSV."""
    run = get_object_or_404(_visible(request), pk=pk)
    chosen = ChangeFilter(request.GET, queryset=run.changes.in_order(), request=request).qs
    return csv_file(f"run-{run.pk}.csv", CHANGE_COLUMNS, change_rows(chosen))


@require_safe
@require(Permission.SYSTEM)
def run_json(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the run with all its changes as JSON."""
    run = get_object_or_404(_visible(request), pk=pk)
    return json_file(f"run-{run.pk}.json", results.summary(run), "changes", results.changes(run))


@require_POST
@require(Permission.SYSTEM)
def simulate(request: ConsoleRequest) -> HttpResponse:
    """Start a simulation of all servers."""
    return _start(request, simulated=True)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def synchronize(request: ConsoleRequest) -> HttpResponse:
    """Ask first, showing what the last simulation found; then start a real run of all servers."""
    if request.method == "POST":
        return _start(request, simulated=False)
    last = _visible(request).finished_simulations().newest_first().prefetch_related("readings").first()
    return render_page(request, "runs/synchronize.html", {"last": last, "tiles": tiles(last) if last else []})


def _start(request: ConsoleRequest, *, simulated: bool) -> HttpResponse:
    start = partial(runs.start, servers=(), simulated=simulated, trigger=Trigger.HAND)
    return _do(request, start, "ldap_servers:list")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ADMIN)
def apply_plan(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Say what applying the stored plan changes, and have it applied."""
    run = get_object_or_404(_visible(request), pk=pk)
    if request.method == "POST":
        return _do(request, partial(runs.apply_plan, run=run), run)
    return render_page(request, "runs/apply.html", {"run": run, "tiles": tiles(run)})


@require_POST
@require(Permission.ADMIN)
def discard(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Give up a held-back plan."""
    run = get_object_or_404(_visible(request), pk=pk)
    return _do(request, partial(runs.discard, run=run), run, _("The plan is discarded; nothing was changed."))


@require_POST
@require(Permission.SYSTEM)
def cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask a run to stop."""
    run = get_object_or_404(_visible(request), pk=pk)
    return _do(request, partial(runs.cancel, run=run), run, _("The run stops at its next step."))


def _do(request: ConsoleRequest, act: Callable[..., Run], back: Run | str, done: str = "") -> HttpResponse:
    """Do it and show the run that came of it; when it is refused, say why where the viewer came from."""
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
