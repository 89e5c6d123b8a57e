"""Holds: deducted on success, and yet never overspent.

Credits are set aside before the work, in a committed transaction; then the work is done, outside of
any; then the hold is settled for what was really delivered, or released. A hold that nobody ends
expires, so a crash strands nothing.

A hold belongs to the cycle it was placed in. Ended after a reset, it neither costs the new cycle
anything nor gives it anything; held bonus credits go back to their grant.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import grant_rows, present, state
from sketchmaker.credits.amounts import checked_action, checked_amount
from sketchmaker.credits.balance import Part, split
from sketchmaker.credits.charges import bonus_facts
from sketchmaker.credits.errors import HoldNotFound, HoldNotPending, InvalidAmount
from sketchmaker.credits.spending import Taken, take
from sketchmaker.credits.state import State
from sketchmaker.credits.tables import HOLDS, IS_PENDING, HoldState

DEFAULT_LIFETIME = timedelta(hours=1)


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
    """Set credits of the user's present cycle aside for `action`.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        ReservedAction: the engine uses that name itself.
        InsufficientCredits: fewer are available; nothing was set aside.
        NoActiveSubscription: the user has no plan.
        SetAside: the reset that is due failed before, or was parked.
    """
    amount = checked_amount(credits)
    taken = take(session, user_id=user_id, credits=amount, purpose="held", now=now)
    expires_at = now + lifetime
    hold_id = session.execute(
        insert(HOLDS)
        .values(
            user_id=user_id,
            subscription_id=taken.subscription_id,
            cycle=taken.cycle,
            action=checked_action(action),
            credits_held=amount,
            credits_settled=0,
            parts=_written(taken),
            state=HoldState.PENDING,
            details=details or {},
            created_at=now,
            expires_at=expires_at,
        )
        .returning(HOLDS.c.id)
    ).scalar_one()
    return Hold(hold_id, amount, taken.cycle, expires_at, taken.available)


def settle(
    session: Session,
    *,
    hold_id: int,
    credits: int,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> HoldEnd:
    """Charge what was delivered, 1 to all of the held credits, and give the rest back.

    Raises:
        InvalidAmount: not a whole number from 1 to what is held.
        HoldNotPending: the hold has ended already; nothing was charged.
        HoldNotFound: no such hold.
    """
    amount = checked_amount(credits)
    return _end(session, hold_id, HoldState.SETTLED, settled=amount, now=now, facts=details or {})


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
        HoldNotPending: the hold has ended already.
        HoldNotFound: no such hold.
    """
    facts = {**(details or {}), "reason": reason}
    return _end(session, hold_id, HoldState.RELEASED, settled=0, now=now, facts=facts)


def extend(session: Session, *, hold_id: int, until: datetime) -> None:
    """Let a pending hold live longer: work that is still going on must not lose it.

    A time earlier than the present expiry changes nothing.

    Raises:
        HoldNotPending: the hold has ended already.
        HoldNotFound: no such hold.
    """
    extended = session.execute(
        update(HOLDS)
        .where(HOLDS.c.id == hold_id, IS_PENDING, HOLDS.c.expires_at < until)
        .values(expires_at=until)
    )
    if extended.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE has one
        _must_be_pending(session, hold_id)


