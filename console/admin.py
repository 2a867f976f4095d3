"""Registers every model with the data fixes."""

from __future__ import annotations

from django.contrib.admin import ModelAdmin

from console.data_fix_pages.admin_site import DataFixes, read_only
from console.data_fix_pages.devices import DeviceAdmin
from console.data_fix_pages.ldap_servers import LdapServerAdmin
from console.data_fix_pages.legal_holds import CustodianAdmin, MatterAdmin
from console.data_fix_pages.matches import MatchAdmin
from console.data_fix_pages.orgs import OrgAdmin
from console.data_fix_pages.roles import RoleAdmin
from console.data_fix_pages.sync_settings import SyncSettingsAdmin
from console.data_fix_pages.users import UserAdmin
from directory.models import (
    Alert,
    LdapServer,
    Mail,
    Match,
    OrgServer,
    Run,
    RunChange,
    RunRepeat,
    RunServer,
    ScriptVersion,
    StoredEntry,
    SyncSettings,
)
from orgs.models import (
    Archive,
    ArchiveMaintenance,
    ArchiveMove,
    AuditEntry,
    BackupReport,
    Custodian,
    DeployedDevice,
    DeploymentPolicy,
    DeploymentRefusal,
    Device,
    DeviceToken,
    HoldExport,
    Matter,
    Org,
    RenewedKey,
    Repository,
    RestoreJob,
    Role,
    RoleGrant,
    User,
)

data_fixes = DataFixes(name="data-fixes")

EDITABLE: dict[type, type[ModelAdmin]] = {  # type: ignore[type-arg]  # each is of its own model
    User: UserAdmin,
    Org: OrgAdmin,
    Role: RoleAdmin,
    Device: DeviceAdmin,
    Matter: MatterAdmin,
    Custodian: CustodianAdmin,
    LdapServer: LdapServerAdmin,
    Match: MatchAdmin,
    SyncSettings: SyncSettingsAdmin,
}
for model, model_admin in EDITABLE.items():
    data_fixes.register(model, model_admin)

# Models that only actions and syncs write: the columns of the list, what it is searched by, what it is filtered by.
data_fixes.register(RoleGrant, read_only("user", "role", "granted_by", "granted_at", search=["user__username"]))
data_fixes.register(
    Archive, read_only("device", "state", "size_bytes", "expires_at", search=["device__name"], filters=["state"])
)
data_fixes.register(
    Repository,
    read_only(
        "archive",
        "key_holder",
        "location",
        "counted_at",
        search=["archive__device__name", "archive__device__guid"],
        filters=["location", "key_holder"],
        hidden=["password"],
    ),
)
data_fixes.register(
    ArchiveMove,
    read_only("archive", "to", "started_at", "tries", "error", search=["archive__device__guid"], filters=["to"]),
)
data_fixes.register(
    ArchiveMaintenance,
    read_only("archive", "result", "tried_at", "checked_at", "damaged_since", "message", filters=["result"]),
)
data_fixes.register(
    HoldExport,
    read_only("matter", "device_name", "guid", "state", "requested_by", "requested_at", "message", filters=["state"]),
)
data_fixes.register(
    DeviceToken,
    read_only("device", "created_at", "used_at", search=["device__name", "device__guid"], hidden=["sha256"]),
)
data_fixes.register(
    DeploymentPolicy,
    read_only(
        "name", "org", "enabled", "expires_at", "device_limit", search=["name"], filters=["enabled"], hidden=["sha256"]
    ),
)
data_fixes.register(
    DeployedDevice,
    read_only("device", "policy_name", "at", "address", "new_user", search=["device__name", "policy_name"]),
)
data_fixes.register(
    DeploymentRefusal,
    read_only("policy", "at", "address", "username", "code", search=["username", "address"], filters=["code"]),
)
data_fixes.register(
    BackupReport,
    read_only("device", "at", "exit_code", "files", "new_bytes", search=["device__name"], filters=["exit_code"]),
)
data_fixes.register(
    RestoreJob,
    read_only(
        "device", "state", "requested_by", "requested_at", "ended_at", search=["device__name"], filters=["state"]
    ),
)
data_fixes.register(RenewedKey, read_only("org", "renewed_at", search=["org__name"], hidden=["sha256"]))
data_fixes.register(
    AuditEntry,
    read_only("at", "actor_label", "action", "object_type", "object_label", search=["actor_label", "object_label"]),
)
data_fixes.register(OrgServer, read_only("org", "server", "position", search=["org__name", "server__name"]))
data_fixes.register(StoredEntry, read_only("dn", "server", "user", "run_id", search=["dn"]))
data_fixes.register(ScriptVersion, read_only("server", "script", "author", "created_at", filters=["script"]))
data_fixes.register(Run, read_only("id", "simulated", "state", "started_by_label", "created_at", filters=["state"]))
data_fixes.register(RunServer, read_only("run", "server_name", "entries", "complete", "error", filters=["complete"]))
data_fixes.register(RunChange, read_only("run", "username", "outcome", search=["username"], filters=["outcome"]))
data_fixes.register(RunRepeat, read_only("run", "first", "last"))
data_fixes.register(Alert, read_only("created_at", "kind", "message", "dismissed_at", filters=["kind"]))
data_fixes.register(Mail, read_only("created_at", "kind", "subject", "sent_at", "error", filters=["kind"]))
