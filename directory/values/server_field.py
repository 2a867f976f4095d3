"""How a field of an LDAP server is described: the kind of its value, where it stands, and what depends on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class FieldSection(StrEnum):
    """The group of the form, and of README, in which a field stands; the value is its title."""

    SERVER = "Server"
    CONNECTION = "Connection"
    SEARCH = "Search"
    GROUPS = "Groups"
    ATTRIBUTES = "Attributes"
    SCRIPTS = "Scripts"
    LIMITS = "Limits"
    SCHEDULE = "Schedule and orgs"


class FieldKind(Enum):
    """What the value of a field is: how it is written in JSON, normalized, checked and entered goes by this."""

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

    What does has to be simulated once more where it is changed, has every verdict made again (the evaluation fingerprint
    goes by the digest), has the next reading read everything, and is not for somebody who lets the server grant more than
    they hold themselves.
    """

    ALWAYS = "since the digest was made"
    EARLIER = "in words of its own, since it was added"
    WHEN_SET = "where it is not as on a new server, so that servers that do not use it keep their digest"
    NEVER = "decides nothing that a simulation shows"


@dataclass(frozen=True, slots=True)
class ServerField:
    """One field of an LDAP server: ``name`` is its column, its field in the form, and its key in JSON and the audit trail.

    ``help`` stands below it on the page. ``secret`` says that it is encrypted and never shown again. Whoever changes it has to
    enter ``secrets`` again, as these might be sent elsewhere then: None stands for all of them in the section of the
    connection, and for none elsewhere. ``harmless`` says that it decides nothing about a plan, so that whoever has
    changed it may approve one. ``nullable`` allows no value, ``beside`` puts it into one row with the field before it.
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
        """Tell whether a change of this field might send a stored secret elsewhere."""
        if self.secrets is None:
            return self.section is FieldSection.CONNECTION and not self.secret
        return secret in self.secrets
