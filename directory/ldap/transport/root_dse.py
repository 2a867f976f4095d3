"""Reads a server's root DSE (RFC 4512, 5.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.ldap.errors import plain

ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
ACTIVE_DIRECTORY_NAME = "Active Directory"
ROOT_ATTRIBUTES = [
    "objectClass", "namingContexts", "supportedControl", "supportedCapabilities", "vendorName", "vendorVersion",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RootDse:
    """A server's root DSE; ``controls`` is None if it lists none, ``contexts`` are the DNs of its trees.

    ``capabilities`` are those of Active Directory, which Samba has, too (MS-ADTS, 3.1.1.3.2.19).
    """

    controls: frozenset[str] | None = None
    product: str = ""
    contexts: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()

    @property
    def is_active_directory(self) -> bool:
        """Whether the server works like a domain controller of Active Directory; Samba does."""
        return ACTIVE_DIRECTORY in self.capabilities


def root_of(attributes: Mapping[str, Sequence[bytes]]) -> RootDse:
    """Return the root DSE from its attributes."""
    texts = {
        name.lower(): [value.decode("utf-8", "replace") for value in values] for name, values in attributes.items()
    }
    controls = texts.get("supportedcontrol")
    vendor = " ".join([*texts.get("vendorname", [])[:1], *texts.get("vendorversion", [])[:1]])
    if not vendor and ACTIVE_DIRECTORY in texts.get("supportedcapabilities", []):
        vendor = ACTIVE_DIRECTORY_NAME
    if not vendor and "OpenLDAProotDSE" in texts.get("objectclass", []):
        vendor = "OpenLDAP"
    return RootDse(
        controls=None if controls is None else frozenset(controls),
        product=plain(vendor),
        contexts=tuple(texts.get("namingcontexts", ())),
        capabilities=frozenset(texts.get("supportedcapabilities", ())),
    )
