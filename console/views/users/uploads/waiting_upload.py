"""Finds the viewer's own upload whose preview waits, for the pages of uploads."""

from __future__ import annotations

from django.utils import timezone

from console.security.access import ConsoleRequest
from directory.models import Upload


def waiting_upload(request: ConsoleRequest) -> Upload | None:
    """Return the viewer's upload, if there is one and it has not expired; nobody sees another's."""
    return Upload.objects.waiting_for(request.user, at=timezone.now()).select_related("org").first()


def upload_number(request: ConsoleRequest) -> int:
    """Return the number of the preview that the sent page showed; 0 for what is none."""
    text = request.POST.get("upload", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
