"""Breaks the rules about real backups and deployment, one at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from orgs.actions import devices
from orgs.actions.audit import Fact, note
from orgs.actions.deployment import deployment_policies
from orgs.actions.deployment.policy_values import PolicyValues
from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from orgs.models import (
    Archive,
    ArchiveMove,
    ArchiveState,
    BackupReport,
    DeployedDevice,
    DeploymentPolicy,
    DeploymentRefusal,
    Device,
    DeviceToken,
    MoveTarget,
    Org,
    Repository,
    RepositoryLocation,
    RestoreJob,
    RestoreState,
)
from orgs.rules.actors import SYSTEM
from tests.archive_folders import make_repository

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSWORD = "a-password-of-a-repository"


def _repository(location: RepositoryLocation = RepositoryLocation.LIVE) -> Repository:
    """Give the live archive of a user who is on no legal hold a repository, in which nothing is stored yet."""
    archive = Archive.objects.filter(state=ArchiveState.LIVE, device__active=True).not_on_legal_hold().earliest("pk")
    Archive.objects.filter(pk=archive.pk).update(size_bytes=0)
    return Repository.objects.create(archive=archive, password=PASSWORD, location=location)


def a_repository_in_cold_storage_of_a_live_archive() -> None:
    _repository(RepositoryLocation.COLD)


def a_move_without_a_repository() -> None:
    live = Archive.objects.filter(state=ArchiveState.LIVE).earliest("pk")
    ArchiveMove.objects.create(archive=live, to=MoveTarget.LIVE, started_at=AT)


def a_live_repository_of_a_deactivated_device() -> None:
    repository = _repository()
    devices.deactivate(device_ids=[repository.archive.device_id], by=SYSTEM, at=AT)
    ArchiveMove.objects.all().delete()
    Repository.objects.update(location=RepositoryLocation.LIVE)


def a_token_in_the_open() -> None:
    DeviceToken.objects.create(device=Device.objects.earliest("pk"), sha256="4711" * 8, created_at=AT)


def a_password_in_a_report() -> None:
    message = f"Fatal: wrong password {PASSWORD}"
    device = _repository().archive.device
    BackupReport.objects.create(device=device, at=AT, exit_code=1, message=message)


def a_folder_without_an_archive() -> None:
    root_marks.mark(StorageRoot(Path(settings.COLD_STORAGE)))
    (Path(settings.COLD_STORAGE) / ("1" * 18)).mkdir()


def a_size_that_was_never_counted() -> None:
    repository = _repository()
    root_marks.mark(StorageRoot(Path(settings.ARCHIVES)))
    make_repository(Path(settings.ARCHIVES) / repository.archive.device.guid)
    Repository.objects.update(counted_at=datetime.now(UTC) + timedelta(hours=1))


def two_repositories_of_one_device() -> None:
    device = _repository().archive.device
    Repository.objects.create(archive=Archive.objects.create(device=device), password=PASSWORD)


def _policy() -> tuple[DeploymentPolicy, str]:
    """Make a policy that has brought a device, and return it with its token."""
    org = Org.objects.filter(directory_service="ldap", active=True).earliest("pk")
    values = PolicyValues(name="Laptops", expires_at=AT + timedelta(days=9), device_limit=1)
    made = deployment_policies.add(org=org, values=values, by=SYSTEM, at=AT)
    _bring(made.policy, Device.objects.earliest("pk"))
    return made.policy, made.token


def _bring(policy: DeploymentPolicy, device: Device) -> None:
    at = AT + timedelta(days=1)
    DeployedDevice.objects.create(policy=policy, policy_name=policy.name, device=device, at=at, address="10.0.0.7")


def a_deployment_token_in_a_refusal() -> None:
    policy, token = _policy()
    DeploymentRefusal.objects.create(
        policy=policy, at=AT, address="10.0.0.7", username=token, code="x", sentence="No such person."
    )


def a_policy_that_lasts_longer_past_the_audit_trail() -> None:
    policy, _ = _policy()
    policy.expires_at += timedelta(days=1)
    policy.save()


def a_device_more_than_its_policy_may_bring() -> None:
    policy, _ = _policy()
    _bring(policy, Device.objects.exclude(pk=Device.objects.earliest("pk").pk).earliest("pk"))


def a_restore_that_nobody_requested() -> None:
    RestoreJob.objects.create(
        device=Device.objects.earliest("pk"),
        snapshot="ab" * 32,
        state=RestoreState.DONE,
        requested_by="ada",
        requested_at=AT,
        ended_at=AT,
    )


def a_restore_that_waits_for_ever() -> None:
    device = Device.objects.earliest("pk")
    job = RestoreJob.objects.create(
        device=device, snapshot="ab" * 32, paths=["/etc"], requested_by="ada", requested_at=AT - timedelta(days=900)
    )
    after = {"restore": job.pk, "snapshot": job.snapshot, "paths": job.paths}
    note([Fact("device", device.pk, device.name, after=after)], action="restore requested", by=SYSTEM, at=AT)


DAMAGE = {
    "I17.1": a_repository_in_cold_storage_of_a_live_archive,
    "I17.2": a_move_without_a_repository,
    "I17.3": a_live_repository_of_a_deactivated_device,
    "I17.4": a_token_in_the_open,
    "I17.5": a_password_in_a_report,
    "I17.6": a_folder_without_an_archive,
    "I17.7": a_size_that_was_never_counted,
    "I17.8": two_repositories_of_one_device,
    "I17.9": a_restore_that_nobody_requested,
    "I17.10": a_restore_that_waits_for_ever,
    "I18.1": a_deployment_token_in_a_refusal,
    "I18.2": a_policy_that_lasts_longer_past_the_audit_trail,
    "I18.3": a_device_more_than_its_policy_may_bring,
}
