"""What is put right by hand: voids, refunds, moved and suspended resets, ends; and who leaves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker import membership
from sketchmaker.credits.managing import plan_changes, rescheduling, voids
from sketchmaker.credits.resets import guard
from sketchmaker.credits.spending import refunds
from tests.simulation.acting import Acting, number_of
from tests.support.actors import SOMEBODY, admin_number

DAY_SECONDS = 86_400
PAUSES = (1, 60, 7200, 5 * 7200)


class Corrections(Acting):
    """The part of an admin's work that takes back, gives back, and moves."""

    @property
    def _corrections(self) -> tuple[Callable[[int], None], ...]:
        return self._void, self._refund, self._refund, self._end, self._move, self._pause

    def _void(self, number: int) -> None:
        grants = self._run.oracle.accounts[number].grants
        left = [key for key, grant in grants.items() if grant.remaining + grant.held]
        if not left:
            return
        grant_id, operation = self._chance.choice(left), self._operation(number, "void")

        def verb(session: Session, now: datetime) -> Any:
            by_id = number_of(operation)
            return voids.void(
                session, grant_id=grant_id, reason="a mistake", now=now, by=admin_number(by_id)
            )

        self._do(operation, verb)

    def _refund(self, number: int) -> None:
        """Of one of the last spends, in parts or whole; sometimes two at once."""
        spends = list(self._run.oracle.accounts[number].spends.items())[-6:]
        left = [(key, spend) for key, spend in spends if spend.refunded < spend.credits]
        if not left:
            return
        entry_id, spend = self._chance.choice(left)
        most = spend.credits - spend.refunded
        for credits in self._chance.choice(([1], [most], [most, most])):
            operation = self._operation(number, f"refund {credits}")
            self._do(operation, _refunding(entry_id, credits, operation.name))

    def _end(self, number: int) -> None:
        self._simple(number, "end", plan_changes.end_at_reset)

    def _move(self, number: int) -> None:
        account = self._run.oracle.accounts[number]
        days = self._chance.choice((-9, -0.01, 0, 0.01, 9, 40))
        at = account.next_reset + timedelta(days=days)

        def verb(session: Session, now: datetime) -> None:
            rescheduling.reschedule(
                session, subscription_id=number, at=at, now=now, by=SOMEBODY, reason="A test."
            )

        self._do(self._operation(number, "move"), verb)

    def _pause(self, number: int) -> None:
        """Often over the reset. The resumption must be known to have happened."""
        seconds = self._chance.choice(PAUSES)
        due = self._run.oracle.accounts[number].next_reset - timedelta(seconds=seconds / 2)
        begin = max(due, self._run.timeline.true + timedelta(seconds=1))
        self._run.at(begin, lambda: self._pause_now(number))
        self._run.at(begin + timedelta(seconds=seconds), lambda: self._resume(number))

    def _pause_now(self, number: int) -> None:
        def verb(session: Session, now: datetime) -> None:
            rescheduling.suspend(
                session, subscription_id=number, now=now, by=SOMEBODY, reason="A test."
            )

        self._do(self._operation(number, "pause"), verb)

    def _resume(self, number: int) -> None:
        def verb(session: Session, now: datetime) -> None:
            guard.resume(session, subscription_id=number, now=now, by=SOMEBODY, reason="A test.")

        self._do(self._operation(number, "resume"), verb, again=lambda: self._resume(number))

    def _delete(self, number: int) -> None:
        """The account is deleted, by the product's own way."""
        account = self._run.oracle.accounts[number]
        account.is_leaving = True

        def verb(session: Session, now: datetime) -> None:
            membership.leave(
                session, user_id=account.user_id, now=now, by=SOMEBODY, reason="A test."
            )

        self._do(self._operation(number, "delete"), verb, again=lambda: self._delete(number))


def _refunding(entry_id: int, credits: int, reason: str) -> Callable[[Session, datetime], Any]:
    def verb(session: Session, now: datetime) -> Any:
        return refunds.refund(
            session, entry_id=entry_id, credits=credits, reason=reason, now=now, by=SOMEBODY
        )

    return verb
