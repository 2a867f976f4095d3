"""Builds a report of an error: its place and its message, and no value of a form, a variable or a setting."""

from __future__ import annotations

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutValues(SafeExceptionReporterFilter):
    """Hides every value, in every view, with ``DEBUG`` too.

    A list of the fields with secrets would not do: a private key may be pasted into any field, and is in the variables of all
    that is called then.
    """

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return the names of what was sent."""
        return dict.fromkeys(request.POST if request is not None else (), self.cleansed_substitute)

    def get_traceback_frame_variables(
        self,
        request: HttpRequest | None,  # noqa: ARG002  # Django's
        tb_frame: FrameType,
    ) -> ItemsView[str, Any]:
        """Return the names of a function's variables."""
        return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()

    def get_safe_settings(self) -> dict[str, Any]:
        """Return no settings: URLs of databases and brokers hold passwords, too."""
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Return the names of the cookies."""
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)
