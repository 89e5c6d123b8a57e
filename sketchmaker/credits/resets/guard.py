"""What keeps resets from running away, and one bad row from stopping the others.

A subscription whose reset fails is suspended with its error, and retried, later each time. One that
got more than `GRANTS_A_DAY` allowances in 24 hours is suspended as a runaway: no arithmetic of ours
does that, so whatever did must be looked at before it gives more away. An admin can suspend one by
hand. A suspension ends when its retry goes well, or when somebody resumes it.
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
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.record.actor import Actor

GRANTS_A_DAY = 3
BY_HAND_A_DAY = 2
FIRST_RETRY_AFTER = timedelta(minutes=1)
LAST_RETRY_AFTER = timedelta(hours=1)

FAILED = "failed"
RUNAWAY = "runaway"
MANUAL = "manual"


@in_utc
def watch(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Suspend those of the subscriptions that got too many allowances lately. Return which ones.

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
def suspend_failed(
    session: Session, *, subscription_id: int, error: str, now: datetime
) -> SuspendedReset:
    """Suspend the resets of a subscription after a failure, until they are retried."""
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
def suspend_by_hand(session: Session, *, subscription_id: int, now: datetime) -> None:
    """Suspend the resets of a subscription until resumed; see `rescheduling.suspend`."""
    row = _row(session, subscription_id, now)
    row.cause, row.retry_at, row.error = MANUAL, None, "Suspended by an operator."
    session.flush()


@in_utc
def suspension_of(session: Session, subscription_id: int) -> SuspendedReset | None:
    """Why the subscription's resets are suspended; None when they are not."""
    return session.get(SuspendedReset, subscription_id)


@in_utc
def forget_failures(session: Session, *, subscription_id: int) -> None:
    """The reset went well: forget that it failed. A runaway stays suspended."""
    session.execute(
        delete(SuspendedReset).where(
            SuspendedReset.subscription_id == subscription_id, SuspendedReset.cause == FAILED
        )
    )


@in_utc
def resume(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> bool:
    """End the suspension of a subscription's resets. Return whether there was one.

    Raises:
        ReasonMissing: the actor does not say why.
    """
    cause = session.scalar(
        delete(SuspendedReset)
        .where(SuspendedReset.subscription_id == subscription_id)
        .returning(SuspendedReset.cause)
    )
    found = state.of_subscription(session, subscription_id, lock=False)
    if cause is None or found is None:
        return False
    facts = {"resets": "resumed", "cause": cause}
    managed.note(
        session, found, found, Decision(by, reason, now), action="resets_resumed", facts=facts
    )
    return True


def all_suspended(session: Session, *, limit: int = 100) -> list[SuspendedReset]:
    """The suspended resets, those suspended longest first."""
    return list(session.scalars(select(SuspendedReset).order_by(SuspendedReset.since).limit(limit)))


def count_suspended(session: Session) -> dict[str, int]:
    """The number of suspended resets for each cause, 0 included."""
    counted = session.execute(
        select(SuspendedReset.cause, func.count()).group_by(SuspendedReset.cause)
    )
    return {FAILED: 0, RUNAWAY: 0, MANUAL: 0} | {row[0]: row[1] for row in counted}


def _row(session: Session, subscription_id: int, now: datetime) -> SuspendedReset:
    row = session.get(SuspendedReset, subscription_id)
    if row is None:
        row = SuspendedReset(
            subscription_id=subscription_id,
            cause=FAILED,
            error="",
            failures=0,
            since=now,
        )
        session.add(row)
    return row
