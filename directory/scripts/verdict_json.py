"""Converts verdicts to JSON for rows, and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from directory.values.scripts import SCRIPTS, ScriptError, Verdict, script_named
from orgs.bulk_writes import Json


def verdict_to_json(verdict: Verdict | None) -> dict[str, Any] | None:
    """Return a verdict in the form for rows."""
    if verdict is None:
        return None
    error = verdict.error
    return {
        **{script.result: verdict.of(script) for script in SCRIPTS},
        "error": {"script": error.script.name, "message": error.message, "line": error.line} if error else None,
    }


@lru_cache(maxsize=4096)
def verdict_to_text(verdict: Verdict | None) -> Json | None:
    """Return a verdict as JSON text for a row; cached, because most verdicts are alike."""
    values = verdict_to_json(verdict)
    return None if values is None else Json(json.dumps(values))


def verdict_of_row(stored: Mapping[str, Any], *, varies: bool) -> Verdict:
    """Return the verdict of a stored row; ``varies`` is stored beside it."""
    return verdict_from_json(stored).varying(varies=varies)


@lru_cache(maxsize=4096)
def verdict_from_text(stored: str | None) -> Verdict:
    """Return the verdict in a row's JSON text; raises as ``verdict_from_json`` does."""
    return verdict_from_json(None if stored is None else json.loads(stored))


def verdict_from_json(stored: Mapping[str, Any] | None) -> Verdict:
    """Return the verdict in a row's JSON; scripts that did not exist yet get their ``unset``.

    Raises:
        ValueError: when there is no verdict, or it is invalid.
    """
    if stored is None:
        raise ValueError("an entry that matches a user was stored without a verdict")
    error = stored["error"]
    return Verdict(
        error=ScriptError(script_named(error["script"]), error["message"], error["line"]) if error else None,
        **{script.result: script.returns.check(stored[script.result]) for script in SCRIPTS if script.result in stored},
    )
