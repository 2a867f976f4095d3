"""How a run stops: for a reason that an administrator can act on, because someone cancelled it, or taken over."""


class SyncStopped(Exception):
    """The run cannot go on; the message is a sentence for the administrator. Nothing more is written."""


class Cancelled(Exception):
    """Someone asked the run to stop."""


class TakenOver(Exception):
    """Another worker holds the run now; this one must not write any more."""
