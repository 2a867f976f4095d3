"""How work on a run stops: for a reason to act on, because someone cancelled it, taken over, or put down."""


class SyncStopped(Exception):
    """The run cannot go on; the message is a sentence for the administrator. Nothing more is written."""


class Cancelled(Exception):
    """Somebody cancelled the run."""


class TakenOver(Exception):
    """Another worker holds the run now; this one must not write any more."""


class Leaving(Exception):
    """The worker has to stop: the next one goes on with the run."""


class ReadEverything(Exception):
    """An incremental reading is not enough; the message is the reason."""
