"""The scheduled resets as a sequence that reads only what is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

from sqlalchemy import Row, Select, func, select, tuple_

from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import IS_ACTIVE, UserSubscription
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.database import Database
from sketchmaker.scheduling.job_ids import job_id_for

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """One upcoming reset, in UTC; `next_run_time` is None while it is suspended."""

    job_id: str
    subscription_id: int
    next_run_time: datetime | None
    due_at: datetime
    name: str


class ScheduledJobs(Sequence[ScheduledJob]):
    """All scheduled resets, the next one first; nothing is loaded until it is looked at.

    `len()` counts in the database, an index or a slice reads just those rows, and a loop reads
    `READ_AT_ONCE` at a time: a million subscriptions never become a million objects by accident.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __len__(self) -> int:
        with self._database.reading() as session:
            return session.scalar(select(func.count(UserSubscription.id)).where(IS_ACTIVE)) or 0

    @overload
    def __getitem__(self, index: int) -> ScheduledJob: ...
    @overload
    def __getitem__(self, index: slice) -> list[ScheduledJob]: ...

    def __getitem__(self, index: int | slice) -> ScheduledJob | list[ScheduledJob]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step < 1:
                raise ValueError("Scheduled jobs can be sliced forwards only.")
            return self._read(_query().offset(start).limit(max(stop - start, 0)))[::step]
        position = index if index >= 0 else len(self) + index
        found = self._read(_query().offset(position).limit(1)) if position >= 0 else []
        if not found:
            raise IndexError(f"There is no scheduled job at position {index}.")
        return found[0]

    def __iter__(self) -> Iterator[ScheduledJob]:
        page = self._read(_query().limit(READ_AT_ONCE))
        while page:
            yield from page
            last = page[-1]
            place = tuple_(UserSubscription.next_credit_reset, UserSubscription.id)
            after = place > (last.due_at, last.subscription_id)
            page = self._read(_query().where(after).limit(READ_AT_ONCE))

    def __repr__(self) -> str:
        return f"<{len(self)} scheduled credit resets>"

    def _read(self, query: Select[*tuple[Any, ...]]) -> list[ScheduledJob]:
        with self._database.reading() as session:
            return [_job(row) for row in session.execute(query)]


def find_job(database: Database, subscription_id: int) -> ScheduledJob | None:
    """The job of an active subscription; None when there is no such subscription."""
    with database.reading() as session:
        row = session.execute(_query().where(UserSubscription.id == subscription_id)).first()
    return None if row is None else _job(row)


def _query() -> Select[*tuple[Any, ...]]:
    return (
        select(
            UserSubscription.id,
            UserSubscription.next_credit_reset,
            User.username,
            SuspendedReset.cause,
            SuspendedReset.retry_at,
        )
        .join(User, User.id == UserSubscription.user_id)
        .outerjoin(SuspendedReset, SuspendedReset.subscription_id == UserSubscription.id)
        .where(IS_ACTIVE)
        .order_by(UserSubscription.next_credit_reset, UserSubscription.id)
    )


def _job(row: Row[*tuple[Any, ...]]) -> ScheduledJob:
    return ScheduledJob(
        job_id=job_id_for(row.id),
        subscription_id=row.id,
        next_run_time=_next_run(row),
        due_at=row.next_credit_reset,
        name=f"Credit reset for user {row.username}",
    )


def _next_run(row: Row[*tuple[Any, ...]]) -> datetime | None:
    if row.cause is None:
        due_at: datetime = row.next_credit_reset
        return due_at
    retry_at: datetime | None = row.retry_at
    return retry_at
