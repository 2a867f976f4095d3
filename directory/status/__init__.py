"""Checks the health of Rollcall itself, part by part, with what to do when something is wrong."""

from directory.status.lines import Line, LineState, Section, worst
from directory.status.report import alarms, dangers, sections

__all__ = ["Line", "LineState", "Section", "alarms", "dangers", "sections", "worst"]
