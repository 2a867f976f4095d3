"""Removes all values of forms, variables and settings from Django's error reports."""

from __future__ import annotations

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutValues(SafeExceptionReporterFilter):
    """Hides every value, in every view, with ``DEBUG`` too.

    A list of secret fields is not enough: a private key may be pasted into any field, and then many functions have it
    in their variables.
    """

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return the names of the fields, without values."""
        return dict.fromkeys(request.POST if request is not None else (), self.cleansed_substitute)

    def get_traceback_frame_variables(
        self,
        request: HttpRequest | None,  # noqa: ARG002  # Django's
        tb_frame: FrameType,
    ) -> ItemsView[str, Any]:
        """Return the names of a function's variables, without values."""
        return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()

    def get_safe_settings(self) -> dict[str, Any]:
        """Return no settings: even URLs of databases and brokers hold passwords."""
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Return the names of the cookies, without values."""
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)
