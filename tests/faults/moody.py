"""A mail server with moods."""

from __future__ import annotations

import asyncio

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.conftest import Mailbox


class MoodyMailbox(Mailbox):
    """A mail server that may also be slow to greet, or hang up after it took a mail, before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = self.hangs_up = self.runs = self._stopped_once = False

    def start(self) -> None:
        if self._stopped_once:
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        super().start()
        self.runs = True

    def stop(self) -> None:
        if self.runs:
            super().stop()
        self.runs, self._stopped_once = False, True

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        if self.slow:
            # Longer than the worker's EMAIL_TIMEOUT.
            await asyncio.sleep(8)
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.hangs_up:
            self.hangs_up = False
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer
