"""The error that an action raises when a rule forbids it."""


class Refused(Exception):
    """The action would break a rule, so nothing was written. The message names the rule for the acting person."""
