"""How Rollcall itself is: each part looked at, with what to do where something is wrong."""

from directory.status.lines import Line, LineState, Section, worst
from directory.status.report import alarms, dangers, sections

__all__ = ["Line", "LineState", "Section", "alarms", "dangers", "sections", "worst"]
