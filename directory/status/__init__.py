"""How Rollcall itself is: each part looked at, with what to do where something is wrong."""

from directory.status.lines import Line, Section, State, worst
from directory.status.report import alarms, dangers, sections

__all__ = ["Line", "Section", "State", "alarms", "dangers", "sections", "worst"]
