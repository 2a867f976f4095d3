"""How work on a run stops: for a reason to act on, because someone cancelled it, taken over, or put down."""


class SyncStopped(Exception):
    """The run cannot go on; the message is a sentence for the administrator. Nothing more is written."""


class Cancelled(Exception):
    """Someone asked the run to stop."""


class TakenOver(Exception):
    """Another worker holds the run now; this one must not write any more."""


class Leaving(Exception):
    """The worker is told to go: the next one goes on with the run."""


class ReadEverything(Exception):
    """What has changed on a server is not enough to go by; the words say why."""
