"""Holds: deducted on success, and yet never overspent.

Credits are set aside before the work, in a committed transaction; then the work is done, outside of
any; then the hold is settled for what was really delivered, or released. A hold that nobody ends
expires, so a crash strands nothing: from that instant on it can be neither settled nor released.

A hold belongs to the cycle it was placed in. Ended after a reset, it neither costs the new cycle
anything nor gives it anything; held bonus credits go back to their grant.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import hold_ends, present
from sketchmaker.credits.rules.amounts import (
    checked_action,
    checked_amount,
    checked_details,
    checked_sentence,
)
from sketchmaker.credits.rules.errors import (
    HoldNotFound,
    HoldNotPending,
    InvalidAmount,
    InvalidLifetime,
)
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending.guarded import Taken, take
from sketchmaker.credits.tables import HOLDS, IS_PENDING, HoldState

DEFAULT_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = timedelta(days=7)
"""Work that takes longer prolongs its hold on the way: see `extend`."""

NOTHING_DELIVERED = "Nothing was delivered."


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside, until when, and what was available afterwards.

    `replayed` says that it was placed before, under the same key.
    """

    id: int
    credits: int
    cycle: int
    expires_at: datetime
    available: int
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class HoldEnd:
    """How a hold ended: credits charged, credits returned, and what was available afterwards.

    `replayed` says that it ended before, under the same key.
    """

    settled: int
    returned: int
    available: int
    replayed: bool = field(default=False, compare=False)


@in_utc
def place(
    session: Session,
    *,
    user_id: int,
    credits: int,
    action: str,
    now: datetime,
    lifetime: timedelta = DEFAULT_LIFETIME,
    details: dict[str, Any] | None = None,
) -> Hold:
    """Set credits of the user's present cycle aside for `action`, for at most seven days.

    Raises:
        InvalidLifetime: not more than nothing, or longer than `LONGEST_LIFETIME`.
        InvalidAmount, ReservedAction, InvalidAction, InvalidDetails: as `amounts` checks them.
        InsufficientCredits: fewer are available; nothing was set aside.
        NoActiveSubscription: the user has no plan.
        ResetSuspended: the reset that is due is suspended.
    """
    amount, expires_at = checked_amount(credits), now + checked_lifetime(lifetime)
    named, words = checked_action(action), checked_details(details)
    taken = take(session, user_id=user_id, credits=amount, purpose="held", now=now)
    hold_id = session.execute(
        insert(HOLDS)
        .values(
            user_id=user_id,
            subscription_id=taken.subscription_id,
            cycle=taken.cycle,
            action=named,
            credits_held=amount,
            credits_settled=0,
            parts=kept_parts(taken),
            state=HoldState.PENDING,
            details=words,
            created_at=now,
            expires_at=expires_at,
        )
        .returning(HOLDS.c.id)
    ).scalar_one()
    return Hold(hold_id, amount, taken.cycle, expires_at, taken.available)


@in_utc
def settle(
    session: Session,
    *,
    hold_id: int,
    credits: int,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> HoldEnd:
    """Charge what was delivered, 0 to all of the held credits, and give the rest back.

    Nothing delivered is a release.

    Raises:
        InvalidAmount: not a whole number from 0 to what is held.
        InvalidDetails: as `amounts.checked_details`.
        HoldNotPending: it has ended already, or its time is over; nothing was charged.
        HoldNotFound: no such hold.
    """
    if credits == 0 and type(credits) is int:
        return release(session, hold_id=hold_id, reason=NOTHING_DELIVERED, now=now, details=details)
    amount = checked_amount(credits)
    return _end(session, hold_id, HoldState.SETTLED, settled=amount, now=now, words=details)


@in_utc
def release(
    session: Session,
    *,
    hold_id: int,
    reason: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> HoldEnd:
    """Give all held credits back; `reason` is a sentence for the person.

    Raises:
        InvalidReason, InvalidDetails: as `amounts` checks them.
        HoldNotPending: it has ended already, or its time is over.
        HoldNotFound: no such hold.
    """
    why = checked_sentence(reason)
    return _end(session, hold_id, HoldState.RELEASED, settled=0, now=now, reason=why, words=details)


@in_utc
def extend(session: Session, *, hold_id: int, until: datetime, now: datetime) -> None:
    """Let a pending hold live longer: work that is still going on must not lose it.

    A time earlier than the present expiry changes nothing.

    Raises:
        InvalidLifetime: more than `LONGEST_LIFETIME` from now.
        HoldNotPending: the hold has ended already, or its time is over.
        HoldNotFound: no such hold.
    """
    if until > now:
        checked_lifetime(until - now)
    extended = session.execute(
        update(HOLDS)
        .where(
            HOLDS.c.id == hold_id,
            IS_PENDING,
            HOLDS.c.expires_at > now,
            HOLDS.c.expires_at < until,
        )
        .values(expires_at=until)
    )
    if extended.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE has one
        _must_be_pending(session, hold_id, now)


@in_utc
def release_expired(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Write the end of up to `limit` holds whose time is over. Return how many there were."""
    return hold_ends.end_expired(session, now=now, limit=limit)


def _end(
    session: Session,
    hold_id: int,
    ended: HoldState,
    *,
    settled: int,
    now: datetime,
    reason: str | None = None,
    words: dict[str, Any] | None,
) -> HoldEnd:
    said = checked_details(words)
    hold = hold_ends.close(session, hold_id, ended, settled, now)
    if hold is None:
        raise InvalidAmount(settled, _must_be_pending(session, hold_id, now))
    before = present.best_effort(session, hold_ends.of_hold(session, hold), now=now)
    after, lapsed = hold_ends.record(session, hold, before, now=now, reason=reason, words=said)
    returned = hold.credits_held - settled - lapsed
    return HoldEnd(settled=settled, returned=returned, available=after.available)


def checked_lifetime(lifetime: object) -> timedelta:
    """Give back for how long a hold may live.

    Raises:
        InvalidLifetime: not more than nothing, or longer than `LONGEST_LIFETIME`.
    """
    if not isinstance(lifetime, timedelta) or not timedelta() < lifetime <= LONGEST_LIFETIME:
        raise InvalidLifetime(lifetime, LONGEST_LIFETIME)
    return lifetime


def _must_be_pending(session: Session, hold_id: int, now: datetime) -> int:
    """How many credits the pending hold holds.

    Raises:
        HoldNotFound; HoldNotPending: it has ended, or its time is over.
    """
    row = session.execute(
        select(HOLDS.c.state, HOLDS.c.credits_held, HOLDS.c.expires_at).where(HOLDS.c.id == hold_id)
    ).first()
    if row is None:
        raise HoldNotFound(hold_id)
    if row.state != HoldState.PENDING:
        raise HoldNotPending(hold_id, row.state)
    if row.expires_at <= now:
        raise HoldNotPending(hold_id, HoldState.EXPIRED)
    return int(row.credits_held)


def kept_parts(taken: Taken) -> list[list[int | None]] | None:
    """The sources of a hold as its row keeps them; None when all came from the allowance."""
    if not taken.bonus:
        return None
    return [[part.grant_id, part.credits] for part in taken.parts]
