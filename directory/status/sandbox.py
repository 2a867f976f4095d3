"""Checks the layers of the scripts' sandbox, and whether Rollcall may run scripts without the missing ones."""

from __future__ import annotations

import functools

from django.conf import settings
from django.utils.translation import gettext as _

from directory.scripts.sandbox.protections import Layer, LayerState, SandboxState
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import state
from directory.status.lines import Line, LineState

_STATES = {
    LayerState.IN_FORCE: LineState.OK,
    LayerState.NOT_NEEDED: LineState.OK,
    LayerState.MISSING: LineState.WARNING,
}


def look() -> list[Line]:
    """Return the status lines of the sandbox on this machine."""
    found = _sandbox(allow_weak=settings.ALLOW_WEAK_SANDBOX)
    lines = [_layer(layer) for layer in found.layers]
    if not found.problem:
        return lines
    # Check again the next time: the problem may have been solved.
    _sandbox.cache_clear()
    advice = _("No script runs and no sync starts until this is mended.")
    return [Line(_("Sandbox"), LineState.PROBLEM, found.problem, advice), *lines]


@functools.cache
def _sandbox(*, allow_weak: bool) -> SandboxState:
    # Check once: it takes a process of its own, and the kernel stays the same while this process runs.
    return state(SandboxLimits(allow_weak=allow_weak))


def _layer(layer: Layer) -> Line:
    advice = _("Run Rollcall where the system has this layer.") if layer.state is LayerState.MISSING else ""
    return Line(layer.name, _STATES[layer.state], f"{layer.state.value.capitalize()}: {layer.note}.", advice)


def dangers() -> list[Line]:
    """Return a warning if settings allow scripts to run with less protection than they should have."""
    if not settings.ALLOW_WEAK_SANDBOX:
        return []
    fact = _("Scripts also run where layers of their sandbox are missing (ALLOW_WEAK_SANDBOX).")
    return [Line(_("Weak sandbox"), LineState.WARNING, fact, _("Unset it as soon as the system has all layers."))]
