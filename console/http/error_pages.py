"""Error pages: Django's own views, with the templates in ``templates/errors/``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import defaults


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: the request is malformed."""
    return defaults.bad_request(request, exception, template_name="errors/400.html")


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403: the viewer's roles do not allow the page."""
    return defaults.permission_denied(request, exception, template_name="errors/403.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404: the page or object does not exist, or the viewer may not see it."""
    return defaults.page_not_found(request, exception, template_name="errors/404.html")
