"""Help texts below the fields of an LDAP server's form, where they are longer than the model's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from directory.values.limit_table import LIMITS
from directory.values.scripts import SCRIPTS

HELP: Mapping[str, Any] = MappingProxyType(
    {
        "urls": _("One a line, asked in this order until one answers, such as ldaps://dc1.example.com"),
        "start_tls": _("Encrypts ldap:// connections before anything else is sent."),
        "verify_certificates": _("Without it anyone on the way can pass for the server and read the password."),
        "ca_certificate": _("PEM text of the authority that signed the server's certificate. Empty: the system's."),
        "client_key": _("PEM text, without a passphrase: it is encrypted here, and never shown again."),
        "anonymous_bind": _(
            "Sign in as nobody, without a bind DN and password. Most directories show little or nothing then."
        ),
        "bind_dn": _(
            "As the directory has it, such as cn=reader,dc=example,dc=com. Active Directory also takes reader@example.com."
        ),
        "bind_password": _("It is encrypted here, and never shown again."),
        "follow_referrals": _("Ask other servers that this one points to; they are sent the bind password too."),
        "left_out_contexts": _(
            "DNs, one a line, such as dc=child,dc=example,dc=com. Referrals to them and to what is below are not followed, and "
            "do not keep anybody from being taken for absent."
        ),
        "search_base": _(
            "Such as dc=example,dc=com. Empty only for a Global Catalog of Active Directory (port 3268 or 3269): the whole forest."
        ),
        "search_filter": _("Which entries are people. It may stand on several lines."),
        "page_size": _("How many entries the server sends at once."),
        "groups_base": _(
            "Counts with “resolve groups” only. Empty: everywhere in the directory where people may be. “Test connection” counts "
            "the groups that are found."
        ),
        "groups_filter": _(
            "Counts with “resolve groups” only. Empty: whatever has a member, uniqueMember or memberUid, and the usual classes "
            "of groups."
        ),
        "groups_depth": _(
            "Counts with “resolve groups” only; 100 at most. 0: only groups that name the person themselves. 1: also groups that "
            "these are in."
        ),
        "unique_id_attribute": _("Empty: found by itself (entryUUID, objectGUID, ipaUniqueID and the like)."),
        "always_list_attributes": _("Attributes that scripts see as arrays even when there is one value, one a line."),
        **{script.column: _(script.help) for script in SCRIPTS},
        "grantable_roles": _(
            "The role name script can't grant any other. Only a SYSADMIN may add one that holds admin."
        ),
        "canary": _("The username or DN of an entry that every reading must find."),
        "unmarked_attributes": _(
            "Most changes mark the entry as changed (in modifyTimestamp or uSNChanged), by which syncs in between find it. Enter "
            "attributes that do not, such as lastLogon, one a line, beside those that are known: where the mapping, the filter "
            "or a script names one, each sync reads everything. With - before it (-nsAccountLock), a known one does not count."
        ),
        "orgs": _("Users of these orgs, and of orgs below them without a list of their own, are looked for here."),
        **{limit.setting: _(limit.help) for limit in LIMITS},
    }
)
