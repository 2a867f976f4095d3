"""One row of the catalogue of requests: what was sent, what came back, and that nothing in the domain's tables moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.urls import reverse

from tests.catalogue import noted
from tests.makers import BIND_PASSWORD
from tests.state import VOLATILE, changed_users, differences, lost, snapshot

# What no answer may hold: tracebacks, where we live, which versions, hashes of passwords, the bind password.
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b.*line \d|/site-packages|/work/|md5\$|pbkdf2_sha256\$|SECRET_KEY|OperationalError|"
    rf"Django/\d|Python/3|{BIND_PASSWORD}"
)


def body(response: Any) -> str:
    """Return the text of an answer, streamed or not."""
    content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


class Attempt:
    """What an attack has seen so far."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Remember something that was seen."""
        self.seen[what] += 1

    def answer(self, response: Any, *statuses: int, shows: str = "", what: str = "") -> str:
        """Note an answer and return its text; it has to have one of the statuses and say this, and gives nothing away."""
        text = body(response)
        about = f"{what} answered {response.status_code}"
        assert response.status_code in statuses, f"{about}, not {' or '.join(map(str, statuses))}"
        assert shows in text, f"{about} and does not say {shows!r}"
        leak = LEAKS.search(text) or LEAKS.search(str(response.headers))
        assert leak is None, f"{about} and gives away {leak!r}"
        self.note(str(response.status_code))
        return text

    def goes_to(self, response: Any, address: str) -> None:
        """Note a redirect, which has to lead to an address that begins like this."""
        found = response.headers.get("Location", "")
        # A form that waits for a confirmation goes along to the page that asks.
        status = 307 if found.startswith(f"{reverse('session:confirm')}?") and "sent=" in found else 302
        assert response.status_code == status, f"answered {response.status_code}, not {status}"
        assert found.startswith(address), f"leads to {found}, not {address}"
        self.note(f"{response.status_code} to {address}")

    def summary(self) -> str:
        """Return what was seen, in one line."""
        return ", ".join(f"{count} × {what}" if count > 1 else what for what, count in self.seen.items())


@contextmanager
def attack(name: str, *, how: str, expected: str, but: Collection[str] = ()) -> Iterator[Attempt]:
    """Collect one row; whatever happens inside may change nothing that only an action may change, ``but`` these columns."""
    ignoring = {*VOLATILE, *but}
    with noted("requests", name, how=how, expected=expected) as row:
        before = snapshot(ignoring=ignoring)
        attempt = Attempt()
        yield attempt
        after = snapshot(ignoring=ignoring)
        summary = f"{attempt.summary()}; nothing changed"
        row.saw(summary, wrongly_changed=len(changed_users(before, after)), lost=lost(before, after))
        changed = differences(before, after)
        assert not changed, f"{name} changed {changed}"
