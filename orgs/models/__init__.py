"""The models of orgs and users, one module a subject."""

from orgs.models.archives import Archive, ArchiveState
from orgs.models.audit import AuditEntry
from orgs.models.backups.archive_maintenance import ArchiveMaintenance, MaintenanceResult
from orgs.models.backups.archive_moves import ArchiveMove, MoveTarget
from orgs.models.backups.backup_reports import BackupReport
from orgs.models.backups.deployment_policies import DeployedDevice, DeploymentPolicy, DeploymentRefusal
from orgs.models.backups.device_tokens import DeviceToken
from orgs.models.backups.hold_exports import ExportState, HoldExport
from orgs.models.backups.repositories import Repository, RepositoryLocation
from orgs.models.backups.restore_jobs import RestoreJob, RestoreState
from orgs.models.devices import Device
from orgs.models.legal_holds import Custodian, Matter
from orgs.models.matter_events import MatterEvent, MatterEventKind
from orgs.models.orgs import DirectoryService, KeyHolder, Org
from orgs.models.preservation_policies import PreservationPolicy
from orgs.models.renewed_keys import RenewedKey
from orgs.models.roles import Role
from orgs.models.users import CreatedBy, RoleGrant, SetBy, User

__all__ = [
    "Archive",
    "ArchiveMaintenance",
    "ArchiveMove",
    "ArchiveState",
    "AuditEntry",
    "BackupReport",
    "CreatedBy",
    "Custodian",
    "DeployedDevice",
    "DeploymentPolicy",
    "DeploymentRefusal",
    "Device",
    "DeviceToken",
    "DirectoryService",
    "ExportState",
    "HoldExport",
    "KeyHolder",
    "MaintenanceResult",
    "Matter",
    "MatterEvent",
    "MatterEventKind",
    "MoveTarget",
    "Org",
    "PreservationPolicy",
    "RenewedKey",
    "Repository",
    "RepositoryLocation",
    "RestoreJob",
    "RestoreState",
    "Role",
    "RoleGrant",
    "SetBy",
    "User",
]
