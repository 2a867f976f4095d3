"""The description of one field of an LDAP server: its kind of value, its section, and what depends on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class FieldSection(StrEnum):
    """The section of a field in the form and in README; the value is its title."""

    SERVER = "Server"
    CONNECTION = "Connection"
    SEARCH = "Search"
    GROUPS = "Groups"
    ATTRIBUTES = "Attributes"
    SCRIPTS = "Scripts"
    LIMITS = "Limits"
    SCHEDULE = "Schedule and orgs"


class FieldKind(Enum):
    """The kind of a field's value, which decides its JSON type, normalization, checks and input."""

    NAME = "text of one line, as it is typed"
    ATTRIBUTE = "the name of an attribute"
    DN = "a distinguished name"
    ENTRY = "a distinguished name, or what else names an entry, such as reader@corp.example"
    FILTER = "a filter"
    PEM = "certificates or a key as PEM text"
    SCRIPT = "the source of a script"
    PASSWORD = "a text in which each blank counts"  # noqa: S105  # words, no secret
    CHOICE = "one of a few texts"
    FLAG = "true or false"
    NUMBER = "a whole number"
    LINES = "a list of texts"
    DNS = "a list of distinguished names"
    ATTRIBUTE_NAMES = "a list of names of attributes"


OF_ONE_LINE = frozenset({FieldKind.NAME, FieldKind.ATTRIBUTE, FieldKind.DN, FieldKind.ENTRY})
LONG_TEXTS = frozenset({FieldKind.FILTER, FieldKind.PEM, FieldKind.SCRIPT, FieldKind.PASSWORD})
TEXTS = OF_ONE_LINE | LONG_TEXTS | {FieldKind.CHOICE}
LISTS = frozenset({FieldKind.LINES, FieldKind.DNS, FieldKind.ATTRIBUTE_NAMES})


class InDigest(Enum):
    """Whether a field belongs to the digest of a configuration.

    When such a field changes, a new simulation is needed, every script result is computed again (the evaluation fingerprint
    has the digest in it), and the next reading reads everything. A person who holds less than the server may grant can't
    change it.
    """

    ALWAYS = "since the digest was made"
    EARLIER = "in words of its own, since it was added"
    WHEN_SET = "where it is not as on a new server, so that servers that do not use it keep their digest"
    NEVER = "decides nothing that a simulation shows"


@dataclass(frozen=True, slots=True)
class ServerField:
    """One field of an LDAP server: ``name`` is its column, its form field, and its key in JSON and the audit trail.

    ``help`` is the text below it on the page. ``secret``: it is encrypted and never shown again. ``secrets`` have to be
    entered again after a change of the field, because they might be sent elsewhere; None stands for all secrets in the
    section of the connection, and for none in other sections. ``harmless``: it decides nothing about a plan, so that a person
    who changed it may approve a plan. ``nullable``: it may have no value. ``beside``: it is in one row with the field
    before it.
    """

    name: str
    kind: FieldKind
    in_digest: InDigest = InDigest.WHEN_SET
    help: str = ""
    section: FieldSection = FieldSection.SERVER
    secret: bool = False
    secrets: tuple[str, ...] | None = None
    harmless: bool = False
    nullable: bool = False
    beside: bool = False

    def sends(self, secret: str) -> bool:
        """Return whether a change of this field might send this stored secret elsewhere."""
        if self.secrets is None:
            return self.section is FieldSection.CONNECTION and not self.secret
        return secret in self.secrets
