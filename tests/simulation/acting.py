"""How an admin's verb is done: in one transaction, by a clock that may be wrong, perhaps cut."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker.credits.rules.errors import (
    AllowanceLimit,
    InsufficientCredits,
    InvalidResetDate,
    NoActiveSubscription,
    NothingToChange,
    RefundTooLarge,
    ResetSuspended,
    SubscriptionNotFound,
)
from sketchmaker.database import DatabaseUnavailable, LostRace
from sketchmaker.limits.errors import LimitReached
from sketchmaker.studio.errors import StudioError
from tests.simulation.clock import NodeClock
from tests.simulation.history import Operation
from tests.simulation.simulation import Simulation
from tests.support.actors import admin_number

NODE = "admin"
REFUSALS = (
    InsufficientCredits,
    StudioError,
    LimitReached,
    NothingToChange,
    NoActiveSubscription,
    SubscriptionNotFound,
    AllowanceLimit,
    ResetSuspended,
    InvalidResetDate,
    RefundTooLarge,
)

Verb = Callable[[Session, datetime], Any]


class Acting:
    """Somebody who does something to accounts. What is cut stays unknown, or is done once more."""

    def __init__(self, run: Simulation) -> None:
        self._run = run
        self._chance = run.streams.stream("admin")

    def _simple(self, number: int, kind: str, verb: Callable[..., object]) -> None:
        operation = self._operation(number, kind)
        self._do(
            operation,
            lambda session, now: verb(
                session,
                subscription_id=number,
                now=now,
                by=admin_number(number_of(operation)),
                reason="asked for",
            ),
        )

    def _operation(self, number: int, kind: str) -> Operation:
        return self._run.history.add(number, kind, {}, None, self._run.timeline.true)

    def _do(
        self, operation: Operation, verb: Verb, *, again: Callable[[], None] | None = None
    ) -> None:
        """Do it soon; `again` is for what must be known to have happened."""
        self._run.machine.spawn(
            f"{operation.kind} {operation.name}",
            operation.account,
            lambda: self._perform(operation, verb, again),
        )

    def _perform(self, operation: Operation, verb: Verb, again: Callable[[], None] | None) -> None:
        is_unknown = True
        now = NodeClock(self._run.timeline, NODE).now()
        try:
            with self._run.driver.database.transaction() as session:
                verb(session, now)
        except REFUSALS as refusal:
            is_unknown = False
            self._run.trace.note(f"{operation.name} was not done: {refusal!r}")
        except (DatabaseUnavailable, LostRace):  # the edge would do it again
            self._run.trace.note(f"{operation.name} is unknown")
        else:
            is_unknown = False
            self._run.history.answered(operation, ("done", None))
        finally:
            if is_unknown and again is not None:
                self._run.after(5, again)


def number_of(operation: Operation) -> int:
    """Who did it, by the number of the operation: that is how its ledger row is known."""
    return int(operation.name.removeprefix("op"))
