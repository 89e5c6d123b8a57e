"""Spending is one guarded statement: never read, decide, write.

The statement takes the credits only if they are there, the subscription is active and its cycle is
the present one. Fifty requests for the last credit are fifty such statements; the database lets one
through. It guards the same on SQLite and PostgreSQL, where `SELECT ... FOR UPDATE` does not.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.errors import CreditError, InsufficientCredits, NoActiveSubscription
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription

Purpose = Literal["credits_held", "credits_used_this_month"]
"""Where credits go when they leave the available ones: set aside, or used at once."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Credits left the available ones of this subscription, in this cycle."""

    subscription_id: int
    cycle: int
    available: int


def take(session: Session, *, user_id: int, credits: int, purpose: Purpose, now: datetime) -> Taken:
    """Move credits of the user's present cycle from available to `purpose`.

    A subscription found due is reset first, in the same transaction: lazy equals eager.

    Raises:
        InsufficientCredits: fewer are available; nothing was taken.
        NoActiveSubscription: the user has no plan.
    """
    taken = _take(session, user_id, credits, purpose, now)
    if taken is None:
        resets.reset_user(session, user_id=user_id, now=now)
        # Also when there was nothing to reset: another process may have done it in between.
        taken = _take(session, user_id, credits, purpose, now)
    if taken is None:
        raise _refusal(session, user_id, credits)
    return taken


def _take(
    session: Session, user_id: int, credits: int, purpose: Purpose, now: datetime
) -> Taken | None:
    row = (
        session.connection()
        .execute(
            update(UserSubscription)
            .where(
                UserSubscription.user_id == user_id,
                IS_ACTIVE,
                UserSubscription.next_credit_reset > now,
                UserSubscription.credits_remaining >= credits,
            )
            .values(
                {
                    "credits_remaining": UserSubscription.credits_remaining - credits,
                    purpose: getattr(UserSubscription, purpose) + credits,
                }
            )
            .returning(
                UserSubscription.id, UserSubscription.cycle, UserSubscription.credits_remaining
            )
        )
        .first()
    )
    return None if row is None else Taken(row.id, row.cycle, row.credits_remaining)


def _refusal(session: Session, user_id: int, credits: int) -> CreditError:
    row = session.execute(
        select(
            UserSubscription.credits_remaining,
            UserSubscription.next_credit_reset,
            SubscriptionPlanModel.display_name,
        )
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .where(UserSubscription.user_id == user_id, IS_ACTIVE)
    ).first()
    if row is None:
        return NoActiveSubscription(user_id)
    return InsufficientCredits(
        required=credits,
        available=row.credits_remaining,
        next_reset=row.next_credit_reset,
        plan_display_name=row.display_name,
    )
