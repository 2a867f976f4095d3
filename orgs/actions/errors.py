"""What an action raises when it may not be done."""


class Refused(Exception):
    """The action would break a rule; the message names it, for the person who acts. Nothing was written."""
