"""Builds the change of one user, action by action, each with the sentence that explains it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from directory.values.plan import Account, Action, Cause, Change, Outcome, StoredUser


@dataclass(slots=True)
class ChangeBuilder:
    """The change of one user while it is built."""

    user: StoredUser
    after: Account
    steps: list[str] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown_org: str = ""

    def add(self, action: Action, step: str, **difference: object) -> None:
        """Add an action with the sentence that explains it."""
        self.actions.append(action)
        self.steps.append(step)
        self.after = replace(self.after, **difference)  # type: ignore[arg-type]  # names are those of Account

    def finished(self, cause: Cause = Cause.NONE) -> Change:
        """Return the change; its outcome is “unchanged” if no action was added."""
        return Change(
            user_id=self.user.id,
            outcome=Outcome.PLANNED if self.actions else Outcome.UNCHANGED,
            before=self.user.account,
            after=self.after,
            steps=tuple(self.steps),
            actions=tuple(self.actions),
            cause=cause if self.actions else Cause.NONE,
            warnings=tuple(self.warnings),
            unknown_org=self.unknown_org,
        )

    def untouched(self, outcome: Outcome, step: str) -> Change:
        """Return a change that leaves the user as they are, with this outcome."""
        return Change(
            user_id=self.user.id,
            outcome=outcome,
            before=self.user.account,
            after=self.user.account,
            steps=(*self.steps, step),
            warnings=tuple(self.warnings),
        )
