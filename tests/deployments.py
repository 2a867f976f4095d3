"""Deployment policies of tests whose tokens are known, and computers that register by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.agents import ask
from tests.makers import make_deployment_policy

if TYPE_CHECKING:
    from orgs.models import DeploymentPolicy, Org

TOKEN = "rollcall-deploy-of-tests"  # what tests show instead of a real one


def policy_of(org: Org, **settings: Any) -> DeploymentPolicy:
    """Make a policy of an org with the token of the tests; ``settings`` are fields of it."""
    policy = make_deployment_policy("Laptops", org, token=TOKEN)
    for name, value in settings.items():
        setattr(policy, name, value)
    policy.save()
    return policy


def deploy(username: str, *, token: str = TOKEN, name: str = "laptop", **more: Any) -> Any:
    """Register a computer silently; ``more`` are the address, and further fields of the request."""
    options = {"address": more.pop("address")} if "address" in more else {}
    body = {"policy_token": token, "username": username, "name": name, "os": "Debian 13", "agent_version": "1.0"}
    return ask("deploy", body | more, **options)
