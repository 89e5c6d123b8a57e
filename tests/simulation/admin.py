"""What admins do: grants, plans, leaving and coming back, force. Each verb in its transaction."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
)
from sketchmaker.credits.rules.errors import NothingToChange
from tests.simulation.acting import number_of
from tests.simulation.corrections import Corrections
from tests.support.actors import SOMEBODY, admin_number

DAY_SECONDS = 86_400
PLANS = ("free", "premium", "pro")
DELETIONS = 0.03
"""How much of what is done is a deletion."""

WHEN: tuple[plan_changes.When, ...] = ("now", "now", "next_reset", "next_reset", "restart")


class Admin(Corrections):
    """Does something to some account. What is cut stays unknown: these verbs have no keys."""

    def act(self) -> None:
        """Something, to somebody."""
        number = self._chance.choice(self._run.oracle.members)
        if self._chance.random() < DELETIONS and len(self._run.oracle.members) > 1:
            self._delete(number)
            return
        stuck = self._run.oracle.overdue_by(timedelta(days=1), self._run.timeline.true)
        if stuck and self._chance.random() < 0.5:
            self._resume(self._chance.choice(stuck))
            return
        kinds = (self._grant, self._grant, self._change, self._change, self._force, self._revoke)
        kind = self._chance.choice((*kinds, self._leave, self._cancel, *self._corrections))
        kind(number)
        if kind == self._force and self._chance.random() < 0.4:
            for seconds in (1, 60, 7200):
                self._run.after(seconds, lambda: self._force(number))

    def _grant(self, number: int) -> None:
        account = self._run.oracle.accounts[number]
        lasts = self._chance.choice((60.0, 10 * DAY_SECONDS, 70 * DAY_SECONDS, 0.0, -1.0))
        expires_at = None
        if lasts > 0:
            expires_at = self._run.timeline.true + timedelta(seconds=lasts)
        elif lasts < 0:
            expires_at = account.next_reset
        operation = self._operation(number, "grant")

        def verb(session: Session, now: datetime) -> Any:
            if expires_at is not None and expires_at <= now:
                raise NothingToChange
            return granting.grant(
                session,
                user_id=account.user_id,
                credits=self._chance.choice((1, 5, 40)),
                kind="admin",
                reason=operation.name,
                now=now,
                expires_at=expires_at,
                by=SOMEBODY,
            )

        self._do(operation, verb)

    def _change(self, number: int) -> None:
        plan = self._chance.choice(PLANS)
        when = self._chance.choice(WHEN)
        operation = self._operation(number, f"plan {plan} {when}")

        def verb(session: Session, now: datetime) -> Any:
            return plan_changes.apply(
                session,
                subscription_id=number,
                plan_name=plan,
                when=when,
                now=now,
                by=admin_number(number_of(operation)),
                reason="A test.",
            )

        self._do(operation, verb)

    def _cancel(self, number: int) -> None:
        self._simple(number, "cancel", plan_changes.cancel_scheduled)

    def _leave(self, number: int) -> None:
        self._simple(number, "deactivate", lifecycle.deactivate)
        seconds = self._chance.choice((0.3, 60, 20 * DAY_SECONDS, 95 * DAY_SECONDS))
        self._run.after(seconds, lambda: self._return(number))

    def _return(self, number: int) -> None:
        self._simple(number, "reactivate", lifecycle.reactivate)

    def _force(self, number: int) -> None:
        accounts = self._run.oracle.accounts.values()
        holding = [each.subscription_id for each in accounts if each.held_of_allowance]
        if holding and self._chance.random() < 0.7:
            number = self._chance.choice(holding)
        operation = self._operation(number, "force reset")

        def verb(session: Session, now: datetime) -> Any:
            return forced_resets.force_reset(
                session,
                subscription_id=number,
                now=now,
                by=admin_number(number_of(operation)),
                reason="asked for",
            )

        self._do(operation, verb)

    def _revoke(self, number: int) -> None:
        operation = self._operation(number, "revoke")
        user_id = self._run.oracle.accounts[number].user_id

        def verb(session: Session, now: datetime) -> Any:
            return adjustments.revoke(
                session,
                user_id=user_id,
                credits=self._chance.choice((1, 3, 2000)),
                reason="a correction",
                now=now,
                by=admin_number(number_of(operation)),
            )

        self._do(operation, verb)
