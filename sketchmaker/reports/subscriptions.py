"""The subscriptions list of admins: searched, narrowed and read in slices by the database."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Exists, and_, exists, false, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription
from sketchmaker.paging import AnyQuery, AnyRow, Count, Cursor, Slice, count_of, slice_of
from sketchmaker.reports.late import is_overdue, is_suspended
from sketchmaker.reports.legible import legible_statements
from sketchmaker.reports.searching import Search

NO_PLAN = "none"
"""Stands for "no active plan" where a list is narrowed to one plan."""


class Status(StrEnum):
    """What a list can be narrowed to; several together narrow it further."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    OVERDUE = "overdue"
    DEACTIVATED = "deactivated"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What the list is narrowed to; `plan` is a plan's name or `NO_PLAN`."""

    search: Search | None = None
    plan: str | None = None
    statuses: tuple[Status, ...] = ()

    def parts(self) -> Iterator[tuple[str, "SubscriptionFilter"]]:
        """Each part that narrows the list, by name and value, and the filter without it."""
        if self.search:
            yield "q", replace(self, search=None)
        if self.plan:
            yield "plan", replace(self, plan=None)
        for status in self.statuses:
            others = tuple(other for other in self.statuses if other is not status)
            yield status, replace(self, statuses=others)

    def query(self, session: Session, *columns: Any, now: datetime) -> AnyQuery:
        """The users who fit."""
        conditions = [_has_status(status, now) for status in self.statuses]
        if self.search:
            conditions.append(self.search.condition(session))
        if self.plan:
            conditions.append(_is_on(self.plan))
        return select(*columns).where(*conditions)


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A user and what they are on; `statement` is None for somebody without a plan.

    Of a subscription that `is_damaged` nothing more can be said: its row can't be read.
    """

    user_id: int
    username: str
    email: str
    role: str
    user_is_active: bool
    statement: Statement | None
    is_damaged: bool


@dataclass(frozen=True, slots=True)
class FoundSubscriptions:
    """A slice of those who fit, and how many they are.

    When nobody fits, `without` says how many would without each part of the filter.
    """

    rows: Slice[SubscriptionRow]
    count: Count
    without: dict[str, Count] = field(default_factory=dict)


@in_utc
def search_subscriptions(
    session: Session,
    *,
    now: datetime,
    wanted: SubscriptionFilter = SubscriptionFilter(),
    cursor: Cursor | None = None,
    limit: int = 25,
) -> FoundSubscriptions:
    """Users by name, with their plan and balance as of `now`."""
    people = wanted.query(session, User.id, now=now)
    shown = people.add_columns(
        User.username, User.email, User.role, User.is_active, UserSubscription.id
    ).outerjoin(UserSubscription, and_(UserSubscription.user_id == User.id, IS_ACTIVE))
    found = slice_of(session, shown, order=[User.username_key], cursor=cursor, limit=limit)
    ids = [row[5] for row in found.items if row[5] is not None]
    statements = legible_statements(session, ids, now=now)
    count = count_of(session, people)
    return FoundSubscriptions(
        found.of(_row(row, statements) for row in found.items),
        count,
        {} if count.number else _counts_without(session, wanted, now),
    )


def _counts_without(
    session: Session, wanted: SubscriptionFilter, now: datetime
) -> dict[str, Count]:
    return {
        name: count_of(session, wider.query(session, User.id, now=now))
        for name, wider in wanted.parts()
    }


def _row(row: AnyRow, statements: dict[int, Statement]) -> SubscriptionRow:
    user_id, username, email, role, user_is_active, subscription_id, *_ = row
    return SubscriptionRow(
        user_id=user_id,
        username=username,
        email=email,
        role=role,
        user_is_active=user_is_active,
        statement=statements.get(subscription_id),
        is_damaged=subscription_id is not None and subscription_id not in statements,
    )


def _is_subscribed() -> Exists:
    return exists().where(UserSubscription.user_id == User.id, IS_ACTIVE).correlate(User)


def _is_on(plan: str) -> ColumnElement[bool]:
    subscribed = _is_subscribed()
    if plan == NO_PLAN:
        return ~subscribed
    number = select(SubscriptionPlanModel.id).where(SubscriptionPlanModel.name == plan)
    return subscribed.where(UserSubscription.plan_id == number.scalar_subquery())


def _has_status(status: Status, now: datetime) -> ColumnElement[bool]:
    """Few are suspended or overdue, so that the list begins with them; of the others are many."""
    subscribers = select(UserSubscription.user_id).where(IS_ACTIVE).correlate(None)
    match status:
        case Status.ACTIVE:
            return _is_subscribed()
        case Status.SUSPENDED:
            return User.id.in_(subscribers.where(is_suspended()))
        case Status.OVERDUE:
            return User.id.in_(subscribers.where(is_overdue(now)))
        case Status.DEACTIVATED:
            return User.is_active == false()
        case Status.ADMIN:
            return User.role != Role.USER
