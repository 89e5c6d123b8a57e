"""How much a batch of resets may hold: little while people are there, much when nobody is.

A batch locks its rows until it commits, and a charge of one of them waits for it. So its size is
the longest wait, and what a smaller one costs is throughput that nobody misses. Between batches the
machine belongs to the people for as long as the batch took.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from sketchmaker.credits.tables import LEDGER

BUSY_BATCH = 1_000
QUIET_BATCH = 10_000

LOOKED_AT = timedelta(seconds=2)
"""Over so long a time activity is counted. PostgreSQL's own counters lag up to a second."""

BUSY_FROM = 50.0
"""So many transactions of others a second are people. Another process that resets makes fewer."""


LONGEST_REST = 1.0


def batch_size(others_a_second: float | None) -> int:
    """Rows in the next batch, by what others did lately; None when that is not known yet."""
    is_quiet = others_a_second is not None and others_a_second < BUSY_FROM
    return QUIET_BATCH if is_quiet else BUSY_BATCH


def rest_seconds(others_a_second: float | None, batch_seconds: float) -> float:
    """How long to leave the database to others after a batch that took so long."""
    is_busy = others_a_second is not None and others_a_second >= BUSY_FROM
    return min(max(batch_seconds, 0.0), LONGEST_REST) if is_busy else 0.0


class Pace:
    """Watches what others do in the database between one batch and the next."""

    def __init__(self) -> None:
        self._since: tuple[datetime, int] | None = None
        self._own = 0
        self._others_a_second: float | None = None

    def next_batch(self, session: Session, now: datetime) -> int:
        """Rows that the batch about to begin may hold."""
        counted = _count(session)
        if self._since is None:
            self._since = now, counted
        passed = now - self._since[0]
        if passed >= LOOKED_AT:
            others = max(counted - self._since[1] - self._own, 0)
            self._others_a_second = others / passed.total_seconds()
            self._since, self._own = (now, counted), 0
        return batch_size(self._others_a_second)

    def rest(self, batch_seconds: float) -> float:
        """Seconds to rest after a batch that took so many."""
        return rest_seconds(self._others_a_second, batch_seconds)

    def done(self, dialect: str, resets: int) -> None:
        """Leave what this batch itself adds to the count out of account."""
        self._own += 1 if dialect == "postgresql" else resets


def _count(session: Session) -> int:
    """A number that grows by one with every transaction or, on SQLite, ledger row."""
    if session.get_bind().dialect.name == "sqlite":
        return session.scalar(select(func.max(LEDGER.c.id))) or 0
    counted = session.scalar(
        text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    )
    return int(counted or 0)
