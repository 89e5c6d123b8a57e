"""Holds: deducted on success, and yet never overspent.

Credits are set aside before the work, in a committed transaction; then the work is done, outside of
any; then the hold is settled for what was really delivered, or released. A hold that nobody ends
expires, so a crash strands nothing.

A hold belongs to the cycle it was placed in. Ended after a reset, it neither costs the new cycle
anything nor gives it anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import ledger
from sketchmaker.credits.amounts import checked_amount
from sketchmaker.credits.errors import HoldNotFound, HoldNotPending, InvalidAmount
from sketchmaker.credits.spending import take
from sketchmaker.credits.tables import IS_PENDING, CreditHold, HoldState, UserSubscription

DEFAULT_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside, until when, and what is still available."""

    id: int
    credits: int
    cycle: int
    expires_at: datetime
    available: int


def place(
    session: Session,
    *,
    user_id: int,
    credits: int,
    action: str,
    now: datetime,
    lifetime: timedelta = DEFAULT_LIFETIME,
    details: dict[str, Any] | None = None,
) -> Hold:
    """Set credits of the user's present cycle aside for `action`.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        InsufficientCredits: fewer are available; nothing was set aside.
        NoActiveSubscription: the user has no plan.
    """
    amount = checked_amount(credits)
    taken = take(session, user_id=user_id, credits=amount, purpose="credits_held", now=now)
    hold = CreditHold(
        user_id=user_id,
        subscription_id=taken.subscription_id,
        cycle=taken.cycle,
        action=action,
        credits_held=amount,
        details=details or {},
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(hold)
    session.flush()  # the database gives the hold its number
    return Hold(hold.id, amount, taken.cycle, hold.expires_at, taken.available)


def settle(
    session: Session,
    *,
    hold_id: int,
    credits: int,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    """Charge what was delivered, 1 to all of the held credits, and give the rest back.

    Raises:
        InvalidAmount: not a whole number from 1 to what is held.
        HoldNotPending: the hold has ended already; nothing was charged.
        HoldNotFound: no such hold.
    """
    amount = checked_amount(credits)
    _end(session, hold_id, HoldState.SETTLED, settled=amount, now=now, details=details or {})


def release(
    session: Session,
    *,
    hold_id: int,
    reason: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    """Give all held credits back; `reason` is a sentence for the person.

    Raises:
        HoldNotPending: the hold has ended already.
        HoldNotFound: no such hold.
    """
    facts = {**(details or {}), "reason": reason}
    _end(session, hold_id, HoldState.RELEASED, settled=0, now=now, details=facts)


def release_expired(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End up to `limit` holds whose time is over. How many there were."""
    overdue = session.scalars(
        select(CreditHold.id)
        .where(IS_PENDING, CreditHold.expires_at <= now)
        .order_by(CreditHold.expires_at, CreditHold.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for hold_id in overdue:
        facts = {"reason": "The work was not finished in time."}
        _end(session, hold_id, HoldState.EXPIRED, settled=0, now=now, details=facts)
    return len(overdue)


def _end(
    session: Session,
    hold_id: int,
    state: HoldState,
    *,
    settled: int,
    now: datetime,
    details: dict[str, Any],
) -> None:
    hold = _close(session, hold_id, state, settled, now)
    available, delta = _give_back(session, hold, settled)
    ledger.append(
        session,
        user_id=hold.user_id,
        subscription_id=hold.subscription_id,
        hold_id=hold_id,
        action=hold.action,
        credits_used=settled,
        credits_delta=delta,
        balance_after=available,
        cycle=hold.cycle,
        details={**hold.details, **details, "held": hold.credits_held, "outcome": str(state)},
        created_at=now,
    )


def _close(
    session: Session, hold_id: int, state: HoldState, settled: int, now: datetime
) -> Row[*tuple[Any, ...]]:
    """End the pending hold by compare-and-set: of two that race, one gets the row."""
    hold = (
        session.connection()
        .execute(
            update(CreditHold)
            .where(
                CreditHold.id == hold_id,
                CreditHold.state == HoldState.PENDING,
                CreditHold.credits_held >= settled,
            )
            .values(state=state, credits_settled=settled, ended_at=now)
            .returning(
                CreditHold.user_id,
                CreditHold.subscription_id,
                CreditHold.cycle,
                CreditHold.action,
                CreditHold.credits_held,
                CreditHold.details,
            )
        )
        .first()
    )
    if hold is None:
        raise _why_not(session, hold_id, settled)
    return hold


def _why_not(session: Session, hold_id: int, settled: int) -> Exception:
    row = session.execute(
        select(CreditHold.state, CreditHold.credits_held).where(CreditHold.id == hold_id)
    ).first()
    if row is None:
        return HoldNotFound(hold_id)
    if row.state == HoldState.PENDING:
        return InvalidAmount(settled, row.credits_held)
    return HoldNotPending(hold_id, row.state)


def _give_back(session: Session, hold: Row[*tuple[Any, ...]], settled: int) -> tuple[int, int]:
    """Move the held credits to used and available; what is available then, and the ledger's delta.

    In a later cycle nothing moves: the reset has taken the held credits out already.
    """
    same_cycle = UserSubscription.cycle == hold.cycle
    row = (
        session.connection()
        .execute(
            update(UserSubscription)
            .where(UserSubscription.id == hold.subscription_id)
            .values(
                credits_held=UserSubscription.credits_held
                - case((same_cycle, hold.credits_held), else_=0),
                credits_remaining=UserSubscription.credits_remaining
                + case((same_cycle, hold.credits_held - settled), else_=0),
                credits_used_this_month=UserSubscription.credits_used_this_month
                + case((same_cycle, settled), else_=0),
            )
            .returning(UserSubscription.credits_remaining, UserSubscription.cycle)
        )
        .one()
    )
    return row.credits_remaining, -settled if row.cycle == hold.cycle else 0
