"""The part of a run that decisions about users need, so that they can also be made without a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from directory.org_scope import OrgScope


class DecisionLease(Protocol):
    """Gives the time, and is renewed before what takes long."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock of the decisions."""

    def renew(self, *, phase: str, done: int, total: int | None = None, extra_timeout: int = 0) -> None:
        """Renew the lease, and show the progress."""

    def stay(self, *, phase: str, done: int, extra_timeout: int = 0) -> None:
        """Renew the lease if it is due."""


class DecisionContext(Protocol):
    """The orgs in scope with their servers, and the lease."""

    @property
    def scope(self) -> Mapping[int, OrgScope]:
        """The orgs in scope, by id."""

    @property
    def lease(self) -> DecisionLease:
        """The lease."""
