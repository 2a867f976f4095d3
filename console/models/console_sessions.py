"""Sessions of the console: Django's, with the user, the address and the browser beside the data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


class ConsoleSession(AbstractBaseSession):
    """One session; ``session_key`` is a hash of the browser's key. The further columns repeat values of the data."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        verbose_name=_("user"),
        null=True,
        blank=True,
        related_name="+",
        # No constraint: an action that holds the user's row must not keep the user from signing in. No user is deleted.
        db_constraint=False,
    )
    address = models.CharField(_("address"), max_length=64, blank=True)
    browser = models.CharField(_("browser"), max_length=300, blank=True)
    began_at = models.DateTimeField(_("since"), null=True, blank=True)
    last_request_at = models.DateTimeField(_("last request"), null=True, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-last_request_at", "pk"]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return the store of these sessions; it imports this model, so it is found by the settings."""
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store
