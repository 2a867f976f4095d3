"""Shows the reading proof of an LDAP server, and the cost of its scripts, as sentences on the page of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import RunServer


def proof_lines(reading: RunServer) -> list[str]:
    """Return the proof of a complete reading in words; empty for an incomplete one, or one stored without proof."""
    if not reading.proof:
        return []
    return [*_server_lines(reading.proof), *_entry_lines(reading.proof), *_count_lines(reading.counts)]


def _server_lines(proof: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses that failed, the identity of the bind, the product and the encryption."""
    for failed in proof["failed_urls"]:
        yield _("%(url)s did not answer: %(reason)s") % failed
    yield _("Read as %(who)s") % {"who": proof["authorization"] or proof["bound_as"]}
    if proof["product"]:
        yield _("The server is %(product)s") % proof
    yield _("Encrypted") if proof["encrypted"] else _("Not encrypted")


def _entry_lines(proof: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the entries were received, and what confirms their number."""
    results = ", ".join(f"{name} ({count})" for name, count in sorted(proof["results"].items()))
    if not results:
        words = _("Nobody was asked for: by the server's own cookie nothing had changed")
    elif proof["paged"]:
        words = ngettext(
            "%(pages)d page, with the last cookie empty; results: %(results)s",
            "%(pages)d pages, with the last cookie empty; results: %(results)s",
            proof["pages"],
        )
    else:
        words = _("Without paging; results: %(results)s")
    yield words % {"pages": proof["pages"], "results": results}
    if proof["estimate"]:
        words = ngettext(
            "The server expected to send %(estimate)d entry, and %(entries)d came",
            "The server expected to send %(estimate)d entries, and %(entries)d came",
            proof["estimate"],
        )
        yield words % proof
    if proof["counted"] is not None:
        yield _("A second search found %(counted)d") % proof


def _count_lines(counts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the number of groups, the cost of scripts, and the number of verdicts that were reused."""
    if (groups := counts.get("groups")) is not None:
        words = ngettext(
            "%(groups)d group was read before the people, %(changed)d of them new or changed since the last reading",
            "%(groups)d groups were read before the people, %(changed)d of them new or changed since the last reading",
            groups,
        )
        yield words % {"groups": groups, "changed": counts.get("groupsChanged", 0)}
    if entries := counts.get("scriptEntries"):
        cost = 1000 * counts["scriptSeconds"] / entries
        yield (
            _("The scripts took %(cost).2f ms of computing time per entry, of %(entries)d")
            % {"cost": cost, "entries": entries}
        )
    if kept := counts.get("verdictsKept"):
        words = ngettext(
            "%(kept)d entry was as it was at the last reading, and kept its verdict",
            "%(kept)d entries were as they were at the last reading, and kept their verdicts",
            kept,
        )
        yield words % {"kept": kept}
