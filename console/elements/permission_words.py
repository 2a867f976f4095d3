"""What each permission allows, in one sentence, by area."""

from __future__ import annotations

from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orgs.permissions import Permission

_AREAS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (_("Everything"), ("admin",)),
    (_("Users"), ("admin.user", "admin.alluser", "admin.account")),
    (_("Devices"), ("admin.computer", "admin.allcomputer")),
    (_("Orgs"), ("admin.org", "admin.allorg")),
    (_("Plans"), ("admin.plan", "admin.allplan")),
    (_("Restoring"), ("admin.restore", "admin.pushrestore", "admin.select")),
    (_("Signing in"), ("admin.console", "admin.cpd", "admin.cpp", "admin.cps", "admin.cpw", "admin.spd")),
    (_("Server"), ("admin.system", "admin.viewlogs", "admin.functional")),
)

SENTENCES: MappingProxyType[Permission, Promise] = MappingProxyType(
    {
        Permission.ADMIN: _("Everything, in every org: all other permissions are part of it."),
        Permission.ACCOUNT_UPDATE: _("Change what concerns the console's licence and account."),
        Permission.ALL_COMPUTER: _("See and change the devices of every org: deactivate, block, replace."),
        Permission.ALL_COMPUTER_READ: _("See the devices and archives of every org."),
        Permission.ALL_ORG: _("Create, change, move and deactivate every org."),
        Permission.ALL_ORG_READ: _("See every org, with its settings and registration key."),
        Permission.ALL_PLAN: _("See and change the backup plans of every org."),
        Permission.ALL_USER: _("Create and change users of every org, and give roles: block, deactivate, move."),
        Permission.ALL_USER_READ: _("See the users and the legal holds of every org."),
        Permission.COMPUTER: _("See and change devices: deactivate, block, replace."),
        Permission.COMPUTER_READ: _("See devices and archives."),
        Permission.CONSOLE_LOGIN: _("Sign in to this console."),
        Permission.CPD_LOGIN: _("Sign in to the backup app on a device."),
        Permission.CPP_LOGIN: _("Sign in to the backup app of the enterprise edition."),
        Permission.CPS_LOGIN: _("Connect a device to the storage server."),
        Permission.CPW_LOGIN: _("Sign in to the web restore page."),
        Permission.FUNCTIONAL: _("Use functions that the server offers to other programs."),
        Permission.ORG_CREATE: _("Create orgs below one's own."),
        Permission.ORG_DELETE: _("Deactivate and reactivate orgs."),
        Permission.ORG_READ: _("See orgs, with their settings and registration keys."),
        Permission.ORG_UPDATE_BASIC: _(
            "Rename and move orgs, renew registration keys, set archive retention, kept snapshots and default roles."
        ),
        Permission.PLAN: _("See and change backup plans."),
        Permission.PLAN_CREATE: _("Create one's own backup plan."),
        Permission.PLAN_READ: _("See backup plans."),
        Permission.PUSH_RESTORE: _("Restore files of others to their devices, from the console."),
        Permission.PUSH_RESTORE_LIMITED: _("Restore files of others to their devices, 250 MB at a time at most."),
        Permission.PUSH_RESTORE_PERSONAL: _("Restore one's own files to one's own devices, from the console."),
        Permission.RESTORE: _("See and download files of others in their archives."),
        Permission.RESTORE_LIMITED: _("See and download files of others, 250 MB at a time at most."),
        Permission.RESTORE_PERSONAL: _("See and download one's own files in the console, and restore on the computer."),
        Permission.SELECT: _("Choose which files of others are backed up."),
        Permission.SELECT_PERSONAL: _("Choose which of one's own files are backed up."),
        Permission.SPD_LOGIN: _("Sign in to the sharing app on a device."),
        Permission.SYSTEM: _(
            "Change how the console works: LDAP servers, syncs, notifications, roles; see runs and the audit trail."
        ),
        Permission.SYSTEM_ARCHIVE_MAINTENANCE: _("Start the maintenance of archives."),
        Permission.SYSTEM_COMMAND_RESTRICTED: _("Use the harmless commands of the command line of the server."),
        Permission.USER: _("Create and change users, and give roles: block, deactivate, move, put into another org."),
        Permission.USER_READ: _("See users, with their roles, states and history."),
        Permission.VIEW_LOGS: _("See the log files of the server."),
    }
)

# What people look for first: the words of a link, and the permission behind it.
OFTEN_LOOKED_FOR: tuple[tuple[Promise, Permission], ...] = (
    (_("give roles"), Permission.USER),
    (_("change LDAP servers and roles"), Permission.SYSTEM),
    (_("create orgs"), Permission.ORG_CREATE),
    (_("restore files of others"), Permission.RESTORE),
    (_("do everything"), Permission.ADMIN),
)


def areas() -> list[tuple[str | Promise, list[str]]]:
    """Return the name of each area with its permission keys."""
    return [(name, _keys(roots)) for name, roots in _AREAS]


def choices() -> list[tuple[str | Promise, list[tuple[str, str | Promise]]]]:
    """Return all permission keys by area, with what they allow, as the choices of a field."""
    return [(name, [(key, SENTENCES[Permission(key)]) for key in keys]) for name, keys in areas()]


def _keys(roots: tuple[str, ...]) -> list[str]:
    if roots == ("admin",):
        return ["admin"]
    return [key for key in Permission if any(key == root or key.startswith(f"{root}.") for root in roots)]
