"""Installers register computers silently, by the token of a deployment policy, for people whom the directory has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from directory.actions.deployment import many_devices
from directory.invariants import broken
from directory.models import Alert, AlertKind, Mail, MailKind, SyncSettings
from orgs.actions.deployment import deployed_devices
from orgs.actions.users import blocking, deactivation
from orgs.backups import gate
from orgs.models import AuditEntry, CreatedBy, DeployedDevice, DeploymentRefusal, Device, Org, User
from orgs.rules.actors import SYSTEM
from tests.agents import ADDRESS, code_of
from tests.deployments import deploy, policy_of
from tests.directories import Directory
from tests.makers import NOW, make_device, make_org, make_sysadmin, make_user, signed_in
from tests.sign_ins import asks, matched, people_ldif, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann", "bob")) as directory:
        yield directory


@pytest.fixture
def default() -> Org:
    return Org.objects.get(name="Default")


@pytest.fixture
def ada() -> Client:
    return signed_in(make_sysadmin())


def test_a_person_of_the_directory_gets_an_account_and_a_new_device(directory: Directory, default: Org) -> None:
    asks(directory, org_name_script='function (entry) { return "Sales"; }')
    policy_of(default)

    given = deploy("ANN").json()

    ann = User.objects.get(username="ann")
    assert (ann.created_by, ann.org.name) == (CreatedBy.DEPLOYMENT, "Sales")
    assert ann.org.path.startswith(default.path)
    assert (given["new_user"], given["new_device"], given["user"], given["org"]) == (True, True, "ann", "Sales")
    assert gate.refusal(gate.of_token(given["token"])) is None
    came = DeployedDevice.objects.get()
    assert (came.device.guid, came.policy_name, came.address, came.new_user) == (
        given["guid"],
        "Laptops",
        ADDRESS,
        True,
    )
    assert AuditEntry.objects.get(action="device deployed").actor_label == "deployment: Laptops"


def test_an_existing_user_gets_one_more_device_each_time(directory: Directory, default: Org) -> None:
    server = asks(directory)
    matched(user_of("ann"), server, directory)
    policy_of(default)

    first, second = deploy("ann").json(), deploy("ann").json()

    assert first["guid"] != second["guid"]
    assert first["repository_password"] != second["repository_password"]
    assert (first["new_user"], second["new_device"]) == (False, True)
    assert gate.refusal(gate.of_token(first["token"])) is None


def test_who_is_not_in_the_directory_is_refused(directory: Directory, default: Org) -> None:
    asks(directory)
    user_of("carl")
    policy_of(default)

    for name in ("nobody", "carl"):
        answer = deploy(name)
        assert (answer.status_code, code_of(answer)) == (403, "not-found"), answer.content
    assert not Device.objects.exists()
    assert not User.objects.filter(username="nobody").exists()


def test_a_directory_that_does_not_answer_refuses(directory: Directory, default: Org) -> None:
    asks(directory)
    user_of("ann")
    policy_of(default)
    directory.stop()

    for name in ("ann", "bob"):
        answer = deploy(name)
        assert (answer.status_code, code_of(answer)) == (503, "directory-away")
    assert not Device.objects.exists()


def test_whom_the_script_says_inactive_is_refused(directory: Directory, default: Org) -> None:
    asks(directory, active_script="function (entry) { return false; }")
    user_of("ann")
    policy_of(default)

    assert [code_of(deploy(name)) for name in ("ann", "bob")] == ["inactive-entry"] * 2
    assert not User.objects.filter(username="bob").exists()


def test_blocked_and_deactivated_people_are_refused(directory: Directory, default: Org) -> None:
    asks(directory)
    blocking.block(user_ids=[user_of("ann").pk], by=SYSTEM, at=NOW)
    deactivation.deactivate(user_ids=[user_of("bob").pk], by=SYSTEM, at=NOW)
    policy_of(default)

    assert [code_of(deploy(name)) for name in ("ann", "bob")] == ["user-blocked", "user-inactive"]
    assert not Device.objects.exists()


def test_refusals_stand_on_the_page_of_the_policy_in_words(directory: Directory, default: Org, ada: Client) -> None:
    asks(directory)
    policy = policy_of(default)
    deploy("nobody", name="reception")

    shown = ada.get(reverse("deployment:detail", args=[policy.pk])).content.decode()

    assert "The directory has no such person." in shown
    assert "reception" in shown
    assert ADDRESS in shown


def test_three_devices_of_one_person_within_an_hour_raise_one_alert(directory: Directory, default: Org) -> None:
    asks(directory)
    policy_of(default)

    deploy("ann")
    deploy("ann")
    deploy("bob")
    before = Alert.objects.count()
    deploy("ann")
    deploy("ann")

    assert before == 0
    alert = Alert.objects.get(kind=AlertKind.DEPLOYMENT)
    assert alert.message.startswith("ann got 3 or more new devices within an hour")


def test_three_devices_of_one_person_within_an_hour_are_mailed_once_to_who_administers_them(
    directory: Directory, default: Org, settings: Settings
) -> None:
    settings.EMAIL_HOST = "mail.example"
    asks(directory)
    policy_of(default)
    make_sysadmin()
    helper, elsewhere = (
        make_user("helper", roles=["Org Admin"]),
        make_user("other", org=make_org("B"), roles=["Org Admin"]),
    )
    User.objects.filter(pk=helper.pk).update(email="helper@example.com", org=default)
    User.objects.filter(pk=elsewhere.pk).update(email="other@example.com")
    SyncSettings.objects.update_or_create(
        defaults={"notify_administrators": True, "notification_addresses": ["it@example.com"]}
    )

    for _ in range(4):
        deploy("ann")

    mails = Mail.objects.filter(kind=MailKind.DEPLOYMENT)
    assert {"helper@example.com", "it@example.com"} <= set(mails.values_list("recipient", flat=True))
    assert "other@example.com" not in mails.values_list("recipient", flat=True)
    assert mails.filter(recipient="it@example.com").count() == 1
    ann = User.objects.get(username="ann")
    mail = mails.get(recipient="helper@example.com")
    assert mail.subject == "Rollcall: many new devices of ann"
    assert f"/users/{ann.pk}/devices/" in mail.body
    assert broken(at=timezone.now()) == []


def test_of_very_many_people_the_alerts_name_all_and_the_mails_some(default: Org, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"
    SyncSettings.objects.update_or_create(defaults={"notification_addresses": ["it@example.com"]})
    for number in range(many_devices.MOST_MAILED + 3):
        person = user_of(f"person{number}")
        for _ in range(many_devices.MANY_DEVICES):
            made = make_device(person, f"pc{number}")
            DeployedDevice.objects.create(policy_name="Laptops", device=made, at=NOW, address=ADDRESS)
        many_devices.look(user=person, at=NOW)

    assert Alert.objects.filter(kind=AlertKind.DEPLOYMENT).count() == many_devices.MOST_MAILED + 3
    assert Mail.objects.filter(kind=MailKind.DEPLOYMENT).count() == many_devices.MOST_MAILED


def test_the_page_of_a_device_warns_that_nobody_typed_a_password(
    directory: Directory, default: Org, ada: Client
) -> None:
    asks(directory)
    policy_of(default)
    deploy("ann")

    shown = ada.get(reverse("devices:detail", args=[Device.objects.get().pk])).content.decode()

    assert "deployment policy “Laptops”, without a password" in shown


def test_of_many_refusals_the_latest_hundred_are_kept(default: Org) -> None:
    policy = policy_of(default)
    for number in range(103):
        refusal = DeploymentRefusal(at=NOW, address=str(number), code="x", sentence="x")
        deployed_devices.keep_refusal(policy_id=policy.pk, refusal=refusal)

    kept = DeploymentRefusal.objects.values_list("address", flat=True)
    assert (len(kept), "0" in kept, "102" in kept) == (100, False, True)


def test_a_policy_reaches_its_org_and_those_below_it(directory: Directory, default: Org) -> None:
    asks(directory, org_name_script='function (entry) { return entry.uid === "ann" ? "Beside" : "Below"; }')
    # Nobody registers silently in a local org, as its parent is.
    Org.objects.filter(pk=make_org("Beside").pk).update(directory_service="ldap")
    make_org("Below", parent=default)
    policy = policy_of(default)

    assert [deploy(name).status_code for name in ("ann", "bob")] == [403, 200]
    policy.every_org = True
    policy.save()
    assert deploy("ann").json()["org"] == "Beside"
