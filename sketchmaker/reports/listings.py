"""Lists for admins: searched, counted and paged by the database, never loaded whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.credits.reading.statement import (
    NextPlan,
    Statement,
    statement_columns,
    statements_of,
)
from sketchmaker.credits.rows.next_plan import next_plan_id
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription
from sketchmaker.credits.tables.side import SUSPENDED, SuspendedReset
from sketchmaker.paging import Page, page_of

NO_PLAN = "none"
"""Stands for "no active plan" where a list is narrowed to one plan."""

OVERDUE_AFTER = timedelta(minutes=1)
"""A reset due for longer than this is reported as overdue; until then it is just being done."""

Item = TypeVar("Item")
AnyRow = Row[*tuple[Any, ...]]
AnyQuery = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A user and what they are on; `statement` is None for somebody without a plan."""

    user_id: int
    username: str
    email: str
    role: str
    user_is_active: bool
    joined_at: datetime
    statement: Statement | None


@dataclass(frozen=True, slots=True)
class ResetRow:
    """An upcoming reset, as its job is named."""

    subscription_id: int
    username: str
    plan_display_name: str
    available: int
    allowance: int
    next_reset: datetime
    is_overdue: bool
    anchor: datetime
    time_zone: str


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
    """The numbers on top of the admin pages."""

    users: int
    active_subscriptions: int
    by_plan: tuple[tuple[str, int], ...]
    overdue: int
    due_within_a_day: int


@in_utc
def search_subscriptions(
    session: Session,
    *,
    now: datetime,
    text: str = "",
    plan: str | None = None,
    page: int = 1,
    per_page: int = 25,
) -> Page[SubscriptionRow]:
    """Users by name, with their plan and balance as of `now`.

    `text` is looked for in user name and e-mail; `plan` is a plan's name, or `NO_PLAN`.
    """
    query = (
        select(User, *statement_columns(now))
        .outerjoin(UserSubscription, and_(UserSubscription.user_id == User.id, IS_ACTIVE))
        .outerjoin(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .outerjoin(NextPlan, NextPlan.id == next_plan_id(UserSubscription))
        .where(_mentions(text))
    )
    if plan == NO_PLAN:
        query = query.where(UserSubscription.id.is_(None))
    elif plan:
        query = query.where(SubscriptionPlanModel.name == plan)
    ordered = query.order_by(User.username_key, User.id)
    found = _one_page(session, query, ordered, page=page, per_page=per_page)
    shown = _statements(session, found.items, now)
    return _of_items(found, lambda row: _subscription_row(row[0], shown.get(row[0].id)))


@in_utc
def upcoming_resets(
    session: Session, *, now: datetime, text: str = "", page: int = 1, per_page: int = 25
) -> Page[ResetRow]:
    """Scheduled resets, the next one first."""
    query = (
        select(User, *statement_columns(now), _is_suspended())
        .join(UserSubscription, UserSubscription.user_id == User.id)
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .join(NextPlan, NextPlan.id == next_plan_id(UserSubscription))
        .where(IS_ACTIVE, _mentions(text))
    )
    ordered = query.order_by(UserSubscription.next_credit_reset, UserSubscription.id)
    found = _one_page(session, query, ordered, page=page, per_page=per_page)
    shown = _statements(session, found.items, now)
    return _of_items(found, lambda row: _reset_row(row, shown[row[0].id], now))


def needs_attention(session: Session, *, limit: int = 100) -> tuple[AttentionRow, ...]:
    """The suspended resets, at most `limit`, those suspended longest first."""
    rows = session.execute(
        select(SuspendedReset, User.username, SubscriptionPlanModel.display_name)
        .join(UserSubscription, UserSubscription.id == SuspendedReset.subscription_id)
        .join(User, User.id == UserSubscription.user_id)
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .order_by(SuspendedReset.since, SuspendedReset.subscription_id)
        .limit(limit)
    )
    return tuple(
        AttentionRow(
            subscription_id=row.subscription_id,
            username=username,
            plan_display_name=plan,
            cause=row.cause,
            error=row.error,
            since=row.since,
            retry_at=row.retry_at,
        )
        for row, username, plan in rows
    )


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
        users=session.scalar(select(func.count(User.id))) or 0,
        active_subscriptions=sum(count for _, count in by_plan),
        by_plan=tuple((name, count) for name, count in by_plan),
        overdue=overdue_resets(session, now=now).count,
        due_within_a_day=_count_due(session, now - OVERDUE_AFTER, now + timedelta(days=1)),
    )


@in_utc
def overdue_resets(session: Session, *, now: datetime) -> Overdue:
    """The resets that are late by more than `OVERDUE_AFTER`, but for suspended ones.

    Somebody knows of those: they failed and are retried, or were suspended by hand.
    """
    query = select(func.count(), func.min(UserSubscription.next_credit_reset)).where(
        IS_ACTIVE, UserSubscription.next_credit_reset <= now - OVERDUE_AFTER, ~_is_suspended()
    )
    count, oldest = session.execute(query).one()
    return Overdue(count, oldest)


def _count_due(session: Session, after: datetime, by: datetime) -> int:
    due_at = UserSubscription.next_credit_reset
    counted = select(func.count(UserSubscription.id)).where(IS_ACTIVE, due_at > after, due_at <= by)
    return session.scalar(counted) or 0


def _is_suspended() -> ColumnElement[bool]:
    return exists().where(SUSPENDED.c.subscription_id == UserSubscription.id)


def _mentions(text: str) -> ColumnElement[bool]:
    wanted = text.strip()
    if not wanted:
        return true()
    return or_(
        User.username.icontains(wanted, autoescape=True),
        User.email.icontains(wanted, autoescape=True),
    )


def _one_page(
    session: Session, query: AnyQuery, ordered: AnyQuery, *, page: int, per_page: int
) -> Page[AnyRow]:
    """That page of the rows, or the last one when there are not so many."""
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    return page_of(
        lambda offset: session.execute(ordered.offset(offset).limit(per_page)),
        page=page,
        per_page=per_page,
        total=total,
    )


def _of_items(found: Page[AnyRow], item_of: Callable[[AnyRow], Item]) -> Page[Item]:
    return Page(tuple(map(item_of, found.items)), found.page, found.per_page, found.total)


def _statements(session: Session, rows: Sequence[AnyRow], now: datetime) -> dict[int, Statement]:
    """By user; the rows have a user in front, and may lack a subscription."""
    subscribed = [row[1:7] for row in rows if row[1] is not None]
    return {shown.user_id: shown for shown in statements_of(session, subscribed, now=now)}


def _subscription_row(user: User, statement: Statement | None) -> SubscriptionRow:
    return SubscriptionRow(
        user_id=user.id,
        username=user.username,
        email=user.email,
        role=user.role,
        user_is_active=user.is_active,
        joined_at=user.created_at,
        statement=statement,
    )


def _reset_row(row: AnyRow, statement: Statement, now: datetime) -> ResetRow:
    user, subscription, plan, *_, is_suspended = row
    return ResetRow(
        subscription_id=subscription.id,
        username=user.username,
        plan_display_name=plan.display_name,
        available=statement.available,
        allowance=statement.allowance,
        next_reset=subscription.next_credit_reset,
        is_overdue=not is_suspended and subscription.next_credit_reset <= now - OVERDUE_AFTER,
        anchor=subscription.subscription_start,
        time_zone=subscription.time_zone,
    )
