"""How many people an edit of a plan changes something for, and when."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.tables import IS_ACTIVE, SUBSCRIPTIONS
from sketchmaker.credits.tables.plan_versions import OVERRIDES

ApplyTo = Literal["new_subscribers", "next_reset", "now", "date"]
"""`next_reset`: each at their own; `date`: each at their first reset from `starts_at` on."""


def counts_of(
    session: Session, plan_id: int, credits: int, apply_to: ApplyTo, now: datetime
) -> dict[str, Any]:
    """The counts and dates of a `PlanEdit` that lets the plan give so many credits."""
    row = SUBSCRIPTIONS.c
    keeps = has_own_credits(now)
    leaves = row.next_plan_id.is_not(None)
    is_left_out: ColumnElement[bool] = keeps if apply_to == "now" else keeps | leaves
    spent = row.credits_used_this_month - row.bonus_used + row.credits_held - row.bonus_held
    resets = case((and_(~is_left_out, row.next_credit_reset >= now), row.next_credit_reset))
    found = session.execute(
        select(
            func.count().label("subscribers"),
            func.count(case((~is_left_out, row.id))).label("changing"),
            func.count(case((keeps, row.id))).label("keeping"),
            func.count(case((leaves, row.id))).label("leaving"),
            func.count(case((and_(~is_left_out, spent > credits), row.id))).label("over"),
            func.min(resets).label("first_reset"),
            func.max(resets).label("last_reset"),
        ).where(row.plan_id == plan_id, IS_ACTIVE)
    ).one()
    facts = dict(found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    if apply_to == "new_subscribers":
        facts |= {"changing": 0, "over": 0}
    if apply_to != "next_reset":
        facts |= {"first_reset": None, "last_reset": None}
    return facts


def has_own_credits(now: datetime) -> ColumnElement[bool]:
    """Subscriptions that have credits of their own on the plan they are on."""
    return exists().where(
        OVERRIDES.c.subscription_id == SUBSCRIPTIONS.c.id,
        OVERRIDES.c.plan_id == SUBSCRIPTIONS.c.plan_id,
        OVERRIDES.c.monthly_credits.is_not(None),
        OVERRIDES.c.ends_at > now,
    )
