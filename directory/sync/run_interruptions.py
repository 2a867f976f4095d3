"""The exceptions that stop work on a run before its end."""


class SyncStopped(Exception):
    """The run cannot go on; the message is a sentence for the administrator. Nothing more is written."""


class Cancelled(Exception):
    """Somebody cancelled the run."""


class TakenOver(Exception):
    """Another worker works on the run now; this one must not write any more."""


class Leaving(Exception):
    """The worker has to stop; another one goes on with the run."""


class ReadEverything(Exception):
    """An incremental reading is not enough; the message is the reason."""
