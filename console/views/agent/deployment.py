"""Silent registration: an installer registers the computer of a person by the token of a deployment policy."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.http.agent_requests import THROTTLE_SECONDS, AgentRefusal, agent_address, body_of, secret_of, text_of
from console.security import security_log, sign_in_throttle
from console.security.client_address import client_address
from console.views.agent.registration import computer_of, registered
from directory.actions.deployment import silent_registration
from directory.actions.deployment.silent_registration import NotDeployed
from orgs.actions.deployment import deployed_devices
from orgs.backups import deployment_gate, gate
from orgs.models import DeploymentPolicy, DeploymentRefusal


@agent_address("POST")
def deploy(request: HttpRequest) -> HttpResponse:
    """Register this computer as a new device of a person whom the directory has; the token of a policy stands for them."""
    body, at = body_of(request), timezone.now()
    computer, username, token = computer_of(body), text_of(body, "username"), secret_of(body, "policy_token")
    attempt = sign_in_throttle.begin_deployment(request)
    if attempt is None:
        security_log.note("deployment refused, too many attempts", request, user=username)
        sentence = _("Too many attempts. Wait 15 minutes and try again.")
        raise AgentRefusal(429, "too-many-tries", sentence, retry_after=THROTTLE_SECONDS)
    policy = deployment_gate.of_token(token)
    if policy is None:
        security_log.note("deployment refused, no policy has this token", request, user=username)
        raise _refused(deployment_gate.WRONG_POLICY)
    try:
        made = silent_registration.register(
            policy=policy, username=username, computer=computer, address=client_address(request), at=at
        )
    except NotDeployed as problem:
        _keep(request, policy, problem, username=username, device_name=computer.name, at=at)
        raise _refused(problem.refusal) from problem
    sign_in_throttle.give_back(attempt)
    return registered(made.device, made.user, new_user=made.new_user, new_device=True)


def _refused(refusal: gate.Refusal) -> AgentRefusal:
    return AgentRefusal(refusal.status, refusal.code, str(refusal.sentence), retry_after=refusal.retry_after)


def _keep(
    request: HttpRequest,
    policy: DeploymentPolicy,
    problem: NotDeployed,
    *,
    username: str,
    device_name: str,
    at: datetime,
) -> None:
    """Log a refusal with its reason, and keep its sentence for the page of the policy."""
    refusal = problem.refusal
    security_log.note(
        "deployment refused", request, user=username, policy=policy.name, code=refusal.code, reason=problem
    )
    kept = DeploymentRefusal(
        at=at,
        address=client_address(request)[:64],
        username=username,
        device_name=device_name,
        code=refusal.code,
        sentence=str(refusal.sentence),
    )
    deployed_devices.keep_refusal(policy_id=policy.pk, refusal=kept)
