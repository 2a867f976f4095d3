"""What proves that an LDAP server was read to its end, and what its scripts cost, as sentences for the page of the run."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import RunServer


def proof_lines(reading: RunServer) -> list[str]:
    """Return the proof of a complete reading in words; nothing for an incomplete one, or one older than proofs."""
    proof = reading.proof
    if not proof:
        return []
    lines = [_("%(url)s did not answer: %(reason)s") % failed for failed in proof["failed_urls"]]
    lines.append(_("Read as %(who)s") % {"who": proof["authorization"] or proof["bound_as"]})
    if proof["product"]:
        lines.append(_("The server is %(product)s") % proof)
    lines.append(_("Encrypted") if proof["encrypted"] else _("Not encrypted"))
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
    lines.append(words % {"pages": proof["pages"], "results": results})
    if proof["estimate"]:
        lines.append(
            ngettext(
                "The server expected to send %(estimate)d entry, and %(entries)d came",
                "The server expected to send %(estimate)d entries, and %(entries)d came",
                proof["estimate"],
            )
            % proof
        )
    if proof["counted"] is not None:
        lines.append(_("A second search found %(counted)d") % proof)
    if (groups := reading.counts.get("groups")) is not None:
        words = ngettext(
            "%(groups)d group was read before the people, %(changed)d of them new or changed since the last reading",
            "%(groups)d groups were read before the people, %(changed)d of them new or changed since the last reading",
            groups,
        )
        lines.append(words % {"groups": groups, "changed": reading.counts.get("groupsChanged", 0)})
    if entries := reading.counts.get("scriptEntries"):
        cost = 1000 * reading.counts["scriptSeconds"] / entries
        lines.append(
            _("The scripts took %(cost).2f ms of computing time per entry, of %(entries)d")
            % {"cost": cost, "entries": entries}
        )
    if kept := reading.counts.get("verdictsKept"):
        sentence = ngettext(
            "%(kept)d entry was as it was at the last reading, and kept its verdict",
            "%(kept)d entries were as they were at the last reading, and kept their verdicts",
            kept,
        )
        lines.append(sentence % {"kept": kept})
    return lines
