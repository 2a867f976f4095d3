"""Help texts below the fields of an LDAP server's form, from the registry of fields and for the form alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from directory.values.server_fields import FIELDS

HELP: Mapping[str, Any] = MappingProxyType(
    {
        **{field.name: _(field.help) for field in FIELDS if field.help},
        "anonymous_bind": _(
            "Sign in as nobody, without a bind DN and password. Most directories show little or nothing then."
        ),
        "grantable_roles": _(
            "The role name script can't grant any other. Only a SYSADMIN may add one that holds admin."
        ),
        "orgs": _("Users of these orgs, and of orgs below them without a list of their own, are looked for here."),
    }
)
