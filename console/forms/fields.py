"""Form fields that several forms share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from directory.errors import Invalid
from orgs.models import Org


class SecretTextarea(forms.Textarea):
    """Lines that are never sent back to a browser, like a password."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002  # Django's
        """Show none of what was entered."""
        return super().get_context(name, "", attrs)


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list as lines."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read the lines as a list."""
        if isinstance(value, list):
            return value
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def run_validators(self, value: Any) -> None:
        """Leave the checks to the action, which interprets the lines."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lists."""
        return bool(self.to_python(initial) != self.to_python(data))


class OrgsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Orgs to tick, indented as in the tree; ``inherited`` are the names of the servers that each inherits, by org id."""

    inherited: Mapping[int, str] = MappingProxyType({})
    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, queryset: QuerySet[Org] | None = None, **options: Any) -> None:
        super().__init__(queryset=queryset if queryset is not None else Org.objects.none(), **options)

    def label_from_instance(self, obj: Any) -> str:
        """Indent by depth, and add what is inherited."""
        name = "\u2003" * (obj.depth - 1) + obj.name
        if servers := self.inherited.get(obj.pk):
            name += " " + _("(inherits: %(servers)s)") % {"servers": servers}
        return str(name)


def show_errors(form: forms.BaseForm, invalid: Invalid) -> None:
    """Put an action's messages beside the fields that they are about."""
    for name, message in invalid.errors.items():
        form.add_error(name if name in form.fields else None, message)
