"""The plan that a subscription is on from its next reset: the one that waits, or else the present.

A larger plan takes effect at once, a smaller one waits (`takes_effect_now`); what waits is in the
column `next_plan_id`, and the reset puts it into effect (`new_cycle.begin_cycle`).
"""

from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import ColumnElement, func

from sketchmaker.credits.rules.new_cycle import Plan
from sketchmaker.credits.tables import PLANS

NEXT_PLAN: Final = tuple(
    PLANS.c[name].label(f"new_plan_{name}") for name in ("id", "display_name", "monthly_credits")
)
"""The columns of the next plan for a query that joins it by `next_plan_id`; see `next_plan_of`."""


def next_plan_id(row: Any) -> ColumnElement[int]:
    """The number of the next plan, of the columns of a subscription."""
    return func.coalesce(row.next_plan_id, row.plan_id)


def next_plan_of(row: Any) -> Plan:
    """The next plan, out of a row, or the columns, of a query that has `NEXT_PLAN`."""
    facts = {column.element.name: getattr(row, column.name) for column in NEXT_PLAN}
    return SimpleNamespace(**facts)


def takes_effect_now(allowance: int, target: Plan) -> bool:
    """Is a change from so large an allowance to that plan made at once, unless asked otherwise?"""
    return bool(target.monthly_credits >= allowance)
