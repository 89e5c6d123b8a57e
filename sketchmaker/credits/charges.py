"""Charging at once, for work that is done when it is paid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker.credits import ledger
from sketchmaker.credits.amounts import checked_amount
from sketchmaker.credits.spending import take


@dataclass(frozen=True, slots=True)
class Charge:
    """Credits were spent: how many, in which cycle, and what is still available."""

    credits: int
    cycle: int
    available: int


def charge(
    session: Session,
    *,
    user_id: int,
    credits: int,
    action: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> Charge:
    """Spend credits of the user's present cycle, with the ledger row that says for what.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        InsufficientCredits: fewer are available; nothing was spent.
        NoActiveSubscription: the user has no plan.
    """
    amount = checked_amount(credits)
    taken = take(
        session, user_id=user_id, credits=amount, purpose="credits_used_this_month", now=now
    )
    ledger.append(
        session,
        user_id=user_id,
        subscription_id=taken.subscription_id,
        action=action,
        credits_used=amount,
        credits_delta=-amount,
        balance_after=taken.available,
        cycle=taken.cycle,
        details=details or {},
        created_at=now,
    )
    return Charge(credits=amount, cycle=taken.cycle, available=taken.available)
