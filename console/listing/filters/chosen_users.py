"""Finds the users who were chosen in the list of users: those that were ticked, or all that the filters leave."""

from __future__ import annotations

from django.http import QueryDict

from console.listing.filters.users import UserFilter
from console.security.access import ConsoleRequest
from directory.input_errors import Refused
from orgs.models import User
from orgs.models.users import UserQuerySet


def chosen_users(request: ConsoleRequest) -> tuple[UserQuerySet, str]:
    """Return the chosen users whom the viewer may see, and the query string of the filters, empty if users were ticked.

    Raises:
        Refused: when a filter is not valid, so that it would leave everybody.
    """
    visible: UserQuerySet = User.objects.visible_to(request.user)
    if not request.POST.get("everyone"):
        ticked = [int(pk) for pk in request.POST.getlist("user") if pk.isdecimal() and len(pk) < 19]
        return visible.filter(pk__in=ticked), ""
    # Encoded anew: what is stored then has no character that a database refuses.
    filters = QueryDict(request.POST.get("filters", "")).urlencode()
    chosen = UserFilter(QueryDict(filters), queryset=visible, request=request)
    if not chosen.is_valid():
        raise Refused("a filter of the list is not valid: choose the users again")
    users: UserQuerySet = chosen.qs
    # A join, such as that with roles, may repeat a user.
    return visible.filter(pk__in=users.order_by().values("pk")), filters