def release_expired(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End up to `limit` holds whose time is over. How many there were."""
    overdue = session.execute(
        select(HOLDS.c.subscription_id, HOLDS.c.id)
        .where(IS_PENDING, HOLDS.c.expires_at <= now)
        .order_by(HOLDS.c.expires_at, HOLDS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    # Subscription by subscription: two housekeepers that lock them in one order never wait for
    # each other in a circle.
    for _, hold_id in sorted(tuple(row) for row in overdue):
        facts = {"reason": "The work was not finished in time."}
        _end(session, hold_id, HoldState.EXPIRED, settled=0, now=now, facts=facts)
    return len(overdue)


def _end(
    session: Session,
    hold_id: int,
    ended: HoldState,
    *,
    settled: int,
    now: datetime,
    facts: dict[str, Any],
) -> HoldEnd:
    hold = _close(session, hold_id, ended, settled, now)
    used, back = split(_parts_of(hold), settled)
    found = state.of_subscription(session, hold.subscription_id)
    if found is None:  # the hold's foreign key makes it impossible
        raise HoldNotFound(hold_id)
    before = present.as_far_as_possible(session, found, now=now)
    after, lapsed = _after_end(session, hold, before, (used, back), now)
    lapsed_facts = {"lapsed": lapsed} if lapsed else {}
    state.move(
        session,
        before,
        after,
        hold_id=hold_id,
        action=hold.action,
        credits_used=settled,
        cycle=hold.cycle,
        now=now,
        details={
            **hold.details,
            **facts,
            **bonus_facts(tuple(used)),
            **lapsed_facts,
            "held": hold.credits_held,
            "outcome": str(ended),
        },
    )
    returned = hold.credits_held - settled - lapsed
    return HoldEnd(settled=settled, returned=returned, available=after.available)


def _after_end(
    session: Session,
    hold: Row[*tuple[Any, ...]],
    before: State,
    parts: tuple[list[Part], list[Part]],
    now: datetime,
) -> tuple[State, int]:
    """The subscription without the hold, and how many held credits lapsed for good."""
    used, back = parts
    same_cycle = before.cycle == hold.cycle
    balance, lapsed = before.balance, _of_allowance(back)
    if same_cycle:
        balance = replace(
            balance,
            held=balance.held - _of_allowance(used) - _of_allowance(back),
            used=balance.used + _of_allowance(used),
        )
        lapsed -= balance.available - before.balance.available
    bonus = before.bonus
    used_grants = [part for part in used if part.grant_id is not None]
    back_grants = [part for part in back if part.grant_id is not None]
    if used_grants or back_grants:
        for part in used_grants:
            grant_rows.change(session, part.grant_id or 0, held=-part.credits, used=part.credits)
        spent = sum(part.credits for part in used_grants)
        back_to = grant_rows.give_back(session, back_grants, now=now)
        moved = {
            "held": -spent - back_to.total(),
            "remaining": back_to["remaining"],
            "used": spent if same_cycle else 0,
        }
        bonus = grant_rows.resummed(session, bonus, before.user_id, **moved)
        lapsed += back_to.total() - back_to["remaining"]
    return replace(before, balance=balance, bonus=bonus), lapsed


def _close(
    session: Session, hold_id: int, ended: HoldState, settled: int, now: datetime
) -> Row[*tuple[Any, ...]]:
    """End the pending hold by compare-and-set: of two that race, one gets the row."""
    hold = session.execute(
        update(HOLDS)
        .where(HOLDS.c.id == hold_id, IS_PENDING, HOLDS.c.credits_held >= settled)
        .values(state=ended, credits_settled=settled, ended_at=now)
        .returning(*HOLDS.c)
    ).first()
    if hold is None:
        held = _must_be_pending(session, hold_id)
        raise InvalidAmount(settled, held)
    return hold


def _must_be_pending(session: Session, hold_id: int) -> int:
    """How many credits the pending hold holds."""
    row = session.execute(
        select(HOLDS.c.state, HOLDS.c.credits_held).where(HOLDS.c.id == hold_id)
    ).first()
    if row is None:
        raise HoldNotFound(hold_id)
    if row.state != HoldState.PENDING:
        raise HoldNotPending(hold_id, row.state)
    return int(row.credits_held)


def _written(taken: Taken) -> list[list[int | None]] | None:
    if not taken.bonus:
        return None
    return [[part.grant_id, part.credits] for part in taken.parts]


def _parts_of(hold: Row[*tuple[Any, ...]]) -> list[Part]:
    if hold.parts is None:
        return [Part(None, hold.credits_held)]
    return [Part(grant_id, credits) for grant_id, credits in hold.parts]


def _of_allowance(parts: list[Part]) -> int:
    return sum(part.credits for part in parts if part.grant_id is None)
