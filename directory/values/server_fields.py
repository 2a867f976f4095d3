"""Describes each field of an LDAP server once. Pure.

The form, JSON, checks, normalization, the audit trail, the rules about stored secrets, and the configuration digest take
the fields from ``FIELDS``. The model has the columns, and the code that uses a field knows what it means.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from directory.values.scripts import ACTIVE, ORG_NAME, ROLE_NAME, SCRIPTS
from directory.values.server_field_kinds import FieldKind, FieldSection, InDigest, ServerField
from directory.values.server_limits import LIMITS

ALWAYS, EARLIER, NEVER = InDigest.ALWAYS, InDigest.EARLIER, InDigest.NEVER

_SERVER = (
    ServerField("name", FieldKind.NAME, NEVER, harmless=True),
    ServerField("enabled", FieldKind.FLAG, NEVER),
)
_CONNECTION = (
    ServerField(
        "urls",
        FieldKind.LINES,
        ALWAYS,
        "One a line, asked in this order until one answers, such as ldaps://dc1.example.com",
    ),
    ServerField("start_tls", FieldKind.FLAG, ALWAYS, "Encrypts ldap:// connections before anything else is sent."),
    ServerField(
        "verify_certificates",
        FieldKind.FLAG,
        ALWAYS,
        "Without it anyone on the way can pass for the server and read the password.",
    ),
    ServerField(
        "ca_certificate",
        FieldKind.PEM,
        ALWAYS,
        "PEM text of the authority that signed the server's certificate. Empty: the system's.",
    ),
    ServerField(
        "bind_dn",
        FieldKind.ENTRY,
        ALWAYS,
        "As the directory has it, such as cn=reader,dc=example,dc=com. Active Directory also takes reader@example.com.",
        secrets=("bind_password",),
    ),
    ServerField(
        "bind_password", FieldKind.PASSWORD, NEVER, "It is encrypted here, and never shown again.", secret=True
    ),
    ServerField(
        "client_certificate",
        FieldKind.PEM,
        EARLIER,
        "PEM text, with intermediate certificates below it, for servers that ask who connects. Empty: none.",
        secrets=(),
    ),
    ServerField(
        "client_key",
        FieldKind.PEM,
        NEVER,
        "PEM text, without a passphrase: it is encrypted here, and never shown again.",
        secret=True,
    ),
    ServerField(
        "sasl_external",
        FieldKind.FLAG,
        EARLIER,
        "Instead of a bind DN and a password: the server knows by the certificate who connects.",
        # With a stored key, a connection to another server could act there as the key's owner.
        secrets=("client_key",),
    ),
    ServerField("connect_timeout", FieldKind.NUMBER, NEVER, secrets=()),
    ServerField("operation_timeout", FieldKind.NUMBER, NEVER, secrets=(), beside=True),
    ServerField(
        "follow_referrals",
        FieldKind.FLAG,
        ALWAYS,
        "Ask other servers that this one points to; they are sent the bind password too.",
    ),
    ServerField(
        "left_out_contexts",
        FieldKind.DNS,
        EARLIER,
        "DNs, one a line, such as dc=child,dc=example,dc=com. Referrals to them and to what is below are not followed, and "
        "do not keep anybody from being taken for absent.",
        secrets=(),
    ),
    ServerField(
        "dereference_aliases",
        FieldKind.FLAG,
        EARLIER,
        "Entries of class alias then stand for those that they point to, also outside of the search base. Each sync reads "
        "everything.",
        secrets=(),
    ),
)
_SEARCH = (
    ServerField(
        "search_base",
        FieldKind.DN,
        ALWAYS,
        "Such as dc=example,dc=com. Empty only for a Global Catalog of Active Directory (port 3268 or 3269): the whole forest.",
    ),
    ServerField("search_scope", FieldKind.CHOICE, ALWAYS),
    ServerField("search_filter", FieldKind.FILTER, ALWAYS, "Which entries are people. It may stand on several lines."),
    ServerField("page_size", FieldKind.NUMBER, NEVER, "How many entries the server sends at once."),
    ServerField(
        "cannot_page",
        FieldKind.FLAG,
        EARLIER,
        "For proxies such as OpenLDAP's back-meta, and where pages are not allowed: everything is asked for at once, and "
        "counted a second time. The server's size limit has to allow that.",
    ),
    ServerField(
        "needed_attributes_only",
        FieldKind.FLAG,
        EARLIER,
        "Those of the mapping, and those whose names stand in the scripts: less to send and to keep where entries "
        "are big. To look at any other one is then a script error, which changes nothing for that user.",
    ),
)
_GROUPS = (
    ServerField(
        "resolve_groups",
        FieldKind.FLAG,
        EARLIER,
        "Scripts get entry.groups: the DNs of all groups that the person is in, directly, through other groups, as "
        "primary group, or by name only (memberUid).",
    ),
    ServerField(
        "groups_base",
        FieldKind.DN,
        EARLIER,
        "Counts with “resolve groups” only. Empty: everywhere in the directory where people may be. “Test connection” counts "
        "the groups that are found.",
    ),
    ServerField(
        "groups_filter",
        FieldKind.FILTER,
        EARLIER,
        "Counts with “resolve groups” only. Empty: whatever has a member, uniqueMember or memberUid, and the usual classes "
        "of groups.",
    ),
    ServerField(
        "groups_depth",
        FieldKind.NUMBER,
        EARLIER,
        "Counts with “resolve groups” only; 100 at most. 0: only groups that name the person themselves. 1: also groups that "
        "these are in.",
    ),
)
_ATTRIBUTES = (
    ServerField("username_attribute", FieldKind.ATTRIBUTE, ALWAYS),
    ServerField("email_attribute", FieldKind.ATTRIBUTE, ALWAYS, beside=True),
    ServerField("first_name_attribute", FieldKind.ATTRIBUTE, ALWAYS),
    ServerField("last_name_attribute", FieldKind.ATTRIBUTE, ALWAYS, beside=True),
    ServerField(
        "unique_id_attribute",
        FieldKind.ATTRIBUTE,
        ALWAYS,
        "Empty: found by itself (entryUUID, objectGUID, ipaUniqueID and the like).",
    ),
    ServerField(
        "always_list_attributes",
        FieldKind.ATTRIBUTE_NAMES,
        ALWAYS,
        "Attributes that scripts see as arrays even when there is one value, one a line.",
    ),
)
# These scripts are part of every digest, even when empty; a later script only when it has a source.
_FIRST = (ACTIVE, ORG_NAME, ROLE_NAME)
_SCRIPTS = tuple(
    ServerField(script.column, FieldKind.SCRIPT, ALWAYS if script in _FIRST else InDigest.WHEN_SET, script.help)
    for script in SCRIPTS
)
_LIMITS = (
    *(
        ServerField(limit.setting, FieldKind.NUMBER, NEVER, limit.help, beside=number % 2 == 1)
        for number, limit in enumerate(LIMITS)
    ),
    ServerField(
        "absence_runs",
        FieldKind.NUMBER,
        NEVER,
        "1: whoever one complete reading does not find is deactivated by the same sync.",
    ),
    ServerField("absence_hours", FieldKind.NUMBER, NEVER, "0: no waiting.", beside=True),
    ServerField("canary", FieldKind.ENTRY, NEVER, "The username or DN of an entry that every reading must find."),
    ServerField(
        "requires_approval",
        FieldKind.FLAG,
        NEVER,
        "A sync with anything to change then waits until someone other than who started it applies its plan.",
    ),
)
_SCHEDULE = (
    ServerField(
        "sync_interval_hours",
        FieldKind.NUMBER,
        NEVER,
        "Empty: the server-wide interval. 0: never.",
        harmless=True,
        nullable=True,
    ),
    ServerField(
        "full_reading_every",
        FieldKind.NUMBER,
        NEVER,
        "1: each sync reads everything. Otherwise scheduled syncs in between ask the server for what has changed, "
        "and take nobody for absent.",
        beside=True,
    ),
    ServerField(
        "unmarked_attributes",
        FieldKind.ATTRIBUTE_NAMES,
        NEVER,
        "Most changes mark the entry as changed (in modifyTimestamp or uSNChanged), by which syncs in between find it. Enter "
        "attributes that do not, such as lastLogon, one a line, beside those that are known: where the mapping, the filter "
        "or a script names one, each sync reads everything. With - before it (-nsAccountLock), a known one does not count.",
    ),
)

_SECTIONS = {
    FieldSection.SERVER: _SERVER,
    FieldSection.CONNECTION: _CONNECTION,
    FieldSection.SEARCH: _SEARCH,
    FieldSection.GROUPS: _GROUPS,
    FieldSection.ATTRIBUTES: _ATTRIBUTES,
    FieldSection.SCRIPTS: _SCRIPTS,
    FieldSection.LIMITS: _LIMITS,
    FieldSection.SCHEDULE: _SCHEDULE,
}
# In the order of JSON, of the audit trail and, except for the way to sign in, of the form.
FIELDS = tuple(replace(field, section=section) for section, fields in _SECTIONS.items() for field in fields)


def names() -> tuple[str, ...]:
    """Return the names of all fields."""
    return tuple(field.name for field in FIELDS)


def of_kinds(kinds: Collection[FieldKind]) -> tuple[str, ...]:
    """Return the names of the fields whose values are of these kinds."""
    return tuple(field.name for field in FIELDS if field.kind in kinds)


def in_section(*sections: FieldSection) -> tuple[str, ...]:
    """Return the names of the fields of these sections."""
    return tuple(field.name for field in FIELDS if field.section in sections)


def secrets() -> dict[str, tuple[str, ...]]:
    """Return each encrypted field, with the fields after whose change it has to be entered again."""
    return {
        field.name: tuple(each.name for each in FIELDS if each.sends(field.name)) for field in FIELDS if field.secret
    }


def harmless() -> frozenset[str]:
    """Return the names of the fields that decide nothing about a plan."""
    return frozenset(field.name for field in FIELDS if field.harmless)
