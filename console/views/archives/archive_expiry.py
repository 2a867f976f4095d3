"""The pages that keep archives longer in cold storage: one archive, or all that the filters of the list leave."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.devices.device_acts import KeepLongerForm
from console.http.page_requests import render_page
from console.listing.filters.archives import ArchiveFilter
from console.presenters.archives.extension_effects import keeping_longer
from console.security.access import ConsoleRequest, require
from console.views.acts import carry_out
from orgs.actions.devices_by_hand import archive_expiry
from orgs.actions.devices_by_hand.archive_expiry import MOST_AT_ONCE, Extended, extendable
from orgs.models import Archive
from orgs.models.archives import ArchiveQuerySet
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.COMPUTER)
def keep_longer(request: ConsoleRequest) -> HttpResponse:
    """Ask until when the filtered archives are kept, show the effects, and keep them."""
    filters = ArchiveFilter(request.GET, queryset=_managed(request), request=request)
    query = request.GET.copy()
    query.pop("until", None)
    back = f"{reverse('archives:list')}?{query.urlencode()}"
    if not filters.is_valid():
        # Without the filter these would be more archives than the viewer means.
        messages.error(request, _("A filter is not valid, so nothing is kept longer: set the filters again."))
        return HttpResponseRedirect(back)
    return _page(request, filters.qs, back, {"query": list(query.items())})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.COMPUTER)
def keep_one_longer(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask until when one archive is kept, show the effect, and keep it."""
    archive = get_object_or_404(_managed(request).select_related("device__user__org"), pk=pk)
    back = reverse("devices:detail", args=[archive.device_id])
    return _page(request, _managed(request).filter(pk=pk), back, {"archive": archive})


def _page(request: ConsoleRequest, archives: ArchiveQuerySet, back: str, context: dict[str, object]) -> HttpResponse:
    form = KeepLongerForm(request.GET if "until" in request.GET else None)
    context |= {"form": form, "back": back, "count": archives.count(), "most": MOST_AT_ONCE}
    if not form.is_valid():
        return render_page(request, "archives/keep_longer.html", context)
    until = form.moment()
    later = extendable(archives, until=until, at=timezone.now())
    if request.method == "POST":
        ids = list(later.values_list("pk", flat=True))
        if request.POST.get("shown") != str(len(ids)):
            messages.error(
                request, _("Nothing is kept longer yet, as these are other archives by now: look at the effects again.")
            )
            return HttpResponseRedirect(request.get_full_path())
        action = partial(archive_expiry.extend, archive_ids=ids, until=until)
        return carry_out(request, action, done=_done, back=back)
    context |= {"effects": keeping_longer(archives, until=until, at=timezone.now()), "later": later.count()}
    context["day"] = date_format(form.cleaned_data["until"], "Y-m-d")
    return render_page(request, "archives/keep_longer_confirm.html", context)


def _done(extended: Extended) -> str:
    words = _("Kept longer: %(archives)d. Changed meanwhile, and left as they are: %(unchanged)d.")
    return words % {"archives": extended.archives, "unchanged": extended.unchanged}


def _managed(request: ConsoleRequest) -> ArchiveQuerySet:
    found: ArchiveQuerySet = Archive.objects.visible_to(request.user).managed_by(request.user)
    return found
