"""Bonus credits: grants that survive resets, with an expiry or without.

What expires first burns first (`balance.in_burn_order`). The subscription's row carries the sums,
so that the common spend need not look here.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.actions import GRANT_ACTION, GRANT_EXPIRY_ACTION
from sketchmaker.credits.amounts import checked_amount
from sketchmaker.credits.balance import Part, Source
from sketchmaker.credits.errors import (
    ChangedMeanwhile,
    GrantNotFound,
    InvalidAmount,
    InvalidGrant,
    NoActiveSubscription,
    SetAside,
)
from sketchmaker.credits.state import Bonus, State, move, of_user
from sketchmaker.credits.tables import GRANTS, CreditGrant, UserSubscription

KINDS = ("admin", "promotion", "correction")
MAX_BONUS = 1_000_000_000
"""Credits that the grants of one user may hold together."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it was made."""

    id: int
    credits: int
    expires_at: datetime | None
    available: int


def grant(
    session: Session,
    *,
    user_id: int,
    credits: int,
    kind: str,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
    granted_by_id: int | None = None,
) -> Grant:
    """Give the user credits that are kept after the reset; until `expires_at`, or for good.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit, or beyond what grants may hold.
        InvalidGrant: an unknown kind, no reason, or an expiry that is not in the future.
        NoActiveSubscription: the user has no plan.
    """
    amount = checked_amount(credits)
    _check(kind, reason, expires_at, now)
    before = _with_room_for(session, user_id, amount, now)
    row = CreditGrant(
        user_id=user_id,
        kind=kind,
        credits_granted=amount,
        credits_remaining=amount,
        reason=reason.strip(),
        granted_by_id=granted_by_id,
        expires_at=expires_at,
        created_at=now,
    )
    session.add(row)
    session.flush()  # the database gives the grant its number
    after = replace(before, bonus=resummed(session, before.bonus, user_id, remaining=amount))
    move(session, before, after, action=GRANT_ACTION, now=now, details=_facts(row))
    return Grant(row.id, amount, expires_at, after.available)


def _with_room_for(session: Session, user_id: int, amount: int, now: datetime) -> State:
    """The user's subscription as of `now`, able to take so many credits more."""
    # Credits can be given also to a subscription whose reset is set aside.
    with suppress(SetAside):
        resets.reset_user(session, user_id=user_id, now=now)
    expire_of_user(session, user_id=user_id, now=now)
    before = of_user(session, user_id)
    if before is None:
        raise NoActiveSubscription(user_id)
    room = MAX_BONUS - before.bonus.remaining - before.bonus.held
    if amount > room:
        raise InvalidAmount(amount, room)
    return before


def sources(session: Session, state: State, *, now: datetime) -> list[Source]:
    """Where the subscription's credits come from: its allowance, and each live grant."""
    rows = session.execute(
        select(GRANTS.c.id, GRANTS.c.credits_remaining, GRANTS.c.expires_at).where(
            GRANTS.c.user_id == state.user_id,
            GRANTS.c.credits_remaining > 0,
            or_(GRANTS.c.expires_at.is_(None), GRANTS.c.expires_at > now),
        )
    )
    allowance = Source(None, state.balance.available, state.next_reset)
    return [allowance, *(Source(row.id, row.credits_remaining, row.expires_at) for row in rows)]


def expire_of_user(session: Session, *, user_id: int, now: datetime) -> int:
    """End the user's grants whose time is over. How many credits expired."""
    before = of_user(session, user_id)
    if before is None or before.bonus.expires_at is None or before.bonus.expires_at > now:
        return 0
    rows = session.execute(
        select(GRANTS.c.id, GRANTS.c.credits_remaining).where(
            GRANTS.c.user_id == user_id,
            GRANTS.c.credits_remaining > 0,
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


def expire_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End the grants of up to `limit` users whose time is over. How many credits expired."""
    due = session.scalars(
        select(UserSubscription.user_id)
        .where(UserSubscription.is_active, UserSubscription.bonus_expires_at <= now)
        .order_by(UserSubscription.user_id)
        .limit(limit)
    ).all()
    return sum(expire_of_user(session, user_id=user_id, now=now) for user_id in due)


def change(session: Session, grant_id: int, **by: int) -> None:
    """Move credits between the columns of a grant: `remaining`, `held`, `used`, `expired`."""
    columns = {
        f"credits_{name}": GRANTS.c[f"credits_{name}"] + amount for name, amount in by.items()
    }
    changed = session.execute(update(GRANTS).where(GRANTS.c.id == grant_id).values(columns))
    if changed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise GrantNotFound(grant_id)


def give_back(session: Session, parts: list[Part], *, now: datetime) -> tuple[int, int]:
    """Return held credits to their grants; how many can be spent again, and how many expired."""
    returned = expired = 0
    for part in parts:
        expires_at = session.execute(
            select(GRANTS.c.expires_at).where(GRANTS.c.id == part.grant_id)
        ).scalar_one()
        grant_id = part.grant_id or 0
        if expires_at is not None and expires_at <= now:
            change(session, grant_id, held=-part.credits, expired=part.credits)
            expired += part.credits
        else:
            change(session, grant_id, held=-part.credits, remaining=part.credits)
            returned += part.credits
    return returned, expired


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
        ).where(GRANTS.c.user_id == user_id, GRANTS.c.credits_remaining > 0)
    ).one()
    if row.remaining != moved.remaining:
        raise ChangedMeanwhile(user_id)
    return replace(moved, expires_at=row.expires_at)


def _facts(grant: CreditGrant) -> dict[str, Any]:
    return {
        "grant": grant.id,
        "kind": grant.kind,
        "reason": grant.reason,
        "by": grant.granted_by_id,
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
    }


def _check(kind: str, reason: str, expires_at: datetime | None, now: datetime) -> None:
    if kind not in KINDS:
        raise InvalidGrant(f"{kind!r} is not a kind of grant: take one of {', '.join(KINDS)}.")
    if not reason.strip():
        raise InvalidGrant("A grant needs a reason: the person will read it.")
    if expires_at is not None and expires_at <= now:
        raise InvalidGrant(f"The grant would expire at {expires_at.isoformat()}: that has passed.")
