"""An edit of a plan for everybody now: the present cycle of each of its subscriptions."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, insert, literal, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.managing.plan_edit_counts import has_own_credits
from sketchmaker.credits.rules.actions import PLAN_ACTION
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import IS_ACTIVE, LEDGER, SUBSCRIPTIONS, SubscriptionPlanModel
from sketchmaker.database import UtcDateTime

BATCH = 5_000
"""Rows a statement. All are of one transaction: an edit is made for everybody or for nobody."""


@in_utc
def give_now(
    session: Session,
    plan: SubscriptionPlanModel,
    version: int,
    allowance: int,
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Let everybody on the plan hold the version, with its allowance in their present cycle.

    What was used stays used, as in any change of plan. Who has credits of their own keeps them.
    """
    details = {
        **facts,
        "from": plan.display_name,
        "to": plan.display_name,
        "when": "now",
        "effective_at": now.isoformat(),
        "edited": True,
        "granted": allowance,
    }
    for which in _batches(session, plan.id):
        get_credits = which & ~has_own_credits(now)
        changes = get_credits & (SUBSCRIPTIONS.c.cycle_allowance != allowance)
        session.execute(_entries(changes, allowance, details, now))
        session.execute(
            update(SUBSCRIPTIONS).where(changes).values(**_on_allowance(allowance)),
            execution_options={"synchronize_session": False},
        )
        session.execute(
            update(SUBSCRIPTIONS).where(which).values(plan_version=version),
            execution_options={"synchronize_session": False},
        )


def _batches(session: Session, plan_id: int) -> Iterator[ColumnElement[bool]]:
    """Everybody on the plan, in the order of their numbers; some thousands are locked at once."""
    row, above = SUBSCRIPTIONS.c, 0
    everybody = (row.plan_id == plan_id) & IS_ACTIVE
    while True:
        some = select(row.id).where(everybody, row.id > above).order_by(row.id).limit(BATCH)
        ids = session.scalars(some.with_for_update(of=SUBSCRIPTIONS)).all()
        if not ids:
            return
        yield everybody & (row.id > above) & (row.id <= ids[-1])
        above = ids[-1]


def _on_allowance(allowance: int) -> dict[str, ColumnElement[Any]]:
    """As `Balance.on_allowance` for one: another allowance, of which the same was used."""
    row = SUBSCRIPTIONS.c
    used = row.credits_used_this_month - row.bonus_used
    left = allowance - row.credits_revoked - (row.credits_held - row.bonus_held) - used
    return {
        "cycle_allowance": literal(allowance),
        "credits_remaining": row.bonus_remaining + case((left > 0, left), else_=0),
    }


def _entries(
    which: ColumnElement[bool], allowance: int, details: Mapping[str, Any], now: datetime
) -> Any:
    row, remaining = SUBSCRIPTIONS.c, _on_allowance(allowance)["credits_remaining"]
    values = {
        "user_id": row.user_id,
        "subscription_id": row.id,
        "action": literal(PLAN_ACTION),
        "credits_used": literal(0),
        "credits_delta": remaining - row.credits_remaining,
        "bonus_delta": literal(0),
        "balance_after": remaining,
        "cycle": row.cycle,
        "metadata": literal(dict(details), LEDGER.c.metadata.type),
        "created_at": literal(now, UtcDateTime),
    }
    told = select(*(value.label(name) for name, value in values.items())).where(which)
    return insert(LEDGER).from_select(list(values), told)
