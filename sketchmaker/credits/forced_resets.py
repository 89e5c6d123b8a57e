"""Resets by force: an allowance given afresh within a cycle, on an admin's word."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.credits import guard, present, state
from sketchmaker.credits.actions import FORCE_RESET_ACTION
from sketchmaker.credits.errors import ForceResetLimit
from sketchmaker.credits.state import State
from sketchmaker.credits.tables import PLANS, UsageHistory

FORCED_A_DAY = 2


def force_reset(
    session: Session, *, subscription_id: int, now: datetime, by_id: int | None, reason: str
) -> State:
    """Give the allowance of the present cycle afresh, on an admin's word.

    The anchor and the next reset stay as they are, and the regular reset comes all the same. What
    is held stays held. At most `FORCED_A_DAY` times in 24 hours.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, SetAside, ForceResetLimit.
    """
    before = present.of_subscription(session, subscription_id, now=now)
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
    details = {
        "by": by_id,
        "reason": reason,
        "granted": allowance,
        "next_reset": before.next_reset.isoformat(),
    }
    state.move(session, before, after, action=FORCE_RESET_ACTION, now=now, details=details)
    guard.watch(session, [subscription_id], now=now)
    return after


def _forced_lately(session: Session, subscription_id: int, now: datetime) -> int:
    return session.execute(
        select(func.count())
        .select_from(UsageHistory)
        .where(
            UsageHistory.subscription_id == subscription_id,
            UsageHistory.action == FORCE_RESET_ACTION,
            UsageHistory.created_at > now - timedelta(days=1),
            UsageHistory.created_at <= now,
        )
    ).scalar_one()
