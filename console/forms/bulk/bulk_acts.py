"""The forms of acts on many users: the org, the role or the matter, and the typed number."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from directory.actions.bulk.confirmation import Argument
from orgs.actions import escalation_guard
from orgs.models import Matter, Org, Role, User
from orgs.rules.actors import person


class ArgumentForm(forms.Form):
    """One field: what the act needs. An act without argument has none."""

    def __init__(self, given: object, *, needed: str | None, viewer: User) -> None:
        super().__init__(given)  # type: ignore[arg-type]  # the parameters of a request
        if needed == "org":
            orgs = Org.objects.with_users_managed_by(viewer)
            self.fields["org"] = OrgField(label=_("New org"), queryset=orgs, empty_label=_("Choose an org"))
        elif needed == "role":
            roles = Role.objects.filter(pk__in=_grantable(viewer)).order_by("name")
            self.fields["role"] = forms.ModelChoiceField(roles, label=_("Role"), empty_label=_("Choose a role"))
        elif needed == "matter":
            matters = Matter.objects.managed_by(viewer).filter(closed_at=None)
            self.fields["matter"] = forms.ModelChoiceField(matters, label=_("Matter"), empty_label=_("Choose a matter"))

    @property
    def argument(self) -> Argument:
        """The chosen argument of a valid form."""
        return Argument(**self.cleaned_data)

    @property
    def has_choice(self) -> bool:
        """Whether there is anything to choose."""
        return all(field.queryset.exists() for field in self.fields.values())  # type: ignore[attr-defined]  # each is a choice of objects


class TypedCountForm(forms.Form):
    """The number that confirms a large act."""

    typed = forms.IntegerField(label=_("Number of chosen users"), min_value=0, required=False)


def _grantable(viewer: User) -> list[int]:
    """Return the roles that the viewer holds all of, so that they may give and take them."""
    actor, roles = escalation_guard.acting(person(viewer)), list(Role.objects.all())
    beyond = escalation_guard.not_grantable(actor, roles, org_path=viewer.org.path) if actor is not None else {}
    return [role.pk for role in roles if role.name not in beyond]
