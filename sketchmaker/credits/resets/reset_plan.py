"""What a due subscription becomes: worked out before anything is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sketchmaker.credits.rows.state import State, columns_of
from sketchmaker.credits.rules.new_cycle import GRACE, Boundary, Plan, begin_cycle

SHORTEST_CYCLE = timedelta(days=27)
"""No month is shorter, even across a change of the clocks. A reset that comes sooner after another
is looked at by the guard; to ask it of every reset would cost as much as the reset."""


Given = Callable[[State, datetime], Plan]
"""Which plan, and how much of it, somebody gets at a boundary."""


@dataclass(frozen=True, slots=True)
class ResetDone:
    """What became of one subscription: its new cycle, its balance, when it was due and is next."""

    subscription_id: int
    cycle: int
    credits: int
    due_at: datetime
    next_reset: datetime
    was_caught_up: bool
    missed: int
    was_suspended: bool = False


@dataclass(frozen=True, slots=True)
class BatchDone:
    """What became of a batch: how many were reset, and a description of each, oldest first.

    Of many plain resets only the first ones are described; what needs attention always is.
    """

    count: int
    described: list[ResetDone]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ResetDone]:
        return iter(self.described)

    def with_(self, others: list[ResetDone]) -> "BatchDone":
        """This batch and those that were reset besides."""
        both = self.described + others
        described = sorted(both, key=lambda done: (done.due_at, done.subscription_id))
        return BatchDone(self.count + len(others), described)


@dataclass(frozen=True, slots=True)
class Step:
    """One boundary of a subscription: how it stood before it, and what it becomes."""

    before: State
    plan: Plan
    boundary: Boundary

    @property
    def changes(self) -> dict[str, Any]:
        """The columns that change, as they are in the cycle that begins."""
        return begin_cycle(columns_of(self.before), self.plan, self.boundary)

    @property
    def after(self) -> State:
        """The subscription in the cycle that begins."""
        return self.before.with_columns(**self.changes)


class PlannedReset:
    """A due subscription, step by step: each boundary passed leads on from the one before it.

    `given` says what it is given at a boundary (`plan_versions.Plans.after_reset`). `was_away` says
    that it was not active meanwhile: all but the last grant nothing.
    """

    def __init__(self, due: State, given: Given, now: datetime, *, was_away: bool = False) -> None:
        self.before = self.after = due
        self.steps: list[Step] = []
        self._now = now
        passed = due.boundaries_passed(now)
        for boundary in map(_skipped, passed) if was_away else passed:
            plan = given(self.after, boundary.at)
            self.steps.append(Step(self.after, plan, boundary))
            self.after = self.steps[-1].after

    def is_unusual(self) -> bool:
        """Is this boundary nearer to the last reset than any month is long?"""
        return self.before.next_reset - self.before.last_reset < SHORTEST_CYCLE

    def done(self, *, was_suspended: bool = False) -> ResetDone:
        """A description of the reset, for the log and the caller."""
        after = self.after
        return ResetDone(
            subscription_id=after.id,
            cycle=after.cycle,
            credits=after.balance.allowance,
            due_at=self.before.next_reset,
            next_reset=after.next_reset,
            was_caught_up=self._now - self.before.next_reset > GRACE,
            missed=sum(step.boundary.was_missed for step in self.steps),
            was_suspended=was_suspended,
        )


def _skipped(boundary: Boundary) -> Boundary:
    return replace(boundary, was_missed=False, was_skipped=boundary.was_missed)
