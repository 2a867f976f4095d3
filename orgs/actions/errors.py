"""What an action raises when it may not be done."""


class Refused(Exception):
    """The action would break a rule; the message says which, for the person who asked. Nothing was written."""
