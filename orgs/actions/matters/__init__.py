"""The parts of legal holds: who may act on which matter, edits of matters, preservation policies, and events."""
