"""What one due subscription becomes: worked out before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from sketchmaker.credits.rows.state import State, state_of
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.rules.balance import Balance, ResetStep, resets

GRACE = timedelta(hours=1)
"""A reset later than this is marked as caught up. It still runs: late is not never."""

SHORTEST_CYCLE = timedelta(days=27)
"""No month is shorter, even across a change of the clocks. A reset that comes sooner after another
is looked at by the guard; to ask it of every reset would cost as much as the reset."""


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
    was_parked: bool = False


@dataclass(frozen=True, slots=True)
class BatchDone:
    """What became of a batch: how many were reset, and a description of each, oldest first.

    Of many plain resets only the first ones are described; what needs attention always is.
    """

    count: int
    told: list[ResetDone]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ResetDone]:
        return iter(self.told)

    def with_(self, others: list[ResetDone]) -> "BatchDone":
        """This batch and those that were reset besides."""
        told = sorted(self.told + others, key=lambda done: (done.due_at, done.subscription_id))
        return BatchDone(self.count + len(others), told)


class PlannedReset:
    """What one due row becomes: worked out before anything is written."""

    def __init__(
        self, row: Row[*tuple[Any, ...]], now: datetime, *, was_away: bool = False
    ) -> None:
        self.state = state_of(row)
        self.failed_before = bool(getattr(row, "failures", 0))
        self._row = row
        self._now = now
        boundaries = self.state.boundaries_passed(now)
        self.steps = resets(self.state.balance, row.new_allowance, boundaries, was_away=was_away)
        self._last = boundaries[-1]
        self._next_reset = self.state.schedule.start_of(self._last.cycle + 1)

    def after(self) -> State:
        """The subscription in its new cycle."""
        return replace(
            self.state,
            plan_id=self._row.new_plan_id,
            next_plan_id=None,
            cycle=self._last.cycle,
            last_reset=self._last.at,
            next_reset=self._next_reset,
            balance=Balance(self._row.new_allowance),
            bonus=replace(self.state.bonus, used=0),
        )

    def is_unusual(self) -> bool:
        """Is this boundary nearer to the last reset than any month is long?"""
        return self.state.next_reset - self.state.last_reset < SHORTEST_CYCLE

    def update_values(self) -> dict[str, Any]:
        """The parameters of `RESET_STATEMENT`."""
        return {
            "which": self.state.id,
            "expected": self.state.next_reset,
            "new_allowance": self._row.new_allowance,
            "new_plan_id": self._row.new_plan_id,
            "new_cycle": self._last.cycle,
            "boundary": self._last.at,
            "next_reset": self._next_reset,
        }

    def ledger_rows(self) -> list[dict[str, Any]]:
        """One row for each boundary."""
        return [self.ledger_row(step) for step in self.steps]

    def done(self, *, was_parked: bool = False) -> ResetDone:
        """What the log and the caller are told."""
        return ResetDone(
            subscription_id=self.state.id,
            cycle=self._last.cycle,
            credits=self._row.new_allowance,
            due_at=self.state.next_reset,
            next_reset=self._next_reset,
            was_caught_up=self._now - self.state.next_reset > GRACE,
            missed=sum(step.was_missed for step in self.steps),
            was_parked=was_parked,
        )

    def ledger_row(self, step: ResetStep) -> dict[str, Any]:
        details = {
            "plan": self._row.new_plan,
            "due_at": step.boundary.at.isoformat(),
            "expired": step.expired,
            "granted": step.granted,
            "caught_up": self._now - step.boundary.at > GRACE,
            "missed": step.was_missed,
            **({"skipped": True} if step.was_skipped else {}),
        }
        return {
            "user_id": self.state.user_id,
            "subscription_id": self.state.id,
            "hold_id": None,
            "action": RESET_ACTION,
            "credits_used": 0,
            "credits_delta": step.delta,
            "bonus_delta": 0,
            "balance_after": step.granted + self.state.bonus.remaining,
            "cycle": step.boundary.cycle,
            "details": details,
            "created_at": self._now,
        }
