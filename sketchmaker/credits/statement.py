"""What a person is shown: computed for `now`, nothing written.

A subscription whose reset is due but not yet applied is shown as it will be: lazy equals eager.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sketchmaker.credits.cycle import cycle_start, days_until
from sketchmaker.credits.errors import NoActiveSubscription
from sketchmaker.credits.resets import passed_boundaries
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription


@dataclass(frozen=True, slots=True)
class Statement:
    """A subscription at one instant. Whole credits; instants in UTC."""

    subscription_id: int
    user_id: int
    plan_name: str
    plan_display_name: str
    plan_description: str
    features: tuple[str, ...]
    allowance: int
    available: int
    used: int
    held: int
    cycle: int
    anchor: datetime
    time_zone: str
    last_reset: datetime
    next_reset: datetime

    def days_until_reset(self, now: datetime, zone: str) -> int:
        """Days of that zone's calendar until the reset; 0 means later today."""
        return days_until(now, self.next_reset, zone)


def statement_for(session: Session, user_id: int, *, now: datetime) -> Statement:
    """The user's active subscription as of `now`.

    Raises:
        NoActiveSubscription: the user has no plan.
    """
    row = session.execute(
        statement_query().where(UserSubscription.user_id == user_id, IS_ACTIVE)
    ).first()
    if row is None:
        raise NoActiveSubscription(user_id)
    return statement_of(row.UserSubscription, row.SubscriptionPlanModel, now)


def statement_query() -> Select[*tuple[Any, ...]]:
    """Subscriptions with their plans, for `statement_of`."""
    return select(UserSubscription, SubscriptionPlanModel).join(
        SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id
    )


def statement_of(
    subscription: UserSubscription, plan: SubscriptionPlanModel, now: datetime
) -> Statement:
    """A subscription as of `now`, with the resets applied that are due by then."""
    anchor, zone = subscription.subscription_start, subscription.time_zone
    passed = passed_boundaries(
        anchor=anchor,
        zone=zone,
        cycle=subscription.cycle,
        next_reset=subscription.next_credit_reset,
        now=now,
    )
    due = passed[-1] if passed else None
    return Statement(
        subscription_id=subscription.id,
        user_id=subscription.user_id,
        plan_name=plan.name,
        plan_display_name=plan.display_name,
        plan_description=plan.description,
        features=tuple(plan.features),
        allowance=plan.monthly_credits if due else subscription.cycle_allowance,
        available=plan.monthly_credits if due else subscription.credits_remaining,
        used=0 if due else subscription.credits_used_this_month,
        held=0 if due else subscription.credits_held,
        cycle=due.cycle if due else subscription.cycle,
        anchor=anchor,
        time_zone=zone,
        last_reset=due.at if due else subscription.last_credit_reset,
        next_reset=cycle_start(anchor, due.cycle + 1, zone)
        if due
        else subscription.next_credit_reset,
    )
