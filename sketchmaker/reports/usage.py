"""What was used in a time: by day, plan, action and person. Credits are net of refunds."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Row, Select, cast, extract, func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import SubscriptionPlanModel, UsageHistory, UserSubscription
from sketchmaker.studio.tables import Generation, GenerationState

SLOT_SECONDS: Final = 900
"""Every zone's days begin on a whole quarter of an hour, so slots add up to days of any zone."""

TOP_USERS: Final = 10


@dataclass(frozen=True, slots=True)
class Period:
    """A time from `since` until just before `until`, in UTC, told in days of `zone`."""

    since: datetime
    until: datetime
    zone: str

    @property
    def before(self) -> "Period":
        """The time of the same length that ends where this begins."""
        return Period(self.since - (self.until - self.since), self.since, self.zone)

    def days(self) -> Iterator[date]:
        """Every date of the zone that the period touches."""
        day = self.since.astimezone(ZoneInfo(self.zone)).date()
        last = (self.until - timedelta(microseconds=1)).astimezone(ZoneInfo(self.zone)).date()
        while day <= last:
            yield day
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a table: what it is about, its credits, and how many entries they came by."""

    name: str
    credits: int
    entries: int
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The use of credits in a period; `credits_before` is that of the period before."""

    period: Period
    credits: int
    credits_before: int
    by_day: tuple[tuple[date, int], ...]
    by_plan: tuple[Share, ...]
    by_action: tuple[Share, ...]
    top_users: tuple[Share, ...]
    generations: int
    generations_failed: int


def usage(session: Session, period: Period) -> UsageReport:
    """The report of a period: seven queries, however many people there are."""
    ended, failed = _generations(session, period)
    return UsageReport(
        period=period,
        credits=_credits(session, period),
        credits_before=_credits(session, period.before),
        by_day=_by_day(session, period),
        by_plan=_by_plan(session, period),
        by_action=_by_action(session, period),
        top_users=_top_users(session, period),
        generations=ended,
        generations_failed=failed,
    )


def history(period: Period) -> Select[*tuple[Any, ...]]:
    """Every row of the ledger in the period with its user's name, oldest first."""
    return (
        select(
            UsageHistory.id,
            UsageHistory.created_at,
            UsageHistory.user_id,
            User.username,
            UsageHistory.subscription_id,
            UsageHistory.cycle,
            UsageHistory.action,
            UsageHistory.credits_used,
            UsageHistory.credits_delta,
            UsageHistory.balance_after,
        )
        .outerjoin(User, User.id == UsageHistory.user_id)
        .where(*_within(period))
        .order_by(UsageHistory.created_at, UsageHistory.id)
    )


def _within(period: Period) -> tuple[ColumnElement[bool], ...]:
    return UsageHistory.created_at >= period.since, UsageHistory.created_at < period.until


def _used(period: Period) -> tuple[ColumnElement[bool], ...]:
    return *_within(period), UsageHistory.credits_used != 0


def _credits(session: Session, period: Period) -> int:
    total = select(func.coalesce(func.sum(UsageHistory.credits_used), 0)).where(*_within(period))
    return int(session.scalars(total).one())


def _by_day(session: Session, period: Period) -> tuple[tuple[date, int], ...]:
    slot = _slot(session)
    rows = session.execute(
        select(slot, func.sum(UsageHistory.credits_used)).where(*_used(period)).group_by(slot)
    )
    zone, used = ZoneInfo(period.zone), defaultdict[date, int](int)
    for number, credits in rows:
        at = datetime.fromtimestamp(number * SLOT_SECONDS, UTC)
        used[at.astimezone(zone).date()] += int(credits)
    return tuple((day, used[day]) for day in period.days())


def _slot(session: Session) -> ColumnElement[int]:
    """The number of the quarter of an hour since 1970 in which a row was written."""
    seconds = extract("epoch", UsageHistory.created_at)
    if session.get_bind().dialect.name == "postgresql":
        return cast(func.floor(seconds / SLOT_SECONDS), BigInteger)
    return seconds // SLOT_SECONDS  # SQLite has whole seconds there


def _by_plan(session: Session, period: Period) -> tuple[Share, ...]:
    """By the plan that people are on now."""
    name = SubscriptionPlanModel.display_name
    query = (
        _shares(name)
        .join(UserSubscription, UserSubscription.id == UsageHistory.subscription_id)
        .join(SubscriptionPlanModel, SubscriptionPlanModel.id == UserSubscription.plan_id)
        .where(*_used(period))
        .group_by(SubscriptionPlanModel.id)
    )
    return _read(session.execute(query).all())


def _by_action(session: Session, period: Period) -> tuple[Share, ...]:
    action = UsageHistory.action
    query = _shares(action).where(*_used(period)).group_by(action)
    return _read(session.execute(query).all())


def _top_users(session: Session, period: Period) -> tuple[Share, ...]:
    used = func.sum(UsageHistory.credits_used)
    query = (
        _shares(User.username, User.id)
        .join(User, User.id == UsageHistory.user_id)
        .where(*_used(period))
        .group_by(User.id)
        .order_by(used.desc(), User.id)
        .limit(TOP_USERS)
    )
    return _read(session.execute(query).all())


def _shares(*named: Any) -> Select[*tuple[Any, ...]]:
    return select(func.sum(UsageHistory.credits_used), func.count(), *named).select_from(
        UsageHistory
    )


def _read(rows: Any) -> tuple[Share, ...]:
    found = [_share(row) for row in rows]
    return tuple(sorted(found, key=lambda share: (-share.credits, share.name)))


def _share(row: Row[*tuple[Any, ...]]) -> Share:
    credits, entries, name, *user_id = row
    return Share(name, int(credits), entries, *user_id)


def _generations(session: Session, period: Period) -> tuple[int, int]:
    failed = func.count().filter(Generation.state == GenerationState.FAILED)
    started = Generation.started_at
    row = session.execute(
        select(func.count(), failed).where(
            started >= period.since, started < period.until, Generation.finished_at.is_not(None)
        )
    ).one()
    return row[0], row[1]
