"""The list of permission keys, what a key implies, and the standard roles with their keys."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

SYSADMIN: Final = "SYSADMIN"
SERVER_ADMINISTRATOR: Final = "Server Administrator"


class Permission(StrEnum):
    """A permission key; ``admin.x`` reaches the holder's org and those below it, ``admin.allx`` every org."""

    ADMIN = "admin"
    ACCOUNT_UPDATE = "admin.account.update"
    ALL_COMPUTER = "admin.allcomputer"
    ALL_COMPUTER_READ = "admin.allcomputer.read"
    ALL_ORG = "admin.allorg"
    ALL_ORG_READ = "admin.allorg.read"
    ALL_PLAN = "admin.allplan"
    ALL_USER = "admin.alluser"
    ALL_USER_READ = "admin.alluser.read"
    COMPUTER = "admin.computer"
    COMPUTER_READ = "admin.computer.read"
    CONSOLE_LOGIN = "admin.console.login"
    CPD_LOGIN = "admin.cpd.login"
    CPP_LOGIN = "admin.cpp.login"
    CPS_LOGIN = "admin.cps.login"
    CPW_LOGIN = "admin.cpw.login"
    FUNCTIONAL = "admin.functional"
    ORG_CREATE = "admin.org.create"
    ORG_DELETE = "admin.org.delete"
    ORG_READ = "admin.org.read"
    ORG_UPDATE_BASIC = "admin.org.update_basic"
    PLAN = "admin.plan"
    PLAN_CREATE = "admin.plan.create"
    PLAN_READ = "admin.plan.read"
    PUSH_RESTORE = "admin.pushrestore"
    PUSH_RESTORE_LIMITED = "admin.pushrestore.limited"
    PUSH_RESTORE_PERSONAL = "admin.pushrestore.personal"
    RESTORE = "admin.restore"
    RESTORE_LIMITED = "admin.restore.limited"
    RESTORE_PERSONAL = "admin.restore.personal"
    SELECT = "admin.select"
    SELECT_PERSONAL = "admin.select.personal"
    SPD_LOGIN = "admin.spd.login"
    SYSTEM = "admin.system"
    SYSTEM_ARCHIVE_MAINTENANCE = "admin.system.archive_maintenance"
    SYSTEM_COMMAND_RESTRICTED = "admin.system.command_restricted"
    USER = "admin.user"
    USER_READ = "admin.user.read"
    VIEW_LOGS = "admin.viewlogs"


# Personal permissions: they allow the holder's own sign-in, plans and restores, and nothing else.
PERSONAL: Final = frozenset(
    {
        Permission.CONSOLE_LOGIN,
        Permission.CPD_LOGIN,
        Permission.CPP_LOGIN,
        Permission.CPS_LOGIN,
        Permission.CPW_LOGIN,
        Permission.SPD_LOGIN,
        Permission.PLAN_CREATE,
        Permission.RESTORE_PERSONAL,
        Permission.SELECT_PERSONAL,
        Permission.PUSH_RESTORE_PERSONAL,
    }
)


def holds(keys: Iterable[str], permission: str) -> bool:
    """Return whether these keys include the permission; a key implies all keys below it (``admin`` implies all)."""
    return any(permission == key or permission.startswith(f"{key}.") for key in keys)


_EVERY_SIGN_IN: Final = (
    Permission.CONSOLE_LOGIN,
    Permission.CPD_LOGIN,
    Permission.CPP_LOGIN,
    Permission.CPS_LOGIN,
    Permission.CPW_LOGIN,
)
_ALL_ORG_ADMIN: Final = (
    Permission.ACCOUNT_UPDATE,
    Permission.ALL_COMPUTER,
    Permission.ALL_ORG,
    Permission.ALL_USER,
    *_EVERY_SIGN_IN,
    Permission.PUSH_RESTORE,
    Permission.RESTORE,
    Permission.SELECT,
    Permission.SYSTEM_ARCHIVE_MAINTENANCE,
    Permission.SYSTEM_COMMAND_RESTRICTED,
    Permission.VIEW_LOGS,
)
_ORG_READER: Final = (
    Permission.COMPUTER_READ,
    *_EVERY_SIGN_IN,
    Permission.ORG_READ,
    Permission.PLAN_READ,
    Permission.USER_READ,
)
_RESTORES: Final = (
    Permission.PUSH_RESTORE_PERSONAL,
    Permission.RESTORE_LIMITED,
    Permission.RESTORE_PERSONAL,
    Permission.SELECT_PERSONAL,
)

# The standard roles of the original product, recorded from a live server; all are locked.
STANDARD_ROLES: Final = MappingProxyType(
    {
        "Admin Restore": (Permission.RESTORE,),
        "Admin Restore Limited": (Permission.RESTORE_LIMITED,),
        "All Org Admin": (*_ALL_ORG_ADMIN, Permission.ALL_PLAN),
        "All Org Manager": (
            Permission.ALL_COMPUTER_READ,
            Permission.ALL_ORG_READ,
            Permission.ALL_USER_READ,
            *_EVERY_SIGN_IN,
            Permission.PLAN_READ,
            *_RESTORES,
            Permission.SYSTEM_COMMAND_RESTRICTED,
        ),
        "Desktop User": (
            Permission.CPD_LOGIN,
            Permission.CPS_LOGIN,
            Permission.PLAN_CREATE,
            Permission.RESTORE_PERSONAL,
            Permission.SELECT_PERSONAL,
            Permission.SPD_LOGIN,
        ),
        "Help Desk": _ALL_ORG_ADMIN,
        "Org Admin": (
            Permission.ACCOUNT_UPDATE,
            Permission.COMPUTER,
            *_EVERY_SIGN_IN,
            Permission.ORG_CREATE,
            Permission.ORG_DELETE,
            Permission.ORG_READ,
            Permission.ORG_UPDATE_BASIC,
            Permission.PLAN,
            Permission.PUSH_RESTORE,
            Permission.RESTORE,
            Permission.SELECT,
            Permission.USER,
        ),
        "Org Help Desk": (*_ORG_READER, Permission.PUSH_RESTORE_LIMITED, Permission.SELECT),
        "Org Manager": (*_ORG_READER, *_RESTORES),
        "PROe User": (Permission.CONSOLE_LOGIN, Permission.CPP_LOGIN),
        "Push Restore": (Permission.PUSH_RESTORE, Permission.SELECT),
        "Remote File Selection": (Permission.SELECT,),
        SYSADMIN: (Permission.ADMIN,),
        SERVER_ADMINISTRATOR: (
            Permission.ALL_COMPUTER,
            Permission.ALL_ORG,
            Permission.ALL_PLAN,
            Permission.ALL_USER,
            *_EVERY_SIGN_IN,
            Permission.PUSH_RESTORE,
            Permission.RESTORE,
            Permission.SELECT,
            Permission.SYSTEM,
        ),
        "User Destination Move": (
            Permission.ALL_COMPUTER,
            Permission.ALL_ORG,
            Permission.ALL_USER,
            Permission.FUNCTIONAL,
        ),
    }
)

# Default roles of the users of an org, unless the org or one above it has others.
DEFAULT_ROLES: Final = ("PROe User", "Desktop User")
