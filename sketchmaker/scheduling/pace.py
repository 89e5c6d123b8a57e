"""How much a batch of resets may hold: little while people are there, much when nobody is.

A batch locks its rows until it commits, and a charge of one of them waits for it; on SQLite every
charge does. So its size is the longest wait, and what a smaller one costs is throughput that nobody
misses. Between batches the machine belongs to the people for as long as the batch took.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.tables import LEDGER

QUIET_BATCH = 10_000

LONGEST_REST = 1.0


@dataclass(frozen=True, slots=True)
class Manners:
    """From how many of others' doings a second on, counted how long, they are people.

    And how many rows a batch beside them may hold.
    """

    busy_from: float
    counted_for: timedelta
    busy_batch: int


MANNERS = {
    # Transactions, of which another process that resets makes some; counted up to a second late.
    "postgresql": Manners(50.0, timedelta(seconds=2), 1_000),
    # Ledger rows of people; who waits for the one write lock makes few.
    "sqlite": Manners(1.0, timedelta(seconds=0.25), 250),
}


class Pace:
    """Watches what others do in the database between one batch and the next."""

    def __init__(self, dialect: str) -> None:
        self._manners = MANNERS[dialect]
        self._since: tuple[datetime, int] | None = None
        self._own = 0
        self._others_a_second: float | None = None

    def next_batch(self, session: Session, now: datetime) -> int:
        """Rows that the batch about to begin may hold."""
        if self._since is None:
            self._since = now, _mark(session)
        passed = now - self._since[0]
        if passed >= self._manners.counted_for:
            others = max(_done_since(session, self._since[1]) - self._own, 0)
            self._others_a_second = others / passed.total_seconds()
            self._since, self._own = (now, _mark(session)), 0
        return self.batch_size(self._others_a_second)

    def rest(self, batch_seconds: float) -> float:
        """Seconds to rest after a batch that took so many."""
        return self.rest_seconds(self._others_a_second, batch_seconds)

    def done(self) -> None:
        """Leave this batch's own transaction out of account, where transactions are counted."""
        self._own += self._manners is MANNERS["postgresql"]

    def batch_size(self, others_a_second: float | None) -> int:
        """Rows in a batch, by what others did lately; None when that is not known yet."""
        if others_a_second is None or others_a_second >= self._manners.busy_from:
            return self._manners.busy_batch
        return QUIET_BATCH

    def rest_seconds(self, others_a_second: float | None, batch_seconds: float) -> float:
        """How long to leave the database to others after a batch that took so long."""
        if others_a_second is None or others_a_second < self._manners.busy_from:
            return 0.0
        return min(max(batch_seconds, 0.0), LONGEST_REST)


def _mark(session: Session) -> int:
    """Where to count from: PostgreSQL's transactions, or the ledger's rows."""
    if session.get_bind().dialect.name == "sqlite":
        return session.scalar(select(func.max(LEDGER.c.id))) or 0
    counted = session.scalar(
        text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    )
    return int(counted or 0)


def _done_since(session: Session, mark: int) -> int:
    if session.get_bind().dialect.name == "postgresql":
        return _mark(session) - mark
    query = select(func.count()).where(LEDGER.c.id > mark, LEDGER.c.action != RESET_ACTION)
    return session.scalar(query) or 0
