"""What the ledger tells of one subscription by itself, whatever the subscription's row says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books import schedules
from sketchmaker.credits.books.row_rules import IS_PENDING
from sketchmaker.credits.books.sums import BEGINNINGS
from sketchmaker.credits.rules import actions
from sketchmaker.credits.tables import HOLDS, LEDGER


@dataclass(frozen=True, slots=True)
class Told:
    """The sums of the ledger's rows, the newest of them, and the cycles that it saw begin.

    `cycles` are those with a reset or a restart. The anchor is that of the newest restart, or of
    the start; None when the ledger has neither.
    """

    credits: int
    bonus: int
    newest_balance: int
    newest_at: datetime | None
    cycles: frozenset[int]
    has_start: bool
    anchor: datetime | None
    anchor_cycle: int

    @property
    def cycle(self) -> int:
        """The newest cycle that began."""
        return max(self.cycles, default=0)


def told_by_ledger(session: Session, subscription_id: int) -> Told:
    """Read the rows of that subscription, and nothing else."""
    row = LEDGER.c
    of_subscription = row.subscription_id == subscription_id
    sums: Any = session.execute(
        select(
            func.coalesce(func.sum(row.credits_delta), 0).label("credits"),
            func.coalesce(func.sum(row.bonus_delta), 0).label("bonus"),
            func.max(row.id).label("newest"),
        ).where(of_subscription)
    ).one()
    newest = session.execute(select(LEDGER).where(row.id == sums.newest)).first()
    begun = select(row.cycle).where(of_subscription, row.action.in_(BEGINNINGS), row.cycle >= 1)
    starts = session.execute(
        select(LEDGER)
        .where(of_subscription, row.action.in_((actions.START_ACTION, actions.RESTART_ACTION)))
        .order_by(row.cycle.desc(), row.id.desc())
    ).all()
    return Told(
        credits=int(sums.credits),
        bonus=int(sums.bonus),
        newest_balance=newest.balance_after if newest else 0,
        newest_at=newest.created_at if newest else None,
        cycles=frozenset(session.scalars(begun)),
        has_start=any(found.action == actions.START_ACTION for found in starts),
        anchor=schedules.anchor_of(starts[0]) if starts else None,
        anchor_cycle=starts[0].cycle if starts else 0,
    )


def leads_to(session: Session, told: Told, subscription_id: int, available: int) -> bool:
    """Does the ledger's newest row lead to so many credits available?

    Only holds are placed without a row, so the two differ by the holds placed since. One placed at
    the very instant of the row may be on either side of it.
    """
    if told.newest_at is None:
        return available == 0
    query = select(HOLDS.c.credits_held, HOLDS.c.created_at).where(
        HOLDS.c.subscription_id == subscription_id, IS_PENDING, HOLDS.c.created_at >= told.newest_at
    )
    fell_by = told.newest_balance - available
    held = 0
    for hold in session.execute(query.order_by(HOLDS.c.created_at.desc(), HOLDS.c.id.desc())):
        if held == fell_by and hold.created_at == told.newest_at:
            return True
        held += hold.credits_held
    return bool(held == fell_by)
