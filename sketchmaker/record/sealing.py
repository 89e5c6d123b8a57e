"""Sealing the trail: committed entries get their number and hash, by one writer at a time.

Not in the transaction of the change: everybody who changes anything would wait there for everybody
else. What is not sealed yet is a second old, as a rule.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.orm import Session

from sketchmaker import logs
from sketchmaker.database import Database
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.chain import Chain, Entry, entry_of, hash_of

SEALED_AT_ONCE = 500
"""Entries a transaction: more would keep SQLite's one writer noticeably."""

# Held until the transaction ends. Any number will do that nobody else takes on this database.
_TAKE_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(1399547253)")

_IS_UNSEALED = ENTRIES.c.sequence.is_(None)


def seal_all(database: Database) -> int:
    """Seal everything that was committed. Return the number of entries sealed.

    Raises:
        DatabaseUnavailable: as `Database.transaction`.
    """
    total = 0
    while _is_work_left(database):
        with database.transaction() as session:
            sealed, last_hash = seal(session)
        total += sealed
        # A copy of the end of the chain beside the database: what is cut off there is seen here.
        logs.security("audit sealed", entries=sealed, hash=last_hash)
    return total


def seal(session: Session, *, limit: int = SEALED_AT_ONCE) -> tuple[int, str | None]:
    """Number and chain up to `limit` entries; gives how many, and the hash of the last.

    Whoever seals at the same time waits until this transaction ends.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_TAKE_ADVISORY_LOCK)
    length, last_hash = _end_of_chain(session)
    waiting = select(ENTRIES).where(_IS_UNSEALED).order_by(ENTRIES.c.id).limit(limit)
    rows = session.execute(waiting).mappings().all()
    for number, row in enumerate(rows, start=length + 1):
        place = {"sequence": number, "previous_hash": last_hash}
        last_hash = hash_of({**entry_of(row), **place})
        session.execute(
            update(ENTRIES).where(ENTRIES.c.id == row["id"]).values(**place, hash=last_hash)
        )
    return len(rows), last_hash


def sealed_entries(session: Session) -> Iterator[Entry]:
    """Every sealed entry in order, as JSON has it; read as it is needed."""
    query = select(ENTRIES).where(~_IS_UNSEALED).order_by(ENTRIES.c.sequence)
    for row in session.execute(query.execution_options(yield_per=1000)).mappings():
        yield entry_of(row)


def verify(session: Session, chain: Chain) -> Iterator[str]:
    """Follow the whole trail; yields a sentence for each thing that is wrong."""
    for entry in sealed_entries(session):
        yield from chain.follow(entry)


def count_unsealed(session: Session, *, since: datetime) -> int:
    """The number of entries from before `since` that nobody has sealed."""
    waiting = select(func.count()).select_from(ENTRIES).where(_IS_UNSEALED, ENTRIES.c.at < since)
    return session.execute(waiting).scalar_one()


def _end_of_chain(session: Session) -> tuple[int, str | None]:
    last = select(ENTRIES.c.sequence, ENTRIES.c.hash).where(~_IS_UNSEALED)
    row = session.execute(last.order_by(ENTRIES.c.sequence.desc()).limit(1)).first()
    return (0, None) if row is None else (row.sequence, row.hash)


def _is_work_left(database: Database) -> bool:
    with database.reading() as session:
        return bool(session.scalar(select(exists().where(_IS_UNSEALED))))
