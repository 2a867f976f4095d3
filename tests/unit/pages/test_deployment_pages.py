"""The pages of deployment policies: who may make which, that a token is shown once, and what the commands hold."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orgs.actions.deployment import deployment_policies, policy_values
from orgs.actions.deployment.policy_values import PolicyValues
from orgs.actions.errors import Refused
from orgs.backups import deployment_gate
from orgs.models import AuditEntry, DeployedDevice, DeploymentPolicy, Org, User
from orgs.rules.actors import SYSTEM, person
from tests.makers import (
    PASSWORD,
    make_deployment_policy,
    make_device,
    make_org,
    make_role,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r"rollcall-deploy-[A-Za-z0-9_-]{43}")


@pytest.fixture
def left() -> Org:
    org = make_org("Left")
    Org.objects.filter(pk=org.pk).update(directory_service="ldap")
    return Org.objects.get(pk=org.pk)


@pytest.fixture
def olga(left: Org) -> Client:
    """The browser of the administrator of the org Left."""
    return signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))


@pytest.fixture
def ada() -> Client:
    """The browser of a SYSADMIN."""
    return signed_in(make_sysadmin())


def filled_in(org: Org | None = None, **more: Any) -> dict[str, Any]:
    """Return what a person fills in."""
    values: dict[str, Any] = {"name": "Laptops", "device_limit": 5, "networks": ""}
    values["expires_on"] = str(timezone.localdate() + timedelta(days=30))
    return values | ({"org": org.pk} if org else {}) | more


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_a_new_policy_shows_its_token_once_and_stores_only_its_hash(olga: Client, left: Org) -> None:
    shown = text_of(olga.post(reverse("deployment:add"), filled_in(left)))
    policy = DeploymentPolicy.objects.get()
    token = TOKEN.findall(shown)[0]

    assert deployment_gate.of_token(token) == policy
    assert token not in repr(list(DeploymentPolicy.objects.values()) + list(AuditEntry.objects.values()))
    for page in ("detail", "install", "edit"):
        assert not TOKEN.search(text_of(olga.get(reverse(f"deployment:{page}", args=[policy.pk])))), page


def test_the_commands_beside_a_new_token_hold_it_and_later_ones_a_placeholder(olga: Client, left: Org) -> None:
    shown = text_of(olga.post(reverse("deployment:add"), filled_in(left)))
    later = text_of(olga.get(reverse("deployment:install", args=[DeploymentPolicy.objects.get().pk])))

    # The token itself, and the scripts of three systems.
    assert len(TOKEN.findall(shown)) == 4
    assert later.count("token=THE-TOKEN-OF-THE-POLICY") == 2
    assert "$token = 'THE-TOKEN-OF-THE-POLICY'" in later


def test_a_renewed_token_ends_the_one_of_before(olga: Client, left: Org) -> None:
    first = TOKEN.findall(text_of(olga.post(reverse("deployment:add"), filled_in(left))))[0]
    policy = DeploymentPolicy.objects.get()

    second = TOKEN.findall(text_of(olga.post(reverse("deployment:renew-token", args=[policy.pk]))))[0]

    assert deployment_gate.of_token(first) is None
    assert deployment_gate.of_token(second) == policy


@pytest.mark.parametrize("question", ["renew-token", "disable", "delete"])
def test_an_act_asks_first_and_counts_the_devices_that_stay(olga: Client, left: Org, question: str) -> None:
    policy = make_deployment_policy("Laptops", left, brought=make_device(make_user("wendy", org=left)))

    shown = text_of(olga.get(reverse(f"deployment:{question}", args=[policy.pk])))

    assert "Devices that came by it go on as they are." in shown
    assert DeploymentPolicy.objects.get().enabled
    assert DeploymentPolicy.objects.get().sha256 == policy.sha256


def test_a_deleted_policy_leaves_its_devices_with_its_name(olga: Client, left: Org) -> None:
    policy = make_deployment_policy("Laptops", left, brought=make_device(make_user("wendy", org=left)))

    olga.post(reverse("deployment:delete", args=[policy.pk]))

    assert not DeploymentPolicy.objects.exists()
    assert DeployedDevice.objects.get().policy_name == "Laptops"


def test_disabling_and_enabling_are_written_into_the_audit_trail(olga: Client, left: Org) -> None:
    policy = make_deployment_policy("Laptops", left)

    olga.post(reverse("deployment:disable", args=[policy.pk]))
    olga.post(reverse("deployment:enable", args=[policy.pk]))

    actions = AuditEntry.objects.filter(object_type="deployment policy").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["deployment policy disabled", "deployment policy enabled"]


def test_a_policy_for_an_org_outside_is_refused_by_the_form_and_by_the_action(olga: Client) -> None:
    right = make_org("Right")
    Org.objects.filter(pk=right.pk).update(directory_service="ldap")
    right.refresh_from_db()
    values = PolicyValues("Laptops", timezone.now() + timedelta(days=1), 5)

    response = olga.post(reverse("deployment:add"), filled_in(right))
    with pytest.raises(Refused, match="does not belong to your part"):
        deployment_policies.add(
            org=right, values=values, by=person(User.objects.get(username="olga")), at=timezone.now()
        )

    assert response.status_code == 200
    assert not DeploymentPolicy.objects.exists()


def test_who_may_not_change_devices_makes_no_policy(left: Org) -> None:
    make_role("Clerk", "admin.user", "admin.computer.read", "admin.org.read", "admin.console.login")
    clerk = make_user("clara", org=left, roles=["Clerk"], password=PASSWORD)
    policy = make_deployment_policy("Laptops", left)
    client = signed_in(clerk)
    values = PolicyValues("More", timezone.now() + timedelta(days=1), 5)

    assert client.get(reverse("deployment:detail", args=[policy.pk])).status_code == 200
    assert client.post(reverse("deployment:renew-token", args=[policy.pk])).status_code == 403
    with pytest.raises(Refused, match="does not belong to your part"):
        deployment_policies.add(org=left, values=values, by=person(clerk), at=timezone.now())


def test_default_roles_that_hold_more_than_the_administrator_refuse_the_policy(olga: Client, left: Org) -> None:
    left.own_default_roles = True
    left.save()
    left.default_roles.set([make_role("Boss", "admin.system")])

    shown = text_of(olga.post(reverse("deployment:add"), filled_in(left)))

    assert "would give more than you hold" in shown
    assert not DeploymentPolicy.objects.exists()


def test_only_a_token_of_who_administers_all_orgs_reaches_all(ada: Client, olga: Client, left: Org) -> None:
    ada.post(reverse("deployment:add"), filled_in(left))
    by_ada = DeploymentPolicy.objects.get().every_org
    olga.post(reverse("deployment:renew-token", args=[DeploymentPolicy.objects.get().pk]))

    assert by_ada
    assert not DeploymentPolicy.objects.get().every_org


def test_a_token_that_reaches_further_than_the_administrator_is_not_let_go_on(olga: Client, left: Org) -> None:
    policy = make_deployment_policy("Laptops", left)
    DeploymentPolicy.objects.update(every_org=True, enabled=False)
    version = policy_values.version(policy)

    olga.post(reverse("deployment:enable", args=[policy.pk]))
    shown = text_of(
        olga.post(reverse("deployment:edit", args=[policy.pk]), filled_in(version=version, device_limit=900))
    )

    assert "renew the token first" in shown
    assert (DeploymentPolicy.objects.get().enabled, DeploymentPolicy.objects.get().device_limit) == (False, 100)


def test_a_local_org_is_not_offered_and_refused(ada: Client) -> None:
    local = make_org("Local")
    Org.objects.filter(pk=local.pk).update(directory_service="local")
    local.refresh_from_db()
    values = PolicyValues("Laptops", timezone.now() + timedelta(days=1), 5)

    assert ada.post(reverse("deployment:add"), filled_in(local)).status_code == 200
    with pytest.raises(Refused, match="is a local org"):
        deployment_policies.add(org=local, values=values, by=SYSTEM, at=timezone.now())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"networks": "10.0.0.0/8\nnonsense"}, "This is no network: nonsense."),
        ({"expires_on": "2001-01-01"}, "is over"),
        ({"expires_on": "2999-01-01"}, "within a year"),
        ({"name": "  "}, "This field is required"),
    ],
)
def test_a_value_that_can_not_be_is_refused_with_the_reason(
    olga: Client, left: Org, changed: dict[str, str], sentence: str
) -> None:
    assert sentence in text_of(olga.post(reverse("deployment:add"), filled_in(left, **changed)))
    assert not DeploymentPolicy.objects.exists()


def test_networks_are_stored_in_their_common_form(olga: Client, left: Org) -> None:
    olga.post(
        reverse("deployment:add"), filled_in(left, networks="10.20.30.40/16\n2001:DB8::/32\n::ffff:10.20.0.0/112")
    )

    assert DeploymentPolicy.objects.get().networks == ["10.20.0.0/16", "2001:db8::/32"]


def test_two_editors_at_once_are_told_of_each_other(olga: Client, left: Org) -> None:
    policy = make_deployment_policy("Laptops", left)
    page = text_of(olga.get(reverse("deployment:edit", args=[policy.pk])))
    version = re.findall(r'name="version" value="([^"]*)"', page)[0]
    DeploymentPolicy.objects.update(device_limit=7)

    shown = text_of(olga.post(reverse("deployment:edit", args=[policy.pk]), filled_in(version=version)))

    assert "Somebody else has changed Laptops since you began" in shown
    assert DeploymentPolicy.objects.get().device_limit == 7


def test_the_page_of_a_policy_shows_devices_days_and_refusals_of_the_viewers_part(olga: Client, left: Org) -> None:
    wendy, stan = make_user("wendy", org=left), make_user("stan", org=make_org("Right"))
    policy = make_deployment_policy("Laptops", left, brought=make_device(wendy, "inside"))
    DeployedDevice.objects.create(
        policy=policy,
        policy_name="Laptops",
        device=make_device(stan, "outside"),
        at=policy.created_at,
        address="10.0.0.9",
    )

    shown = text_of(olga.get(reverse("deployment:detail", args=[policy.pk])))

    assert "inside" in shown
    assert "stan" not in shown
    assert "1 device is not listed: its user is outside of your part by now." in shown
    assert "No such person." in shown


def test_without_policies_the_page_says_what_one_is_for(olga: Client) -> None:
    assert "There are no deployment policies yet." in text_of(olga.get(reverse("deployment:list")))


class TestTheGate:
    def test_gives_the_first_reason(self, left: Org) -> None:
        policy = make_deployment_policy("Laptops", left, brought=make_device(make_user("wendy", org=left)))
        policy.networks, now = ["10.0.0.0/8"], policy.created_at

        def code(address: str = "10.1.2.3", **changed: Any) -> str:
            for name, value in changed.items():
                setattr(policy, name, value)
            found = deployment_gate.refusal(policy, address=address, at=now)
            return found.code if found else ""

        assert code() == ""
        assert code(address="::ffff:10.1.2.3") == ""
        assert code(address="192.0.2.1") == "outside-networks"
        assert code(address="no address") == "outside-networks"
        assert code(device_limit=1) == "policy-full"
        assert code(expires_at=now) == "policy-expired"
        assert code(enabled=False) == "policy-disabled"
