"""Form fields for several forms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from directory.input_errors import Invalid
from orgs.models import Org


class SecretTextarea(forms.Textarea):
    """A text area whose value is never sent back to a browser, as for passwords."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002  # Django's
        """Leave the value out of the page."""
        return super().get_context(name, "", attrs)


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

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
        """Check nothing: the action interprets and checks the lines."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lists."""
        return bool(self.to_python(initial) != self.to_python(data))


class OrgField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One org, indented as in the tree."""

    def label_from_instance(self, obj: Any) -> str:
        """Indent by depth."""
        return str("\u2003" * (obj.depth - 1) + obj.name)


class OrgsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Orgs as checkboxes, indented as in the tree; ``inherited`` has the names of inherited servers by org id."""

    inherited: Mapping[int, str] = MappingProxyType({})
    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, queryset: QuerySet[Org] | None = None, **options: Any) -> None:
        super().__init__(queryset=queryset if queryset is not None else Org.objects.none(), **options)

    def label_from_instance(self, obj: Any) -> str:
        """Indent by depth, and add the inherited servers."""
        name = "\u2003" * (obj.depth - 1) + obj.name
        if servers := self.inherited.get(obj.pk):
            name += " " + _("(inherits: %(servers)s)") % {"servers": servers}
        return str(name)


def show_errors(form: forms.BaseForm, invalid: Invalid) -> None:
    """Show each message of an action beside its field."""
    for name, message in invalid.errors.items():
        form.add_error(name if name in form.fields else None, message)
