"""The rows of grants and their sums: below the verbs, which bring a subscription up to now first.

What expires first burns first (`balance.in_burn_order`). The subscription's row carries the sums,
so that the common spend need not look here.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.rows.state import Bonus, State, latest_of_user, move
from sketchmaker.credits.rules.actions import GRANT_EXPIRY_ACTION
from sketchmaker.credits.rules.balance import Part, Source
from sketchmaker.credits.rules.errors import ChangedMeanwhile, GrantNotFound
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.invalid_input import TooManyGranted
from sketchmaker.credits.tables import GRANTS, CreditGrant

HAS_CREDITS_LEFT = GRANTS.c.credits_remaining > literal_column("0")
"""A constant, for SQLite's sake: see `tables.IS_ACTIVE`."""

Purpose = Literal["held", "used"]
"""What became of credits that left the available ones."""
Destination = Literal["remaining", "expired", "voided"]
"""What becomes of them when they come back to their grant."""

MAX_BONUS = 1_000_000_000
"""Credits that the grants of one user may have together: left, held, and used in this cycle.

So every sum of a subscription stays within PostgreSQL's four bytes, next to an allowance as large.
"""


def add(session: Session, **facts: Any) -> CreditGrant:
    """Write a new grant. The caller changes the balance in the same transaction."""
    row = CreditGrant(credits_remaining=facts["credits_granted"], **facts)
    session.add(row)
    session.flush()  # the database gives the grant its number
    return row


def check_room(bonus: Bonus, amount: int) -> None:
    """Make sure that the user's grants may have so many credits more.

    Raises:
        TooManyGranted: they would have more than `MAX_BONUS`.
    """
    room = MAX_BONUS - bonus.remaining - bonus.held - bonus.used
    if amount > room:
        raise TooManyGranted(amount, MAX_BONUS, max(room, 0))


def is_alive(now: datetime) -> ColumnElement[bool]:
    """Grants whose credits can be spent at that instant, if they have any left."""
    in_time = or_(GRANTS.c.expires_at.is_(None), GRANTS.c.expires_at > now)
    return and_(GRANTS.c.voided_at.is_(None), in_time)


@in_utc
def sources(session: Session, state: State, *, now: datetime) -> list[Source]:
    """Where the subscription's credits come from: its allowance, and each live grant."""
    rows = session.execute(
        select(GRANTS.c.id, GRANTS.c.credits_remaining, GRANTS.c.expires_at).where(
            GRANTS.c.user_id == state.user_id,
            HAS_CREDITS_LEFT,
            is_alive(now),
        )
    )
    allowance = Source(None, state.balance.available, state.next_reset)
    return [allowance, *(Source(row.id, row.credits_remaining, row.expires_at) for row in rows)]


@in_utc
def expire_of_user(session: Session, *, user_id: int, now: datetime) -> int:
    """End the user's grants whose time is over, and return how many credits expired."""
    before = latest_of_user(session, user_id)
    if before is None or before.bonus.expires_at is None or before.bonus.expires_at > now:
        return 0
    rows = session.execute(
        select(GRANTS.c.id, GRANTS.c.credits_remaining).where(
            GRANTS.c.user_id == user_id,
            HAS_CREDITS_LEFT,
            GRANTS.c.expires_at <= now,
        )
    ).all()
    for row in rows:
        change(session, row.id, remaining=-row.credits_remaining, expired=row.credits_remaining)
        after = replace(
            before,
            bonus=resummed(session, before.bonus, user_id, remaining=-row.credits_remaining),
        )
        details = {"grant": row.id, "expired": row.credits_remaining}
        move(session, before, after, action=GRANT_EXPIRY_ACTION, now=now, details=details)
        before = after
    return sum(row.credits_remaining for row in rows)


def change(session: Session, grant_id: int, **by: int) -> None:
    """Move credits between a grant's `remaining`, `held`, `used`, `expired` and `voided`."""
    columns = {
        f"credits_{name}": GRANTS.c[f"credits_{name}"] + amount for name, amount in by.items()
    }
    changed = session.execute(update(GRANTS).where(GRANTS.c.id == grant_id).values(columns))
    if changed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise GrantNotFound(grant_id)


@in_utc
def give_back(
    session: Session, parts: list[Part], *, now: datetime, taken_as: Purpose = "held"
) -> Counter[Destination]:
    """Return held or used credits to their grants, and count where they went.

    They can be spent again (`remaining`), unless their grant expired or was voided meanwhile.
    """
    moved: Counter[Destination] = Counter()
    for part in parts:
        grant_id = part.grant_id or 0
        column = _destination(session, grant_id, now)
        change(session, grant_id, **{taken_as: -part.credits, column: part.credits})
        moved[column] += part.credits
    return moved


def _destination(session: Session, grant_id: int, now: datetime) -> Destination:
    row = session.execute(
        select(GRANTS.c.expires_at, GRANTS.c.voided_at).where(GRANTS.c.id == grant_id)
    ).one()
    if row.voided_at is not None:
        return "voided"
    is_over = row.expires_at is not None and row.expires_at <= now
    return "expired" if is_over else "remaining"


def resummed(session: Session, bonus: Bonus, user_id: int, **by: int) -> Bonus:
    """The sums after a change of so many credits, with the first expiry read afresh.

    Raises:
        ChangedMeanwhile: the sums and the grants differ.
    """
    moved = replace(bonus, **{name: getattr(bonus, name) + amount for name, amount in by.items()})
    row: Any = session.execute(
        select(
            func.coalesce(func.sum(GRANTS.c.credits_remaining), 0).label("remaining"),
            func.min(GRANTS.c.expires_at, type_=GRANTS.c.expires_at.type).label("expires_at"),
        ).where(GRANTS.c.user_id == user_id, HAS_CREDITS_LEFT)
    ).one()
    if row.remaining != moved.remaining:
        raise ChangedMeanwhile(user_id)
    return replace(moved, expires_at=row.expires_at)
