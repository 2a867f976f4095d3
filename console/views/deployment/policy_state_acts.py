"""The pages that enable, disable and delete a deployment policy."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console.presenters.deployment import policy_effects
from console.presenters.deployment.policy_acts import PolicyAct
from console.views.deployment.policy_access import POLICY
from console.views.state_acts import StateAct
from orgs.actions.deployment import deployment_policies

enable = StateAct(
    POLICY,
    PolicyAct.ENABLE,
    _("Enable %(policy)s?"),
    _("Enable the policy"),
    lambda policy, _at: policy_effects.enabling(policy),
    deployment_policies.enable,
    _("%(policy)s is enabled."),
    _("To undo it, disable the policy."),
).page()
disable = StateAct(
    POLICY,
    PolicyAct.DISABLE,
    _("Disable %(policy)s?"),
    _("Disable the policy"),
    lambda policy, _at: policy_effects.disabling(policy),
    deployment_policies.disable,
    _("%(policy)s is disabled."),
    _("To undo it, enable the policy again."),
).page()
delete = StateAct(
    POLICY,
    PolicyAct.DELETE,
    _("Delete %(policy)s?"),
    _("Delete the policy"),
    lambda policy, _at: policy_effects.deleting(policy),
    deployment_policies.delete,
    _("%(policy)s is deleted."),
    ends_subject=True,
).page()
