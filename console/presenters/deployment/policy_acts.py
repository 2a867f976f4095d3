"""Decides which acts a viewer may do to a deployment policy: the one list for its page and the pages of the acts."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from console.presenters.offered_acts import ActCatalogue, ActKind
from orgs.models import DeploymentPolicy, User


class PolicyAct(StrEnum):
    """An act on a deployment policy; the value is the name of its page in ``deployment``."""

    EDIT = "edit"
    ENABLE = "enable"
    RENEW_TOKEN = "renew-token"  # noqa: S105  # the name of a page
    DISABLE = "disable"
    DELETE = "delete"


class PolicyFacts:
    """The facts about a policy and a viewer that decide which acts fit."""

    def __init__(self, policy: DeploymentPolicy, viewer: User) -> None:
        self.policy, self.viewer = policy, viewer

    @cached_property
    def is_managed(self) -> bool:
        """Whether the viewer may change the users and the devices of the policy's org."""
        return bool(DeploymentPolicy.objects.managed_by(self.viewer).filter(pk=self.policy.pk).exists())


def _always(_facts: PolicyFacts) -> bool:
    return True


# In the order of the menu.
_KINDS: dict[StrEnum, ActKind[PolicyFacts]] = {
    PolicyAct.EDIT: ActKind(_("Edit"), "pencil", _always),
    PolicyAct.ENABLE: ActKind(_("Enable…"), "circle-check", lambda facts: not facts.policy.enabled),
    PolicyAct.RENEW_TOKEN: ActKind(_("Renew the token…"), "key-round", _always, cuts_off=True),
    PolicyAct.DISABLE: ActKind(_("Disable…"), "ban", lambda facts: facts.policy.enabled, cuts_off=True),
    PolicyAct.DELETE: ActKind(_("Delete…"), "trash-2", _always, cuts_off=True),
}
POLICY_ACTS = ActCatalogue(
    area="deployment", facts=PolicyFacts, kinds=_KINDS, with_button=(PolicyAct.EDIT, PolicyAct.ENABLE)
)
