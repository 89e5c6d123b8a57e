"""The plan that a subscription is on from its next reset: the one that waits, or else the present.

A larger plan takes effect at once, a smaller one waits (`takes_effect_now`); what waits is in the
column `next_plan_id`, and the reset puts it into effect (`new_cycle.begin_cycle`). What the plan
gives at a boundary says `plan_versions.Plans.after_reset` for one row, and here a join for many.
"""

from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Join, and_, case, func

from sketchmaker.credits.rows.plan_versions import FIRST
from sketchmaker.credits.rules.new_cycle import Plan
from sketchmaker.credits.rules.plan_terms import NEWCOMER
from sketchmaker.credits.tables import PLANS
from sketchmaker.credits.tables.plan_versions import OVERRIDES, TERMS

_GIVES: Final = {
    "id": PLANS.c.id,
    "display_name": PLANS.c.display_name,
    "version": func.coalesce(TERMS.c.number, FIRST),
    "monthly_credits": func.coalesce(
        OVERRIDES.c.monthly_credits, TERMS.c.monthly_credits, PLANS.c.monthly_credits
    ),
}

NEXT_PLAN: Final = tuple(gives.label(f"new_plan_{name}") for name, gives in _GIVES.items())
"""The columns of the next plan for a query `with_next_plan`; see `next_plan_of`."""


def next_plan_id(row: Any) -> ColumnElement[int]:
    """The number of the next plan, of the columns of a subscription."""
    return func.coalesce(row.next_plan_id, row.plan_id)


def with_next_plan(rows: FromClause, row: Any) -> Join:
    """Rows of subscriptions beside all that decides what their next reset gives them."""
    held = case((row.next_plan_id.is_(None), row.plan_version), else_=NEWCOMER)
    boundary = row.next_credit_reset
    is_term = and_(
        TERMS.c.plan_id == next_plan_id(row),
        TERMS.c.held == held,
        TERMS.c.starts_at <= boundary,
        TERMS.c.ends_at > boundary,
    )
    is_own = and_(
        OVERRIDES.c.subscription_id == row.id,
        OVERRIDES.c.plan_id == next_plan_id(row),
        OVERRIDES.c.ends_at > boundary,
    )
    plans = rows.join(PLANS, PLANS.c.id == next_plan_id(row))
    return plans.outerjoin(TERMS, is_term).outerjoin(OVERRIDES, is_own)


def next_plan_of(row: Any) -> Plan:
    """The next plan, out of the columns of a query that has `NEXT_PLAN`."""
    return SimpleNamespace(**{name: getattr(row, f"new_plan_{name}") for name in _GIVES})


def takes_effect_now(allowance: int, target: Plan) -> bool:
    """Is a change from so large an allowance to that plan made at once, unless asked otherwise?"""
    return bool(target.monthly_credits >= allowance)
