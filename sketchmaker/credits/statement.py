"""What a person is shown: computed for `now`, nothing written.

A subscription whose reset is due but not yet applied is shown as it will be: lazy equals eager.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from sketchmaker.credits.balance import Balance
from sketchmaker.credits.cycle import days_until
from sketchmaker.credits.errors import NoActiveSubscription
from sketchmaker.credits.state import state_of
from sketchmaker.credits.tables import (
    IS_ACTIVE,
    CreditGrant,
    SubscriptionPlanModel,
    UserSubscription,
)

NextPlan = aliased(SubscriptionPlanModel)
"""The plan after the next reset: the one that waits, or the present one."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A subscription at one instant. Whole credits; instants in UTC.

    `available`, `used` and `held` count allowance and bonus together; `bonus` is the part of
    `available` that survives the reset. `next_plan_display_name` is a change that waits for it.
    `regular_reset` is when the next reset is due by the anchor, whether or not it was moved.
    """

    subscription_id: int
    user_id: int
    plan_name: str
    plan_display_name: str
    plan_description: str
    features: tuple[str, ...]
    next_plan_display_name: str | None
    allowance: int
    available: int
    bonus: int
    used: int
    held: int
    cycle: int
    anchor: datetime
    time_zone: str
    last_reset: datetime
    next_reset: datetime
    regular_reset: datetime
    was_restarted: bool

    @property
    def is_moved(self) -> bool:
        """Whether the next reset is not on its regular day."""
        return self.next_reset != self.regular_reset

    def days_until_reset(self, now: datetime, zone: str) -> int:
        """Days of that zone's calendar until the reset; 0 means later today."""
        return days_until(now, self.next_reset, zone)


def statement_for(session: Session, user_id: int, *, now: datetime) -> Statement:
    """The user's active subscription as of `now`.

    Raises:
        NoActiveSubscription: the user has no plan.
    """
    row = session.execute(
        statement_query(now).where(UserSubscription.user_id == user_id, IS_ACTIVE)
    ).first()
    if row is None:
        raise NoActiveSubscription(user_id)
    return statement_of(*row, now=now)


def statement_query(now: datetime) -> Select[*tuple[Any, ...]]:
    """Subscriptions with all that `statement_of` needs."""
    return (
        select(UserSubscription, SubscriptionPlanModel, NextPlan, live_bonus(now))
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .join(NextPlan, NextPlan.id == next_plan_id())
    )


def next_plan_id() -> ColumnElement[int]:
    """The plan that the next reset goes by."""
    return func.coalesce(UserSubscription.next_plan_id, UserSubscription.plan_id)


def live_bonus(now: datetime) -> ScalarSelect[int]:
    """The credits of the grants that have not expired by `now`, swept or not."""
    alive = or_(CreditGrant.expires_at.is_(None), CreditGrant.expires_at > now)
    return (
        select(func.coalesce(func.sum(CreditGrant.credits_remaining), 0))
        .where(
            CreditGrant.user_id == UserSubscription.user_id,
            CreditGrant.credits_remaining > 0,
            alive,
        )
        .scalar_subquery()
    )


def statement_of(
    subscription: UserSubscription,
    plan: SubscriptionPlanModel,
    next_plan: SubscriptionPlanModel,
    bonus: int,
    *,
    now: datetime,
) -> Statement:
    """A subscription as of `now`, with the resets applied that are due by then."""
    state = state_of(subscription)
    passed = state.boundaries_passed(now)
    due = passed[-1] if passed else None
    in_effect = next_plan if due else plan
    balance = Balance(next_plan.monthly_credits) if due else state.balance
    return Statement(
        subscription_id=state.id,
        user_id=state.user_id,
        plan_name=in_effect.name,
        plan_display_name=in_effect.display_name,
        plan_description=in_effect.description,
        features=tuple(in_effect.features),
        next_plan_display_name=None if in_effect is next_plan else next_plan.display_name,
        allowance=balance.allowance,
        available=balance.available + bonus,
        bonus=bonus,
        used=balance.used + (0 if due else state.bonus.used),
        held=balance.held + state.bonus.held,
        cycle=due.cycle if due else state.cycle,
        anchor=state.schedule.anchor,
        time_zone=state.schedule.zone,
        last_reset=due.at if due else state.last_reset,
        next_reset=state.schedule.start_of(due.cycle + 1) if due else state.next_reset,
        regular_reset=state.schedule.start_of((due.cycle if due else state.cycle) + 1),
        was_restarted=state.schedule.first > 0,
    )
