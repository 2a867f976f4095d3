"""Mails about accounts, sent at once instead of by a worker."""

from __future__ import annotations

import pytest

from console.security import account_mails


def worker_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry out the tasks that pages put into the queue of mails, in the page's own request."""

    def put(task: str, *, queue: str, **arguments: int | str) -> None:
        module, _, name = task.rpartition(".")
        assert (module, queue) == (account_mails.__name__, "mail")
        getattr(account_mails, name)(**arguments)

    monkeypatch.setattr("console.security.account_mails.queues.put", put)
