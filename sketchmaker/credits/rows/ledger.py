"""The ledger: appended to by every verb that changes a balance, read by whoever asks why.

A row's details are the engine's facts, except for what lies under `CALLERS_WORDS`: that is what the
caller of the verb said of the work, and no balance, book or refund believes it.
"""

from collections import defaultdict
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, aliased

from sketchmaker.credits.tables import LEDGER, UsageHistory

CALLERS_WORDS: Final = "details"


def with_callers_words(facts: dict[str, Any], words: dict[str, Any]) -> dict[str, Any]:
    """The details of a row: the engine's facts, and apart from them what the caller said."""
    return {**facts, CALLERS_WORDS: words} if words else facts


def said_by_caller(details: dict[str, Any]) -> dict[str, Any]:
    """What the caller said of the work; for display only.

    Older rows have the words beside the engine's facts: of these it is both together.
    """
    words = details.get(CALLERS_WORDS)
    return words if isinstance(words, dict) else details


def append(session: Session, *, details: dict[str, Any], **row: Any) -> None:
    """Write one row. The caller changes the balance in the same transaction."""
    # The column's name is `metadata`; see `UsageHistory`.
    session.connection().execute(insert(LEDGER), {**row, "metadata": details})


def recent(
    session: Session, user_id: int, *, limit: int = 20, before_id: int | None = None
) -> list[UsageHistory]:
    """The newest rows of a user; with `before_id`, those older than that row."""
    query = select(UsageHistory).where(UsageHistory.user_id == user_id)
    if before_id is not None:
        query = query.where(UsageHistory.id < before_id)
    return list(session.scalars(query.order_by(UsageHistory.id.desc()).limit(limit)))


def daily_usage(
    session: Session, user_id: int, *, since: datetime, until: datetime, zone: str
) -> list[tuple[date, int]]:
    """Credits used on each day of `zone`, from `since` to just before `until`; used days only.

    What was refunded counts as not used, on the day on which it had been.
    """
    spend = aliased(UsageHistory)
    rows = session.execute(
        select(
            func.coalesce(
                spend.created_at, UsageHistory.created_at, type_=UsageHistory.created_at.type
            ),
            UsageHistory.credits_used,
        )
        .outerjoin(spend, spend.id == UsageHistory.refund_of_id)
        .where(
            UsageHistory.user_id == user_id,
            UsageHistory.created_at >= since,
            UsageHistory.created_at < until,
            UsageHistory.credits_used != 0,
        )
    )
    by_day: dict[date, int] = defaultdict(int)
    for used_at, credits_used in rows:
        if used_at >= since:
            by_day[used_at.astimezone(ZoneInfo(zone)).date()] += credits_used
    return sorted((day, credits) for day, credits in by_day.items() if credits)
