"""The forms of acts on a user: the org to move to, and the roles to add and to remove."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from orgs.models import Org, Role


class MoveForm(forms.Form):
    """The org to move to, one of ``orgs``."""

    org = OrgField(label=_("New org"), queryset=Org.objects.none(), empty_label=_("Choose an org"))

    def __init__(self, *args: Any, orgs: QuerySet[Org], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["org"].queryset = orgs  # type: ignore[attr-defined]  # a choice of objects


class RoleChangesForm(forms.Form):
    """The roles to add and to remove, each one of ``allowed`` (ids)."""

    added = forms.ModelMultipleChoiceField(queryset=Role.objects.none(), required=False)
    removed = forms.ModelMultipleChoiceField(queryset=Role.objects.none(), required=False)

    def __init__(self, *args: Any, allowed: Collection[int], **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.queryset = Role.objects.filter(pk__in=allowed).order_by("name")  # type: ignore[attr-defined]
