"""What is in the tables, and the plans that are put there."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from sketchmaker.credits.reading.statement import Statement, statement_query, statements_of
from sketchmaker.credits.tables import GRANTS, HOLDS, IS_ACTIVE, LEDGER, PLANS, SUBSCRIPTIONS
from sketchmaker.database import Database
from tests.support import credit_model as model
from tests.support.engine_machine.lockstep import Ids

_NEXT_PLANS = PLANS.alias("next_plans")
_ROWS = (
    select(SUBSCRIPTIONS, PLANS.c.name.label("plan"), _NEXT_PLANS.c.name.label("next_plan"))
    .join(PLANS, PLANS.c.id == SUBSCRIPTIONS.c.plan_id)
    .outerjoin(_NEXT_PLANS, _NEXT_PLANS.c.id == SUBSCRIPTIONS.c.next_plan_id)
)
_GRANTS = select(GRANTS).order_by(GRANTS.c.id)
_HOLDS = select(HOLDS).order_by(HOLDS.c.id)
_NEW_ROWS = select(LEDGER).where(LEDGER.c.id > bindparam("after")).order_by(LEDGER.c.id)


class Found:
    """All that is in the tables, read in one snapshot: nobody else is there."""

    def __init__(self, session: Session, now: datetime, last_id: int) -> None:
        self.rows = {row.id: row._mapping for row in session.execute(_ROWS)}
        self.grants: dict[int, list[object]] = defaultdict(list)
        for row in session.execute(_GRANTS):
            numbers = (row.credits_remaining, row.credits_held, row.credits_used)
            gone = (row.credits_expired, row.credits_voided)
            self.grants[row.user_id].append((*numbers, *gone, row.expires_at))
        self.holds: dict[int, list[object]] = defaultdict(list)
        for row in session.execute(_HOLDS):
            numbers = (row.cycle, row.credits_held, row.credits_settled)
            self.holds[row.subscription_id].append((*numbers, row.state, row.expires_at))
        self.ledger: dict[int, list[Any]] = defaultdict(list)
        for row in session.execute(_NEW_ROWS, {"after": last_id}):
            self.ledger[row.subscription_id].append(row)
        self.statements = shown_at(session, now)

    def all_of(self, ids: Ids, names: Collection[str]) -> object:
        """What one person has, without the numbers of rows."""
        row = self.rows[ids.subscription_id]
        told = {name: row[name] for name in names}
        return told, self.grants[ids.user_id], self.holds[ids.subscription_id]


def shown_at(session: Session, now: datetime) -> dict[int, Statement]:
    """The statements of all active subscriptions, by their numbers."""
    rows = session.execute(statement_query(now).where(IS_ACTIVE)).all()
    return {each.subscription_id: each for each in statements_of(session, rows, now=now)}


def grant_facts(grant: model.Grant) -> tuple[object, ...]:
    expires_at = None if grant.expires_at == model.NEVER else grant.expires_at
    return grant.remaining, grant.held, grant.used, grant.expired, grant.voided, expires_at


def hold_facts(hold: model.Hold) -> tuple[object, ...]:
    return hold.cycle, hold.credits, hold.settled, hold.state, hold.expires_at


def add_plans(database: Database, *, now: datetime) -> None:
    """Plans so small that amounts often meet their edges."""
    with database.transaction() as session:
        session.execute(
            insert(PLANS),
            [
                {
                    "name": name,
                    "display_name": name.title(),
                    "monthly_credits": credits,
                    "description": "",
                    "features": [],
                    "is_active": True,
                    "is_default": name == model.DEFAULT_PLAN,
                    "created_at": now,
                    "updated_at": now,
                }
                for name, credits in model.PLANS.items()
            ],
        )
