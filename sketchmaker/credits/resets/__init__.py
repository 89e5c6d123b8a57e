"""Resets: every boundary that passed gets exactly one row, and the cycle its allowance.

One function applies them, for the scheduler, the catch-up and a charge that finds its subscription
due. Any number of processes may race: a claim locks its rows, the update compares the date it
expects, and the ledger refuses a second row for the same cycle.

`mass_resets` does the same for the plain case, many rows in one statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    exists,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.resets import guard, mass_claims, mass_resets, writing
from sketchmaker.credits.resets.reset_plan import BatchDone, PlannedReset, ResetDone
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import state_of
from sketchmaker.credits.rules.errors import ResetSuspended
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import IS_ACTIVE, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import SUSPENDED

DEFAULT_BATCH = 1000
"""Rows a transaction. More would make a charge of the same subscriptions wait noticeably."""


@in_utc
def reset_due(session: Session, *, now: datetime, limit: int = DEFAULT_BATCH) -> BatchDone:
    """Claim up to `limit` due subscriptions, longest overdue first, and reset them.

    Rows that another process has claimed are passed over, so several may work side by side.
    Suspended ones are left alone.

    Raises:
        ResetConflict: a claimed row changed all the same; nothing of this batch may be committed.
    """
    claim = _due_ids(now, limit).with_for_update(of=SUBSCRIPTIONS, skip_locked=True)
    return reset_these(session, session.scalars(claim).all(), now=now)


@in_utc
def reset_these(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> BatchDone:
    """As `reset_due`, for those of these subscriptions that are due.

    Raises:
        ResetConflict: as `reset_due`.
    """
    if not subscription_ids:
        return BatchDone(0, [])
    plain = mass_resets.reset_plain(session, subscription_ids, now=now)
    if plain.count == len(subscription_ids):
        return plain.with_([])
    # These take much longer each: so few at once that nobody waits long for a claimed row.
    others = due(now).where(mass_claims.is_among(session, subscription_ids)).limit(DEFAULT_BATCH)
    claim = others.order_by(SUBSCRIPTIONS.c.next_credit_reset, SUBSCRIPTIONS.c.id)
    return plain.with_(
        _apply(session, claim.with_for_update(of=SUBSCRIPTIONS, skip_locked=True), now)
    )


@in_utc
def reset_subscription(
    session: Session, *, subscription_id: int, now: datetime
) -> ResetDone | None:
    """Reset this subscription if it is due; None when it is not (or another process just did).

    Raises:
        ResetConflict: as `reset_due`.
        ResetSuspended: it is due, and suspended.
    """
    return _reset_one(session, SUBSCRIPTIONS.c.id == subscription_id, now)


@in_utc
def reset_user(session: Session, *, user_id: int, now: datetime) -> ResetDone | None:
    """As `reset_subscription`, for the active subscription of a user."""
    return _reset_one(session, SUBSCRIPTIONS.c.user_id == user_id, now)


@in_utc
def next_due_at(session: Session, *, now: datetime) -> datetime | None:
    """When the next subscription resets that is not due yet; None when there is none."""
    return session.scalar(
        select(SUBSCRIPTIONS.c.next_credit_reset)
        .where(IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset > now, not_suspended(now))
        .order_by(SUBSCRIPTIONS.c.next_credit_reset)
        .limit(1)
    )


@in_utc
def due_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """The numbers of up to `limit` due subscriptions, longest overdue first."""
    return list(session.scalars(_due_ids(now, limit)))


def _due_ids(now: datetime, limit: int) -> Select[int]:
    return (
        select(SUBSCRIPTIONS.c.id)
        .where(IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset <= now, not_suspended(now))
        .order_by(SUBSCRIPTIONS.c.next_credit_reset, SUBSCRIPTIONS.c.id)
        # Written out: of a parameter the planner does not know how few rows it means.
        .limit(literal_column(str(int(limit))))
    )


def not_suspended(now: datetime) -> ColumnElement[bool]:
    """Rows that a reset may touch: never failed, or to be tried again by now."""
    return ~exists().where(SUSPENDED.c.subscription_id == SUBSCRIPTIONS.c.id, _waits(now))


def suspended_because(now: datetime) -> ScalarSelect[str]:
    """Why a reset must not touch the row, as a cause of `guard`; NULL when it may."""
    is_its = SUSPENDED.c.subscription_id == SUBSCRIPTIONS.c.id
    return select(SUSPENDED.c.cause).where(is_its, _waits(now)).scalar_subquery()


def _waits(now: datetime) -> ColumnElement[bool]:
    return or_(SUSPENDED.c.retry_at.is_(None), SUSPENDED.c.retry_at > now)


def due(now: datetime) -> Select[*tuple[Any, ...]]:
    """Due subscriptions, but for suspended ones."""
    return (
        select(SUBSCRIPTIONS, SUSPENDED.c.failures)
        .outerjoin(SUSPENDED, SUSPENDED.c.subscription_id == SUBSCRIPTIONS.c.id)
        .where(
            IS_ACTIVE,
            SUBSCRIPTIONS.c.next_credit_reset <= now,
            or_(SUSPENDED.c.subscription_id.is_(None), SUSPENDED.c.retry_at <= now),
        )
    )


def apply_to(session: Session, rows: list[Row[*tuple[Any, ...]]], now: datetime) -> list[ResetDone]:
    """Reset claimed rows of `due`, each as it needs.

    Raises:
        ResetConflict: as `reset_due`.
    """
    if not rows:
        return []
    given = Plans.read(session, [row.id for row in rows]).after_reset
    planned = [PlannedReset(state_of(row), given, now) for row in rows]
    writing.write_resets(session, planned, now=now)
    for row in rows:
        if row.failures:
            guard.forget_failures(session, subscription_id=row.id)
    unusual = [reset.before.id for reset in planned if reset.is_unusual()]
    runaways = guard.watch(session, unusual, now=now)
    return [reset.done(was_suspended=reset.before.id in runaways) for reset in planned]


def _reset_one(session: Session, which: ColumnElement[bool], now: datetime) -> ResetDone | None:
    # Locked by itself, before it is joined with its plan: after a wait PostgreSQL asks the row
    # again, but not the plan, and one whose plan had been changed would seem not to be due.
    locked = select(SUBSCRIPTIONS.c.id, SUBSCRIPTIONS.c.next_credit_reset).where(which, IS_ACTIVE)
    row = session.execute(locked.with_for_update()).first()
    if row is None or row.next_credit_reset > now:
        return None
    itself = SUBSCRIPTIONS.c.id == row.id
    done = _apply(session, due(now).where(itself), now)
    if not done:
        refuse_suspended(session, itself, now)
    return done[0] if done else None


def refuse_suspended(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    """Make sure that no reset which is due is suspended.

    Raises:
        ResetSuspended: it has.
    """
    row = session.execute(
        select(SUSPENDED.c.subscription_id, SUSPENDED.c.cause)
        .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == SUSPENDED.c.subscription_id)
        .where(which, SUBSCRIPTIONS.c.next_credit_reset <= now, _waits(now))
    ).first()
    if row is not None:
        raise ResetSuspended(row.subscription_id, row.cause)


def _apply(session: Session, claim: Select[*tuple[Any, ...]], now: datetime) -> list[ResetDone]:
    return apply_to(session, list(session.execute(claim)), now)
