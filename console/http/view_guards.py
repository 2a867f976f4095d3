"""What guards a view, noted on the view itself: pages read it before a form is sent, and tests that walk all addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from orgs.permissions import Permission

_NAME = "guards"


@dataclass(frozen=True, slots=True)
class Guards:
    """What a view requires: a permission; a confirmation, always or if a check says so; or that a program asks."""

    permission: Permission | None = None
    confirmed: bool = False
    confirmed_if: Callable[..., bool] | None = None
    for_agents: bool = False


def guards_of(view: Callable[..., Any]) -> Guards:
    """Return what guards a view; decorators that wrap it keep that."""
    found = getattr(view, _NAME, None)
    return found if isinstance(found, Guards) else Guards()


def note(view: Callable[..., Any], **guards: Any) -> None:
    """Add to what guards a view; ``guards`` are fields of ``Guards``."""
    vars(view)[_NAME] = replace(guards_of(view), **guards)
