"""How holds end: what is charged, what comes back, and the row that says so. Below the verbs.

A hold whose time is over can't be settled or released any more: from the instant of its expiry it
counts as expired, whether its end has been written or not. Whoever brings a subscription up to the
present writes it (`end_expired_of_user`); whoever only looks takes it as written (`freed`).

Holds are locked before their subscription, everywhere.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, resets
from sketchmaker.credits.rows import ledger, state
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.balance import Part, split
from sketchmaker.credits.rules.errors import HoldNotFound, ResetSuspended
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.new_cycle import still_holds_allowance
from sketchmaker.credits.tables import GRANTS, HOLDS, IS_PENDING, SUBSCRIPTIONS, HoldState

EXPIRED = "The work was not finished in time."

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Freed:
    """What a subscription's expired holds hold, though their end has not been written yet.

    Credits of the present cycle's allowance, credits of grants, and those of the latter that can
    be spent again.
    """

    of_allowance: int = 0
    of_bonus: int = 0
    back_to_bonus: int = 0

    def taken_from(self, found: State) -> State:
        """The subscription without these holds. What it has of grants is left as it was."""
        balance = replace(found.balance, held=found.balance.held - self.of_allowance)
        bonus = replace(found.bonus, held=found.bonus.held - self.of_bonus)
        return replace(found, balance=balance, bonus=bonus)


@in_utc
def end_expired_of_user(session: Session, user_id: int, *, now: datetime) -> int:
    """End the user's holds whose time is over. Return how many there were.

    Those that another transaction has locked are left to it.
    """
    overdue = overdue_holds(now).where(HOLDS.c.user_id == user_id)
    holds = session.execute(overdue.with_for_update(skip_locked=True)).all()
    return expire_all(session, sorted(holds, key=lambda hold: (hold.expires_at, hold.id)), now)


@in_utc
def end_expired(session: Session, *, now: datetime, limit: int) -> int:
    """As `end_expired_of_user`, for up to `limit` holds of anybody, the longest overdue first."""
    overdue = overdue_holds(now).order_by(HOLDS.c.expires_at, HOLDS.c.id).limit(limit)
    holds = session.execute(overdue.with_for_update(skip_locked=True)).all()
    # Subscription by subscription: two housekeepers that lock them in one order never wait for
    # each other in a circle.
    in_order = sorted(holds, key=lambda hold: (hold.subscription_id, hold.expires_at, hold.id))
    return expire_all(session, in_order, now)


@in_utc
def has_expired(session: Session, user_id: int, *, now: datetime) -> bool:
    """Has the user a hold whose time is over, and whose end has not been written?"""
    overdue = overdue_holds(now).where(HOLDS.c.user_id == user_id)
    return bool(session.scalar(select(overdue.exists())))


def close(
    session: Session, hold_id: int, ended: HoldState, settled: int, now: datetime
) -> AnyRow | None:
    """End the pending hold by compare-and-set: of two that race, one gets the row.

    None when it has ended, its time is over, or it holds less than is to be settled.
    """
    in_time = HOLDS.c.expires_at <= now if ended == HoldState.EXPIRED else HOLDS.c.expires_at > now
    return session.execute(
        update(HOLDS)
        .where(HOLDS.c.id == hold_id, IS_PENDING, in_time, HOLDS.c.credits_held >= settled)
        .values(state=ended, credits_settled=settled, ended_at=now)
        .returning(*HOLDS.c)
    ).first()


@in_utc
def record(
    session: Session,
    hold: AnyRow,
    before: State,
    *,
    now: datetime,
    reason: str | None = None,
    words: dict[str, Any] | None = None,
) -> tuple[State, int]:
    """Write what the end of a closed hold makes of its subscription, with the ledger row.

    `words` are what its caller says of the end, added to what was said when it was placed.

    Returns the subscription without the hold, and how many held credits lapsed for good.
    """
    used, back = split(_parts_of(hold), hold.credits_settled)
    after, lapsed = after_end(session, hold, before, (used, back), now)
    taken = [[part.grant_id, part.credits] for part in used if part.grant_id is not None]
    facts = {
        **({"reason": reason} if reason is not None else {}),
        **({"grants": taken} if taken else {}),
        **({"lapsed": lapsed} if lapsed else {}),
        "held": hold.credits_held,
        "outcome": str(hold.state),
    }
    state.move(
        session,
        before,
        after,
        hold_id=hold.id,
        action=hold.action,
        credits_used=hold.credits_settled,
        cycle=hold.cycle,
        now=now,
        details=ledger.with_callers_words(facts, {**hold.details, **(words or {})}),
    )
    return after, lapsed


@in_utc
def freed(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> dict[int, Freed]:
    """What expired holds would give back by now, for those subscriptions that have any."""
    of_these = HOLDS.c.subscription_id.in_(subscription_ids)
    holds = session.execute(
        overdue_holds(now)
        .add_columns(SUBSCRIPTIONS.c.cycle.label("present_cycle"))
        .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == HOLDS.c.subscription_id)
        .where(of_these)
    ).all()
    alive = _alive(session, holds, now)
    by_subscription: dict[int, list[AnyRow]] = {}
    for hold in holds:
        by_subscription.setdefault(hold.subscription_id, []).append(hold)
    return {number: _freed(of_one, alive) for number, of_one in by_subscription.items()}


def overdue_holds(now: datetime) -> Select[*tuple[Any, ...]]:
    """The pending holds whose instant has come."""
    return select(HOLDS).where(IS_PENDING, HOLDS.c.expires_at <= now)


def expire_all(session: Session, holds: Iterable[AnyRow], now: datetime) -> int:
    """Close those that are still pending and give back what they held; gives their number."""
    closed = [close(session, hold.id, HoldState.EXPIRED, 0, now) for hold in holds]
    ended = [hold for hold in closed if hold is not None]
    for hold in ended:
        record(session, hold, _as_of_expiry(session, hold, now), now=now, reason=EXPIRED)
    return len(ended)


def _as_of_expiry(session: Session, hold: AnyRow, now: datetime) -> State:
    """The hold's subscription, in the cycle in which the hold expired; locked."""
    found = of_hold(session, hold)
    if not found.is_active or found.next_reset > hold.expires_at:
        return found
    with suppress(ResetSuspended):
        resets.reset_subscription(session, subscription_id=found.id, now=now)
    return of_hold(session, hold)


