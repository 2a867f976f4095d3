"""What a browser would send from a form as it stands."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm


def as_sent(form: BaseForm) -> dict[str, Any]:
    """Return the values of a form as a browser sends them, unchanged."""
    sent: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if isinstance(value, list | tuple):
            sent[field.html_name] = [getattr(item, "pk", item) for item in value]
        elif value is True:
            sent[field.html_name] = "on"
        elif value is not None and value is not False and value != "":
            sent[field.html_name] = value
    return sent
