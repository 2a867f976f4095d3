"""Runs the administrator's scripts behind an operating-system boundary and returns what they said."""

from directory.sync.sandbox.limits import SandboxBroken, SandboxLimits
from directory.sync.sandbox.parent import Sandbox, compile_errors

__all__ = ["Sandbox", "SandboxBroken", "SandboxLimits", "compile_errors"]
