"""What a person is shown: computed for `now`, nothing written.

What is due but not yet written, a reset or the end of a hold or a grant, is shown as if it were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import Session, aliased

from sketchmaker.credits import hold_ends, resets
from sketchmaker.credits.grants import HAS_CREDITS_LEFT, is_alive
from sketchmaker.credits.hold_ends import Freed
from sketchmaker.credits.resets import guard
from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows.next_plan import next_plan_id
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import state_of
from sketchmaker.credits.rules.cycle import days_until
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import (
    GRANTS,
    IS_ACTIVE,
    SubscriptionPlanModel,
    UserSubscription,
)
from sketchmaker.credits.tables.plan_versions import OVERRIDES, VERSIONS

NextPlan = aliased(SubscriptionPlanModel)
"""The plan after the next reset: the one that waits, or the present one."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A subscription at one instant. Whole credits; instants in UTC.

    `available`, `used` and `held` count allowance and bonus together; `bonus` is the part of
    `available` that survives the reset, `bonus_used` and `bonus_held` are the parts of the others
    that came from grants. `revoked` was taken back from the allowance. `next_plan_display_name` is
    a change that waits for it.
    `regular_reset` is when the next reset is due by the anchor, whether or not it was moved.

    `suspended_by` is why a reset that is due does not happen, as a cause of `guard`: until it is
    resumed or goes well, nothing can be spent, and so nothing is available.
    """

    subscription_id: int
    user_id: int
    plan_name: str
    plan_display_name: str
    plan_description: str
    features: Features
    next_plan_display_name: str | None
    allowance: int
    available: int
    bonus: int
    used: int
    held: int
    revoked: int
    bonus_used: int
    bonus_held: int
    cycle: int
    anchor: datetime
    time_zone: str
    last_reset: datetime
    next_reset: datetime
    regular_reset: datetime
    was_restarted: bool
    suspended_by: str | None = None

    @property
    def is_suspended(self) -> bool:
        """Whether a reset that is due is suspended."""
        return self.suspended_by is not None

    @property
    def is_retried(self) -> bool:
        """Whether the suspended reset failed, and so is retried by itself."""
        return self.suspended_by == guard.FAILED

    @property
    def is_moved(self) -> bool:
        """Whether the next reset is not on its regular day."""
        return self.next_reset != self.regular_reset

    def days_until_reset(self, now: datetime, zone: str) -> int:
        """Days of that zone's calendar until the reset; 0 means later today."""
        return days_until(now, self.next_reset, zone)


@in_utc
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
    return statements_of(session, [row], now=now)[0]


def statement_query(now: datetime) -> Select[*tuple[Any, ...]]:
    """Subscriptions with all that `statements_of` needs."""
    return (
        select(*statement_columns(now))
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .join(NextPlan, NextPlan.id == next_plan_id(UserSubscription))
    )


def statement_columns(now: datetime) -> tuple[Any, ...]:
    """What a row has to have for `statements_of`, in this order."""
    cause = resets.suspended_because(now)
    return (
        UserSubscription,
        SubscriptionPlanModel,
        NextPlan,
        live_bonus(now),
        cause,
        features_in_effect(now),
    )


def features_in_effect(now: datetime) -> ColumnElement[Any]:
    """What comes with the plan in the present cycle: the person's own, or its version's."""
    row = UserSubscription
    own = select(OVERRIDES.c.features).where(
        OVERRIDES.c.subscription_id == row.id,
        OVERRIDES.c.plan_id == row.plan_id,
        OVERRIDES.c.ends_at > now,
    )
    held = select(VERSIONS.c.features).where(
        VERSIONS.c.plan_id == row.plan_id, VERSIONS.c.number == row.plan_version
    )
    of_plan = SubscriptionPlanModel.features
    return func.coalesce(own.scalar_subquery(), held.scalar_subquery(), of_plan, type_=of_plan.type)


def live_bonus(now: datetime) -> ScalarSelect[int]:
    """The credits of the grants that have not expired by `now`, swept or not."""
    return (
        select(func.coalesce(func.sum(GRANTS.c.credits_remaining), 0))
        .where(GRANTS.c.user_id == UserSubscription.user_id, HAS_CREDITS_LEFT, is_alive(now))
        .scalar_subquery()
    )


@in_utc
def statements_of(
    session: Session, rows: Sequence[Sequence[Any]], *, now: datetime
) -> list[Statement]:
    """Subscriptions as of `now`: with the resets applied, and without the holds, that are due."""
    ids = [row[0].id for row in rows]
    freed = hold_ends.freed(session, ids, now=now)
    are_due = any(row[0].next_credit_reset <= now for row in rows)
    plans = Plans.read(session, ids) if are_due else None
    return [_statement(row, freed.get(row[0].id, Freed()), plans, now) for row in rows]


def _statement(row: Sequence[Any], freed: Freed, plans: Plans | None, now: datetime) -> Statement:
    """One of `statements_of`; there are `plans` when any of them is due."""
    subscription, plan, next_plan, bonus, suspended_because, features = row
    found = freed.taken_from(state_of(subscription))
    is_due = found.next_reset <= now
    suspended_by = suspended_because if is_due else None
    is_reset = is_due and not suspended_by
    state, included = found, features_from(features)
    if is_reset and plans:
        state = PlannedReset(found, plans.after_reset, now).after
        included = plans.held_by(state, now).features
    in_effect = next_plan if is_reset else plan
    spendable = 0 if suspended_by else bonus + freed.back_to_bonus
    return Statement(
        subscription_id=state.id,
        user_id=state.user_id,
        plan_name=in_effect.name,
        plan_display_name=in_effect.display_name,
        plan_description=in_effect.description,
        features=included,
        next_plan_display_name=None if in_effect is next_plan else next_plan.display_name,
        allowance=state.balance.allowance,
        available=0 if suspended_by else state.balance.available + spendable,
        bonus=spendable,
        used=state.balance.used + state.bonus.used,
        held=state.balance.held + state.bonus.held,
        revoked=state.balance.revoked,
        bonus_used=state.bonus.used,
        bonus_held=state.bonus.held,
        cycle=state.cycle,
        anchor=state.schedule.anchor,
        time_zone=state.schedule.zone,
        last_reset=state.last_reset,
        next_reset=state.next_reset,
        regular_reset=state.schedule.start_of(state.cycle + 1),
        was_restarted=state.schedule.first > 0,
        suspended_by=suspended_by,
    )
