"""Rollcall's web server for tests, in which the fuse is looked at too."""

from console.wsgi import application
from tests.faults.crashing import arm

__all__ = ["application"]
arm()
