"""One line of help for each model of Data fixes: what a row is, and what can be mended there."""

from __future__ import annotations

from typing import Final

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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

HELP_LINES: Final[dict[type[Model], Promise]] = {
    User: _("Change any field of a user that the console can change, also of many users at once."),
    Org: _("Settings of orgs, with what they leave to the org above. Orgs that are in use no more are here too."),
    Role: _("Custom roles with their permissions. Standard roles are locked."),
    Device: _("Devices that belong to a user. Their state follows the user's state."),
    Matter: _("Legal holds: open a matter, or close matters and so release their custodians."),
    Custodian: _("Who is held by which matter. Releasing somebody can carry out a pending deactivation."),
    LdapServer: _("The stored settings of each LDAP server, to compare. Change them on the page of the server."),
    Match: _("Which entry of a directory belongs to which user. Forget a match if it is wrong."),
    SyncSettings: _("The settings that count for all syncs, in one row."),
    RoleGrant: _("Who has which role, given by whom. Change it on the page of the user."),
    Archive: _("Stored backups and when they expire. Only acts on devices and users change them."),
    Repository: _("Folders of archives, and who has their passwords. Passwords are never shown."),
    ArchiveMove: _("Moves of archives that are not finished, with the last error. They go on by themselves."),
    ArchiveMaintenance: _("When archives were checked, and how that ended. The worker for archives checks them again."),
    HoldExport: _("Exports for legal holds. Their files are removed on the page of the matter."),
    DeviceToken: _("Which devices have signed in, and when. Deauthorize a device on its page."),
    BackupReport: _("What devices reported about their backups."),
    RestoreJob: _("Restores that computers were asked for, and how they ended. Cancel one on the page Restore files."),
    DeploymentPolicy: _("Under which policies installers register computers. Change them on the page of the policy."),
    DeployedDevice: _("Which devices came by which policy, when, and from which address."),
    DeploymentRefusal: _("Who was not registered under a policy, and why. Each policy keeps the last 100."),
    RenewedKey: _("Digests of registration keys of before, so that people who use one are told to get the new one."),
    AuditEntry: _("Every act of a person or a sync. Nobody can change or delete these rows."),
    OrgServer: _("Which org asks which LDAP servers, in which order. Change it on the page of the org."),
    StoredEntry: _("What a sync read from the directories last time. The next full reading replaces it."),
    ScriptVersion: _("Every version of every script, with its author. Old runs name them."),
    Run: _("Simulations and syncs. Use the history to read, apply or undo them."),
    RunServer: _("What a run read from each LDAP server, and whether the reading was complete."),
    RunChange: _("What a run changed, user by user."),
    RunRepeat: _("Runs that found the same as the run before them, as one row."),
    Alert: _("Alerts of the console. Dismiss them on their own page."),
    Mail: _("Mails to administrators, sent or waiting, with the last error."),
}
