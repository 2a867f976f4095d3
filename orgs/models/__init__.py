"""The models of orgs and users, one module a subject."""

from orgs.models.archives import Archive, ArchiveState
from orgs.models.audit import AuditEntry
from orgs.models.devices import Device
from orgs.models.legal_holds import Custodian, Matter
from orgs.models.matter_events import MatterEvent, MatterEventKind
from orgs.models.orgs import DirectoryService, Org
from orgs.models.preservation_policies import PreservationPolicy
from orgs.models.roles import Role
from orgs.models.users import CreatedBy, RoleGrant, SetBy, User

__all__ = [
    "Archive",
    "ArchiveState",
    "AuditEntry",
    "CreatedBy",
    "Custodian",
    "Device",
    "DirectoryService",
    "Matter",
    "MatterEvent",
    "MatterEventKind",
    "Org",
    "PreservationPolicy",
    "Role",
    "RoleGrant",
    "SetBy",
    "User",
]
