"""Resets and totals for admins: searched, counted and sliced by the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, type_coerce
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.paging import AnyRow, Count, Cursor, Slice, count_of, slice_of
from sketchmaker.reports.late import OVERDUE_AFTER, is_overdue
from sketchmaker.reports.legible import WrittenInstant, instant_of, legible_statements
from sketchmaker.reports.searching import Search


@dataclass(frozen=True, slots=True)
class ResetRow:
    """An upcoming reset, as its job is named.

    Its `statement` is None when the subscription can't be read, and so is `next_reset` when it is
    no date.
    """

    subscription_id: int
    user_id: int
    username: str
    plan_display_name: str
    statement: Statement | None
    next_reset: datetime | None
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class FoundResets:
    """A slice of the resets that fit, and how many they are."""

    rows: Slice[ResetRow]
    count: Count


@dataclass(frozen=True, slots=True)
class AttentionRow:
    """A suspended reset: whose, why, since when, and when it is retried by itself."""

    subscription_id: int
    username: str
    plan_display_name: str
    cause: str
    error: str
    since: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many resets are late, and since when the longest; None when none is."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers on top of the admin pages, counted at `as_of`."""

    as_of: datetime
    users: int
    active_subscriptions: int
    by_plan: tuple[tuple[str, int], ...]
    overdue: int
    due_within_a_day: int


@in_utc
def upcoming_resets(
    session: Session,
    *,
    now: datetime,
    search: Search | None = None,
    cursor: Cursor | None = None,
    limit: int = 25,
) -> FoundResets:
    """Scheduled resets, the next one first."""
    query = select(UserSubscription.id).where(IS_ACTIVE)
    if search:
        people = select(User.id).where(search.condition(session))
        query = query.where(UserSubscription.user_id.in_(people))
    due_at = type_coerce(UserSubscription.next_credit_reset, WrittenInstant)
    shown = (
        query.add_columns(
            is_overdue(now), User.id, User.username, SubscriptionPlanModel.display_name
        )
        .join(User, User.id == UserSubscription.user_id)
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
    )
    found = slice_of(
        session, shown, order=[due_at, UserSubscription.id], cursor=cursor, limit=limit
    )
    statements = legible_statements(session, [row[0] for row in found.items], now=now)
    rows = found.of(_reset_row(row, statements.get(row[0])) for row in found.items)
    return FoundResets(rows, count_of(session, query))


def needs_attention(session: Session, *, limit: int = 100) -> tuple[AttentionRow, ...]:
    """The suspended resets, at most `limit`, those suspended longest first."""
    # First these alone: a join would begin at the plans, and look for each subscription of theirs.
    suspended = session.scalars(
        select(SuspendedReset)
        .order_by(SuspendedReset.since, SuspendedReset.subscription_id)
        .limit(limit)
    ).all()
    whose = _names_of(session, [row.subscription_id for row in suspended])
    return tuple(
        AttentionRow(
            subscription_id=row.subscription_id,
            username=whose[row.subscription_id][0],
            plan_display_name=whose[row.subscription_id][1],
            cause=row.cause,
            error=row.error,
            since=row.since,
            retry_at=row.retry_at,
        )
        for row in suspended
    )


def _names_of(session: Session, subscription_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Whose subscriptions these are, and on which plan."""
    if not subscription_ids:
        return {}
    rows = session.execute(
        select(UserSubscription.id, User.username, SubscriptionPlanModel.display_name)
        .join(User, User.id == UserSubscription.user_id)
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .where(UserSubscription.id.in_(subscription_ids))
    )
    return {number: (username, plan) for number, username, plan in rows}


@in_utc
def totals(session: Session, *, now: datetime) -> Totals:
    """Counts over the whole installation."""
    by_plan = session.execute(
        select(SubscriptionPlanModel.display_name, func.count(UserSubscription.id))
        .outerjoin(
            UserSubscription,
            and_(UserSubscription.plan_id == SubscriptionPlanModel.id, IS_ACTIVE),
        )
        .group_by(SubscriptionPlanModel.id)
        .order_by(SubscriptionPlanModel.monthly_credits, SubscriptionPlanModel.id)
    ).all()
    return Totals(
        as_of=now,
        users=session.scalar(select(func.count(User.id))) or 0,
        active_subscriptions=sum(count for _, count in by_plan),
        by_plan=tuple((name, count) for name, count in by_plan),
        overdue=overdue_resets(session, now=now).count,
        due_within_a_day=_count_due(session, now - OVERDUE_AFTER, now + timedelta(days=1)),
    )


@in_utc
def overdue_resets(session: Session, *, now: datetime) -> Overdue:
    """The resets that are overdue."""
    due_at = type_coerce(UserSubscription.next_credit_reset, WrittenInstant)
    query = select(func.count(), func.min(due_at)).where(is_overdue(now))
    count, oldest = session.execute(query).one()
    return Overdue(count, instant_of(oldest))


def _count_due(session: Session, after: datetime, by: datetime) -> int:
    due_at = UserSubscription.next_credit_reset
    counted = select(func.count(UserSubscription.id)).where(IS_ACTIVE, due_at > after, due_at <= by)
    return session.scalar(counted) or 0


def _reset_row(row: AnyRow, own: Statement | None) -> ResetRow:
    subscription_id, is_late, user_id, username, plan_display_name, due_at, _ = row
    return ResetRow(
        subscription_id=subscription_id,
        user_id=user_id,
        username=username,
        plan_display_name=plan_display_name,
        statement=own,
        next_reset=instant_of(due_at),
        is_overdue=is_late,
    )
