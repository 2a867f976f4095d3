"""Runs the administrator's scripts behind an operating-system boundary and returns what they said."""

from directory.sync.sandbox.layers import Layer, LayerState, SandboxState
from directory.sync.sandbox.limits import Cost, SandboxBroken, SandboxLimits
from directory.sync.sandbox.parent import Sandbox, compile_errors, state
from directory.sync.sandbox.version import engine_version
from directory.sync.sandbox.wire import EntryText

__all__ = [
    "Cost",
    "EntryText",
    "Layer",
    "LayerState",
    "Sandbox",
    "SandboxBroken",
    "SandboxLimits",
    "SandboxState",
    "compile_errors",
    "engine_version",
    "state",
]
