"""Spending is one guarded statement: never read, decide, write.

The statement takes the credits only if the allowance covers them, nothing burns before it, no hold
of the user's has expired, the subscription is active and its cycle is the present one. Fifty
requests for the last credit are fifty such statements; the database lets one through. It guards the
same on SQLite and PostgreSQL, where `SELECT ... FOR UPDATE` does not.

When it matches nothing, the slow way finds out why, under the row's lock: a reset is due, a hold
has expired, a grant burns first or has to help out, or there is not enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    Exists,
    Update,
    bindparam,
    exists,
    literal_column,
    or_,
    update,
)
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, hold_ends, present
from sketchmaker.credits.grants import Purpose
from sketchmaker.credits.rows import plans, state
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.balance import Part, allocate
from sketchmaker.credits.rules.errors import ChangedMeanwhile, InsufficientCredits
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import HOLDS, IS_ACTIVE, IS_PENDING, SUBSCRIPTIONS

_COLUMN = {"held": "credits_held", "used": "credits_used_this_month"}


@dataclass(frozen=True, slots=True)
class Taken:
    """Credits left the available ones of this subscription, in this cycle, from these sources."""

    subscription_id: int
    cycle: int
    available: int
    parts: tuple[Part, ...]

    @property
    def bonus(self) -> int:
        """How many of them were grants' credits."""
        return sum(part.credits for part in self.parts if part.grant_id is not None)


def guarded(purpose: Purpose) -> Update:
    """The one statement. Parameters: `which_user`, `amount`, `at`."""
    amount: BindParameter[int] = bindparam("amount")
    column = SUBSCRIPTIONS.c[_COLUMN[purpose]]
    return (
        update(SUBSCRIPTIONS)
        .where(
            SUBSCRIPTIONS.c.user_id == bindparam("which_user"),
            IS_ACTIVE,
            SUBSCRIPTIONS.c.next_credit_reset > bindparam("at"),
            SUBSCRIPTIONS.c.credits_remaining - SUBSCRIPTIONS.c.bonus_remaining >= amount,
            or_(
                SUBSCRIPTIONS.c.bonus_expires_at.is_(None),
                SUBSCRIPTIONS.c.bonus_expires_at > SUBSCRIPTIONS.c.next_credit_reset,
            ),
            or_(SUBSCRIPTIONS.c.credits_held == literal_column("0"), ~_has_expired_holds()),
        )
        .values(
            {
                SUBSCRIPTIONS.c.credits_remaining: SUBSCRIPTIONS.c.credits_remaining - amount,
                column: column + amount,
            }
        )
    )


def _has_expired_holds() -> Exists:
    return (
        exists()
        .where(
            HOLDS.c.user_id == SUBSCRIPTIONS.c.user_id,
            IS_PENDING,
            HOLDS.c.expires_at <= bindparam("at"),
        )
        .correlate(SUBSCRIPTIONS)
    )


@in_utc
def take(session: Session, *, user_id: int, credits: int, purpose: Purpose, now: datetime) -> Taken:
    """Move credits of the user's present cycle from available to `purpose`.

    A subscription found due is reset first, in the same transaction: lazy equals eager.

    Raises:
        InsufficientCredits: fewer are available; nothing was taken.
        NoActiveSubscription: the user has no plan.
        ResetSuspended: the reset that is due is suspended.
    """
    row = session.execute(
        _GUARDED[purpose], {"which_user": user_id, "amount": credits, "at": now}
    ).first()
    if row is not None:
        return Taken(row.id, row.cycle, row.credits_remaining, (Part(None, credits),))
    return take_slowly(session, user_id=user_id, credits=credits, purpose=purpose, now=now)


@in_utc
def take_slowly(
    session: Session, *, user_id: int, credits: int, purpose: Purpose, now: datetime
) -> Taken:
    """As `take`, when the one statement has matched nothing.

    Raises:
        InsufficientCredits, NoActiveSubscription, ResetSuspended: as `take`.
    """
    before = present.of_user(session, user_id, now=now)
    sources = grants.sources(session, before, now=now)
    parts = allocate(sources, credits)
    if parts is None:
        if hold_ends.has_expired(session, user_id, now=now):  # another transaction is ending it
            raise ChangedMeanwhile(before.id)
        raise InsufficientCredits(
            required=credits,
            available=before.available,
            next_reset=before.next_reset,
            plan_display_name=plans.display_name_of(session, before.plan_id),
        )
    after = _moved(session, before, parts, purpose)
    state.write(session, before, after)
    return Taken(before.id, before.cycle, after.available, tuple(parts))


def _moved(session: Session, before: State, parts: Sequence[Part], purpose: Purpose) -> State:
    from_allowance = sum(part.credits for part in parts if part.grant_id is None)
    from_grants = 0
    for part in parts:
        if part.grant_id is not None:
            grants.change(
                session, part.grant_id, remaining=-part.credits, **{purpose: part.credits}
            )
            from_grants += part.credits
    spent = getattr(before.balance, purpose) + from_allowance
    bonus = before.bonus
    if from_grants:
        moved = {"remaining": -from_grants, purpose: from_grants}
        bonus = grants.resummed(session, bonus, before.user_id, **moved)
    return replace(before, balance=replace(before.balance, **{purpose: spent}), bonus=bonus)


def guarded_returning(purpose: Purpose) -> Update:
    """The one statement, giving back the subscription's number, cycle and balance."""
    return guarded(purpose).returning(
        SUBSCRIPTIONS.c.id, SUBSCRIPTIONS.c.cycle, SUBSCRIPTIONS.c.credits_remaining
    )


# Built once: SQLAlchemy recognises the object and skips compiling it again.
_GUARDED: dict[Purpose, Update] = {
    "held": guarded_returning("held"),
    "used": guarded_returning("used"),
}
