"""Resets: every boundary that passed gets exactly one row, and the cycle its allowance.

One function applies them, for the scheduler, the catch-up and a charge that finds its subscription
due. Any number of processes may race: a claim locks its rows, the update compares the date it
expects, and the ledger refuses a second row for the same cycle.

`mass_resets` does the same for the plain case, many rows in one statement.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import guard, ledger, state
from sketchmaker.credits.balance import Balance, ResetStep, resets
from sketchmaker.credits.errors import (
    ForceResetLimit,
    NoActiveSubscription,
    ResetConflict,
    SubscriptionNotFound,
)
from sketchmaker.credits.errors import SetAside as SetAsideError
from sketchmaker.credits.state import State, state_of
from sketchmaker.credits.tables import (
    FORCE_RESET_ACTION,
    IS_ACTIVE,
    PLANS,
    RESET_ACTION,
    SUBSCRIPTIONS,
    ResetSetAside,
    UsageHistory,
)

GRACE = timedelta(hours=1)
"""A reset later than this is marked as caught up. It still runs: late is not never."""

DEFAULT_BATCH = 1000
"""Rows a transaction. More would make a charge of the same subscriptions wait noticeably."""

FORCED_A_DAY = 2

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


def reset_due(session: Session, *, now: datetime, limit: int = DEFAULT_BATCH) -> list[ResetDone]:
    """Claim up to `limit` due subscriptions, longest overdue first, and reset them.

    Rows that another process has claimed are passed over, so several may work side by side. Those
    set aside are left alone.

    Raises:
        ResetConflict: a claimed row changed all the same; nothing of this batch may be committed.
    """
    query = due(now).order_by(SUBSCRIPTIONS.c.next_credit_reset, SUBSCRIPTIONS.c.id).limit(limit)
    return _apply(session, query.with_for_update(of=SUBSCRIPTIONS, skip_locked=True), now)


def reset_subscription(
    session: Session, *, subscription_id: int, now: datetime
) -> ResetDone | None:
    """Reset this subscription if it is due; None when it is not (or another process just did).

    Raises:
        ResetConflict: as `reset_due`.
        SetAside: it is due and was set aside.
    """
    return _reset_one(session, SUBSCRIPTIONS.c.id == subscription_id, now)


def reset_user(session: Session, *, user_id: int, now: datetime) -> ResetDone | None:
    """As `reset_subscription`, for the active subscription of a user."""
    return _reset_one(session, SUBSCRIPTIONS.c.user_id == user_id, now)


def force_reset(
    session: Session, *, subscription_id: int, now: datetime, by_id: int | None, reason: str
) -> State:
    """Give the allowance of the present cycle afresh, on an admin's word.

    The anchor and the next reset stay as they are, and the regular reset comes all the same. What
    is held stays held. At most `FORCED_A_DAY` times in 24 hours.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ForceResetLimit.
    """
    _reset_one(session, SUBSCRIPTIONS.c.id == subscription_id, now)
    before = state.of_subscription(session, subscription_id)
    if before is None:
        raise SubscriptionNotFound(subscription_id)
    if not before.is_active:
        raise NoActiveSubscription(before.user_id)
    if _forced_lately(session, subscription_id, now) >= FORCED_A_DAY:
        raise ForceResetLimit(subscription_id, FORCED_A_DAY)
    allowance = session.execute(
        select(PLANS.c.monthly_credits).where(PLANS.c.id == before.plan_id)
    ).scalar_one()
    after = replace(
        before,
        balance=before.balance.refilled(allowance),
        bonus=replace(before.bonus, used=0),
        last_reset=now,
    )
    details = {"by": by_id, "reason": reason, "granted": allowance, "next_reset": _iso(before)}
    state.move(session, before, after, action=FORCE_RESET_ACTION, now=now, details=details)
    guard.watch(session, [subscription_id], now=now)
    return after


def earliest_due(session: Session, *, now: datetime) -> tuple[int, datetime] | None:
    """The subscription that resets next and when, due or not; None when there is none."""
    row = session.execute(
        select(SUBSCRIPTIONS.c.id, SUBSCRIPTIONS.c.next_credit_reset)
        .where(IS_ACTIVE, not_set_aside(now))
        .order_by(SUBSCRIPTIONS.c.next_credit_reset, SUBSCRIPTIONS.c.id)
        .limit(1)
    ).first()
    return None if row is None else (row.id, row.next_credit_reset)


def due_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """The numbers of up to `limit` due subscriptions, longest overdue first."""
    return list(
        session.scalars(
            select(SUBSCRIPTIONS.c.id)
            .where(IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset <= now, not_set_aside(now))
            .order_by(SUBSCRIPTIONS.c.next_credit_reset, SUBSCRIPTIONS.c.id)
            .limit(limit)
        )
    )


def not_set_aside(now: datetime) -> ColumnElement[bool]:
    """Rows that a reset may touch: never failed, or to be tried again by now."""
    return ~exists().where(ResetSetAside.subscription_id == SUBSCRIPTIONS.c.id, _waits(now))


def _waits(now: datetime) -> ColumnElement[bool]:
    return or_(ResetSetAside.retry_at.is_(None), ResetSetAside.retry_at > now)


def due(now: datetime, *, with_set_aside: bool = False) -> Select[*tuple[Any, ...]]:
    """Due subscriptions with the plan that they will be on."""
    query = (
        select(
            SUBSCRIPTIONS,
            PLANS.c.id.label("new_plan_id"),
            PLANS.c.monthly_credits.label("new_allowance"),
            PLANS.c.display_name.label("new_plan"),
            ResetSetAside.failures,
        )
        .join(
            PLANS,
            PLANS.c.id == func.coalesce(SUBSCRIPTIONS.c.next_plan_id, SUBSCRIPTIONS.c.plan_id),
        )
        .outerjoin(ResetSetAside, ResetSetAside.subscription_id == SUBSCRIPTIONS.c.id)
        .where(IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset <= now)
    )
    tried_again = or_(ResetSetAside.subscription_id.is_(None), ResetSetAside.retry_at <= now)
    return query if with_set_aside else query.where(tried_again)


def apply_to(session: Session, rows: list[Row[*tuple[Any, ...]]], now: datetime) -> list[ResetDone]:
    """Reset claimed rows of `due`, each as it needs.

    Raises:
        ResetConflict: as `reset_due`.
    """
    planned = [PlannedReset(row, now) for row in rows]
    if not planned:
        return []
    _update(session, planned)
    ledger.append_many(session, [entry for reset in planned for entry in reset.ledger_rows()])
    for reset in planned:
        if reset.failed_before:
            guard.release_failed(session, subscription_id=reset.state.id)
    unusual = [reset.state.id for reset in planned if reset.is_unusual()]
    guard.watch(session, unusual, now=now)
    return [reset.done() for reset in planned]


def _reset_one(session: Session, which: ColumnElement[bool], now: datetime) -> ResetDone | None:
    # Waits for whoever holds the row; PostgreSQL then asks again whether it is still due.
    query = due(now).where(which).with_for_update(of=SUBSCRIPTIONS)
    done = _apply(session, query, now)
    if not done:
        _refuse_set_aside(session, which, now)
    return done[0] if done else None


def _refuse_set_aside(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    row = session.execute(
        select(ResetSetAside.subscription_id, ResetSetAside.cause)
        .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == ResetSetAside.subscription_id)
        .where(which, IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset <= now, _waits(now))
    ).first()
    if row is not None:
        raise SetAsideError(row.subscription_id, row.cause)


def _apply(session: Session, claim: Select[*tuple[Any, ...]], now: datetime) -> list[ResetDone]:
    return apply_to(session, list(session.execute(claim)), now)


def _update(session: Session, planned: list["PlannedReset"]) -> None:
    changed = session.connection().execute(_RESET, [reset.update_values() for reset in planned])
    if changed.rowcount != len(planned):
        raise ResetConflict(len(planned), changed.rowcount)


_RESET = (
    update(SUBSCRIPTIONS)
    .where(
        SUBSCRIPTIONS.c.id == bindparam("which"),
        SUBSCRIPTIONS.c.next_credit_reset == bindparam("expected"),
    )
    .values(
        # What is held of grants stays held; what is held of the old allowance is none of the new.
        credits_remaining=bindparam("new_allowance") + SUBSCRIPTIONS.c.bonus_remaining,
        cycle_allowance=bindparam("new_allowance"),
        credits_held=SUBSCRIPTIONS.c.bonus_held,
        credits_used_this_month=0,
        credits_revoked=0,
        bonus_used=0,
        plan_id=bindparam("new_plan_id"),
        next_plan_id=None,
        cycle=bindparam("new_cycle"),
        last_credit_reset=bindparam("boundary"),
        next_credit_reset=bindparam("next_reset"),
    )
)


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
        self._steps = resets(self.state.balance, row.new_allowance, boundaries, was_away=was_away)
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
        """The parameters of `_RESET`."""
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
        return [self._ledger_row(step) for step in self._steps]

    def done(self) -> ResetDone:
        """What the log and the caller are told."""
        return ResetDone(
            subscription_id=self.state.id,
            cycle=self._last.cycle,
            credits=self._row.new_allowance,
            due_at=self.state.next_reset,
            next_reset=self._next_reset,
            was_caught_up=self._now - self.state.next_reset > GRACE,
            missed=sum(step.was_missed for step in self._steps),
        )

    def _ledger_row(self, step: ResetStep) -> dict[str, Any]:
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


def _forced_lately(session: Session, subscription_id: int, now: datetime) -> int:
    return session.execute(
        select(func.count())
        .select_from(UsageHistory)
        .where(
            UsageHistory.subscription_id == subscription_id,
            UsageHistory.action == FORCE_RESET_ACTION,
            UsageHistory.created_at > now - timedelta(days=1),
        )
    ).scalar_one()


def _iso(before: State) -> str:
    return before.next_reset.isoformat()
