"""Resets: every boundary that passed gets exactly one row, and the cycle its allowance.

One function applies them, for the scheduler, the catch-up and a charge that finds its subscription
due. Any number of processes may race: a claim locks its rows, the update compares the date it
expects, and the ledger refuses a second row for the same cycle.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import ledger
from sketchmaker.credits.balance import Balance, Boundary, ResetStep, resets
from sketchmaker.credits.cycle import cycle_number, cycle_start
from sketchmaker.credits.errors import ResetConflict
from sketchmaker.credits.tables import (
    IS_ACTIVE,
    RESET_ACTION,
    SubscriptionPlanModel,
    UserSubscription,
)

GRACE = timedelta(hours=1)
"""A reset later than this is marked as caught up. It still runs: late is not never."""

DEFAULT_BATCH = 1000
"""Rows a transaction. More would make a charge of the same subscriptions wait noticeably."""


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


def reset_due(
    session: Session, *, now: datetime, limit: int = DEFAULT_BATCH, excluding: Collection[int] = ()
) -> list[ResetDone]:
    """Claim up to `limit` due subscriptions, longest overdue first, and reset them.

    Rows that another process has claimed are passed over, so several may work side by side.

    Raises:
        ResetConflict: a claimed row changed all the same; nothing of this batch may be committed.
    """
    query = _due(now).order_by(UserSubscription.next_credit_reset, UserSubscription.id).limit(limit)
    if excluding:
        query = query.where(UserSubscription.id.not_in(excluding))
    return _apply(session, query.with_for_update(of=UserSubscription, skip_locked=True), now)


def reset_subscription(
    session: Session, *, subscription_id: int, now: datetime
) -> ResetDone | None:
    """Reset this subscription if it is due; None when it is not (or another process just did).

    Raises:
        ResetConflict: as `reset_due`.
    """
    return _reset_one(session, UserSubscription.id == subscription_id, now)


def reset_user(session: Session, *, user_id: int, now: datetime) -> ResetDone | None:
    """As `reset_subscription`, for the active subscription of a user."""
    return _reset_one(session, UserSubscription.user_id == user_id, now)


def earliest_due(
    session: Session, *, excluding: Collection[int] = ()
) -> tuple[int, datetime] | None:
    """The subscription that resets next and when, due or not; None when there is none."""
    query = select(UserSubscription.id, UserSubscription.next_credit_reset).where(IS_ACTIVE)
    if excluding:
        query = query.where(UserSubscription.id.not_in(excluding))
    row = session.execute(
        query.order_by(UserSubscription.next_credit_reset, UserSubscription.id).limit(1)
    ).first()
    return None if row is None else (row.id, row.next_credit_reset)


def due_ids(
    session: Session, *, now: datetime, limit: int, excluding: Collection[int] = ()
) -> list[int]:
    """The numbers of up to `limit` due subscriptions, longest overdue first."""
    query = (
        select(UserSubscription.id)
        .where(IS_ACTIVE, UserSubscription.next_credit_reset <= now)
        .order_by(UserSubscription.next_credit_reset, UserSubscription.id)
        .limit(limit)
    )
    if excluding:
        query = query.where(UserSubscription.id.not_in(excluding))
    return list(session.scalars(query))


def passed_boundaries(
    *, anchor: datetime, zone: str, cycle: int, next_reset: datetime, now: datetime
) -> list[Boundary]:
    """The boundaries after `cycle` at or before `now`; none while the scheduled one is ahead.

    The first is taken as it was scheduled: the row is the truth, even when a newer edition of the
    time-zone data would count otherwise.
    """
    if next_reset > now:
        return []
    current = cycle_number(anchor, now, zone)
    later = (Boundary(n, cycle_start(anchor, n, zone)) for n in range(cycle + 2, current + 1))
    return [Boundary(cycle + 1, next_reset), *later]


def _reset_one(session: Session, which: ColumnElement[bool], now: datetime) -> ResetDone | None:
    # Waits for whoever holds the row; PostgreSQL then asks again whether it is still due.
    query = _due(now).where(which).with_for_update(of=UserSubscription)
    done = _apply(session, query, now)
    return done[0] if done else None


def _due(now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            UserSubscription.id,
            UserSubscription.user_id,
            UserSubscription.credits_remaining,
            UserSubscription.credits_held,
            UserSubscription.credits_used_this_month,
            UserSubscription.cycle_allowance,
            UserSubscription.cycle,
            UserSubscription.time_zone,
            UserSubscription.subscription_start,
            UserSubscription.next_credit_reset,
            SubscriptionPlanModel.monthly_credits,
            SubscriptionPlanModel.display_name,
        )
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .where(IS_ACTIVE, UserSubscription.next_credit_reset <= now)
    )


def _apply(session: Session, claim: Select[*tuple[Any, ...]], now: datetime) -> list[ResetDone]:
    planned = [_Planned(row, now) for row in session.execute(claim)]
    if not planned:
        return []
    _update(session, planned)
    ledger.append_many(session, [entry for reset in planned for entry in reset.ledger_rows()])
    return [reset.done() for reset in planned]


def _update(session: Session, planned: list["_Planned"]) -> None:
    table = UserSubscription.__table__
    statement = (
        update(UserSubscription)
        .where(table.c.id == bindparam("which"), table.c.next_credit_reset == bindparam("expected"))
        .values(
            credits_remaining=bindparam("allowance"),
            cycle_allowance=bindparam("allowance"),
            credits_held=0,
            credits_used_this_month=0,
            cycle=bindparam("new_cycle"),
            last_credit_reset=bindparam("boundary"),
            next_credit_reset=bindparam("next_reset"),
        )
    )
    changed = session.connection().execute(statement, [reset.update_values() for reset in planned])
    if changed.rowcount != len(planned):
        raise ResetConflict(len(planned), changed.rowcount)


class _Planned:
    """What one due row becomes: worked out before anything is written."""

    def __init__(self, row: Row[*tuple[Any, ...]], now: datetime) -> None:
        self._row = row
        self._now = now
        boundaries = passed_boundaries(
            anchor=row.subscription_start,
            zone=row.time_zone,
            cycle=row.cycle,
            next_reset=row.next_credit_reset,
            now=now,
        )
        before = Balance(
            allowance=row.cycle_allowance,
            available=row.credits_remaining,
            held=row.credits_held,
            used=row.credits_used_this_month,
        )
        self._steps = resets(before, row.monthly_credits, boundaries)
        self._last = boundaries[-1]
        self._next_reset = cycle_start(row.subscription_start, self._last.cycle + 1, row.time_zone)

    def update_values(self) -> dict[str, Any]:
        return {
            "which": self._row.id,
            "expected": self._row.next_credit_reset,
            "allowance": self._row.monthly_credits,
            "new_cycle": self._last.cycle,
            "boundary": self._last.at,
            "next_reset": self._next_reset,
        }

    def ledger_rows(self) -> list[dict[str, Any]]:
        return [self._ledger_row(step) for step in self._steps]

    def done(self) -> ResetDone:
        return ResetDone(
            subscription_id=self._row.id,
            cycle=self._last.cycle,
            credits=self._row.monthly_credits,
            due_at=self._row.next_credit_reset,
            next_reset=self._next_reset,
            was_caught_up=self._now - self._row.next_credit_reset > GRACE,
            missed=len(self._steps) - 1,
        )

    def _ledger_row(self, step: ResetStep) -> dict[str, Any]:
        details = {
            "plan": self._row.display_name,
            "due_at": step.boundary.at.isoformat(),
            "expired": step.expired,
            "granted": step.granted,
            "caught_up": self._now - step.boundary.at > GRACE,
            "missed": step.was_missed,
        }
        return {
            "user_id": self._row.user_id,
            "subscription_id": self._row.id,
            "action": RESET_ACTION,
            "credits_used": 0,
            "credits_delta": step.delta,
            "balance_after": step.granted,
            "cycle": step.boundary.cycle,
            "details": details,
            "created_at": self._now,
        }