def of_hold(session: Session, hold: AnyRow) -> State:
    """The hold's subscription, locked."""
    found = state.of_subscription(session, hold.subscription_id)
    if found is None:  # the hold's foreign key makes it impossible
        raise HoldNotFound(hold.id)
    return found


def after_end(
    session: Session,
    hold: AnyRow,
    before: State,
    parts: tuple[list[Part], list[Part]],
    now: datetime,
) -> tuple[State, int]:
    """The subscription without the hold, and how many held credits lapsed for good."""
    used, back = parts
    same_cycle = still_holds_allowance(hold.cycle, before.cycle)
    balance, lapsed = before.balance, _of_allowance(back)
    if same_cycle:
        balance = replace(
            balance,
            held=balance.held - _of_allowance(used) - _of_allowance(back),
            used=balance.used + _of_allowance(used),
        )
        lapsed -= balance.available - before.balance.available
    bonus = before.bonus
    used_grants, back_grants = _of_grants(used), _of_grants(back)
    if used_grants or back_grants:
        for part in used_grants:
            grants.change(session, part.grant_id or 0, held=-part.credits, used=part.credits)
        spent = sum(part.credits for part in used_grants)
        back_to = grants.give_back(session, back_grants, now=now)
        moved = {
            "held": -spent - back_to.total(),
            "remaining": back_to["remaining"],
            "used": spent if same_cycle else 0,
        }
        bonus = grants.resummed(session, bonus, before.user_id, **moved)
        lapsed += back_to.total() - back_to["remaining"]
    return replace(before, balance=balance, bonus=bonus), lapsed


def _alive(session: Session, holds: Iterable[AnyRow], now: datetime) -> set[int]:
    """Which of the grants that the holds name can still be spent."""
    named = {part.grant_id for hold in holds for part in _of_grants(_parts_of(hold))}
    if not named:
        return set()
    is_alive = grants.is_alive(now)
    return set(session.scalars(select(GRANTS.c.id).where(GRANTS.c.id.in_(named), is_alive)))


def _freed(holds: Iterable[AnyRow], alive: set[int]) -> Freed:
    of_allowance = of_bonus = back = 0
    for hold in holds:
        parts = _parts_of(hold)
        if still_holds_allowance(hold.cycle, hold.present_cycle):
            of_allowance += _of_allowance(parts)
        for part in _of_grants(parts):
            of_bonus += part.credits
            back += part.credits if part.grant_id in alive else 0
    return Freed(of_allowance, of_bonus, back)


def _parts_of(hold: AnyRow) -> list[Part]:
    if hold.parts is None:
        return [Part(None, hold.credits_held)]
    return [Part(grant_id, credits) for grant_id, credits in hold.parts]


def _of_allowance(parts: list[Part]) -> int:
    return sum(part.credits for part in parts if part.grant_id is None)


def _of_grants(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part.grant_id is not None]
