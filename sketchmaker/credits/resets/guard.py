"""What keeps resets from running away, and one bad row from stopping the others.

A subscription whose reset fails is set aside with its error and tried again, later each time. One
that got more than `GRANTS_A_DAY` allowances in 24 hours is parked: no arithmetic of ours does that,
so whatever did must be looked at before it gives more away.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.rows import managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rules.actions import ALLOWANCE_ACTIONS, BY_HAND_ACTIONS
from sketchmaker.credits.rules.errors import AllowanceLimit
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.credits.tables.side import ResetSetAside
from sketchmaker.record.actor import Actor

GRANTS_A_DAY = 3
BY_HAND_A_DAY = 2
FIRST_RETRY_AFTER = timedelta(minutes=1)
LAST_RETRY_AFTER = timedelta(hours=1)

FAILED = "failed"
RUNAWAY = "runaway"
PAUSED = "paused"


@in_utc
def watch(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Park those of the subscriptions that got too many allowances lately. Which they were.

    Boundaries caught up together after an outage are one allowance, however many rows they make.
    """
    if not subscription_ids:
        return []
    applied_at = func.count(func.distinct(UsageHistory.created_at))
    counted = session.scalars(
        select(UsageHistory.subscription_id)
        .where(
            UsageHistory.subscription_id.in_(subscription_ids),
            UsageHistory.action.in_(ALLOWANCE_ACTIONS),
            UsageHistory.created_at > now - timedelta(days=1),
            # A clock that was ahead has left rows in the future; they are not of these 24 hours.
            UsageHistory.created_at <= now,
        )
        .group_by(UsageHistory.subscription_id)
        .having(applied_at > GRANTS_A_DAY)
    ).all()
    runaway = [subscription_id for subscription_id in counted if subscription_id is not None]
    for subscription_id in runaway:
        row = _row(session, subscription_id, now)
        row.cause, row.retry_at = RUNAWAY, None
        row.error = f"More than {GRANTS_A_DAY} allowances were granted within 24 hours."
    session.flush()
    return runaway


@in_utc
def check_by_hand(session: Session, subscription_id: int, *, now: datetime) -> None:
    """Make sure that an admin may give this allowance afresh, by force or by a restart.

    Raises:
        AllowanceLimit: it was done `BY_HAND_A_DAY` times within the last 24 hours.
    """
    lately = session.scalar(
        select(func.count())
        .select_from(UsageHistory)
        .where(
            UsageHistory.subscription_id == subscription_id,
            UsageHistory.action.in_(BY_HAND_ACTIONS),
            UsageHistory.created_at > now - timedelta(days=1),
            UsageHistory.created_at <= now,
        )
    )
    if lately is not None and lately >= BY_HAND_A_DAY:
        raise AllowanceLimit(subscription_id, BY_HAND_A_DAY)


@in_utc
def set_aside(
    session: Session, *, subscription_id: int, error: str, now: datetime
) -> ResetSetAside:
    """Leave a subscription out of resets after a failure, until its next try."""
    row = _row(session, subscription_id, now)
    row.failures += 1
    row.error = error
    if row.cause == FAILED:
        row.retry_at = now + min(
            FIRST_RETRY_AFTER * 2 ** min(row.failures - 1, 10), LAST_RETRY_AFTER
        )
    session.flush()
    return row


@in_utc
def mark_paused(session: Session, *, subscription_id: int, now: datetime) -> None:
    """Leave the subscription out of resets until it is released; see `rescheduling.pause`."""
    row = _row(session, subscription_id, now)
    row.cause, row.retry_at, row.error = PAUSED, None, "Paused by an operator."
    session.flush()


@in_utc
def set_aside_by(session: Session, subscription_id: int) -> ResetSetAside | None:
    """Why the subscription is left out of resets; None when it is not."""
    return session.get(ResetSetAside, subscription_id)


@in_utc
def release_failed(session: Session, *, subscription_id: int) -> None:
    """The reset went well: forget its failures. One that the guard parked stays parked."""
    session.execute(
        delete(ResetSetAside).where(
            ResetSetAside.subscription_id == subscription_id, ResetSetAside.cause == FAILED
        )
    )


@in_utc
def release(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> bool:
    """Let the subscription be reset again at once. Was it set aside?

    Raises:
        ReasonMissing: the actor does not say why.
    """
    cause = session.scalar(
        delete(ResetSetAside)
        .where(ResetSetAside.subscription_id == subscription_id)
        .returning(ResetSetAside.cause)
    )
    found = state.of_subscription(session, subscription_id, lock=False)
    if cause is None or found is None:
        return False
    facts = {"resets": "resumed", "cause": cause}
    managed.note(
        session, found, found, Decision(by, reason, now), action="resets_resumed", facts=facts
    )
    return True


def all_set_aside(session: Session, *, limit: int = 100) -> list[ResetSetAside]:
    """The subscriptions that are set aside, the longest first."""
    return list(session.scalars(select(ResetSetAside).order_by(ResetSetAside.since).limit(limit)))


def count_set_aside(session: Session) -> dict[str, int]:
    """The number of subscriptions that are set aside, by cause; every cause is there."""
    counted = session.execute(
        select(ResetSetAside.cause, func.count()).group_by(ResetSetAside.cause)
    )
    return {FAILED: 0, RUNAWAY: 0, PAUSED: 0} | {row[0]: row[1] for row in counted}


def _row(session: Session, subscription_id: int, now: datetime) -> ResetSetAside:
    row = session.get(ResetSetAside, subscription_id)
    if row is None:
        row = ResetSetAside(
            subscription_id=subscription_id,
            cause=FAILED,
            error="",
            failures=0,
            since=now,
        )
        session.add(row)
    return row
