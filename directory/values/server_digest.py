"""Computes the digest of a server's configuration, which has to be simulated before a real run. Pure.

Its form must not change: a new form would void the simulations and verdicts of every server. So a field that is added
later is part of the digest only when its value differs from that of a new server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from directory import digests
from directory.values.pem_certificates import holder
from directory.values.server_field_kinds import InDigest
from directory.values.server_fields import FIELDS


def in_digest() -> tuple[str, ...]:
    """Return the names of the fields that are part of the digest."""
    return tuple(field.name for field in FIELDS if field.in_digest is not InDigest.NEVER)


def configuration_digest(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the digest of a server with these values of its fields; ``defaults`` are those of a new one."""
    parts = [values[field.name] for field in FIELDS if field.in_digest is InDigest.ALWAYS]
    parts += _earlier(values)
    for field in FIELDS:
        if field.in_digest is InDigest.WHEN_SET and values[field.name] != defaults[field.name]:
            parts.append([field.name, values[field.name]])
    return digests.of_json(parts)


def _earlier(values: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the words and lists of the fields with ``InDigest.EARLIER``, in the order in which they were added."""
    if values["needed_attributes_only"]:
        yield "needed attributes only"
    if values["cannot_page"]:
        yield "cannot page"
    if values["resolve_groups"]:
        yield ["groups", values["groups_base"], values["groups_filter"], values["groups_depth"]]
    if values["client_certificate"]:
        yield f"client certificate of {holder(values['client_certificate'])}"
    if values["sasl_external"]:
        yield "SASL EXTERNAL"
    if values["left_out_contexts"]:
        yield ["referrals left out", *values["left_out_contexts"]]
    if values["dereference_aliases"]:
        yield "aliases are dereferenced"
