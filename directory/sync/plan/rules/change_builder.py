"""A change while it is being thought through: what is wanted, and the sentences that say why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from directory.values.plan import Account, Action, Cause, Change, Outcome, StoredUser


@dataclass(slots=True)
class Draft:
    """A change while it is being thought through."""

    known: StoredUser
    after: Account
    steps: list[str] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown_org: str = ""

    def want(self, action: Action, step: str, **difference: object) -> None:
        """Add an action with the sentence that explains it."""
        self.actions.append(action)
        self.steps.append(step)
        self.after = replace(self.after, **difference)  # type: ignore[arg-type]  # names are those of Account

    def finished(self, cause: Cause = Cause.NONE) -> Change:
        """Return the draft as a change, unchanged when nothing is wanted."""
        return Change(
            user_id=self.known.id,
            outcome=Outcome.PLANNED if self.actions else Outcome.UNCHANGED,
            before=self.known.account,
            after=self.after,
            steps=tuple(self.steps),
            actions=tuple(self.actions),
            cause=cause if self.actions else Cause.NONE,
            warnings=tuple(self.warnings),
            unknown_org=self.unknown_org,
        )

    def untouched(self, outcome: Outcome, step: str) -> Change:
        """Return the draft as a change that leaves the user as they are."""
        return Change(
            user_id=self.known.id,
            outcome=outcome,
            before=self.known.account,
            after=self.known.account,
            steps=(*self.steps, step),
            warnings=tuple(self.warnings),
        )
