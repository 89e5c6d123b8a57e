"""Subscriptions for a list, where one row that can't be read must not hide the others.

SQLite keeps whatever it is given: text where a number belongs, or a date that no calendar has.
`books verify` tells of such a row; a list shows it as damaged.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, String
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from sketchmaker.credits.reading.statement import Statement, statement_query, statements_of
from sketchmaker.credits.tables import UserSubscription

CANT_BE_READ: Final = (ValueError, LookupError, TypeError, ArithmeticError)


class WrittenInstant(TypeDecorator[str]):
    """An instant as the database has it written, which it may be in no order to be one.

    It compares as the column does, so that a list can go on from a damaged row too.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text in SQLite; elsewhere the database lets nothing in that is no instant."""
        return String() if dialect.name == "sqlite" else DateTime(timezone=True)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """What a cursor carries, for a query."""
        return value if dialect.name == "sqlite" else datetime.fromisoformat(str(value))

    def process_result_value(self, value: Any, _dialect: Dialect) -> str | None:
        """What a cursor can carry."""
        return None if value is None else str(value)


def instant_of(written: str | None) -> datetime | None:
    """The instant that is written there, in UTC; None when it can't be read as one."""
    try:
        found = datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def legible_statements(
    session: Session, subscription_ids: Sequence[int], *, now: datetime
) -> dict[int, Statement]:
    """Those of the subscriptions that can be read, as of `now`, by their number.

    All are read at once; only when that fails, one by one.
    """
    try:
        return _statements(session, subscription_ids, now)
    except CANT_BE_READ:
        return {
            number: statement
            for one in subscription_ids
            for number, statement in _statement(session, one, now).items()
        }


def _statement(session: Session, subscription_id: int, now: datetime) -> dict[int, Statement]:
    try:
        return _statements(session, [subscription_id], now)
    except CANT_BE_READ:
        return {}


def _statements(session: Session, ids: Sequence[int], now: datetime) -> dict[int, Statement]:
    rows = session.execute(statement_query(now).where(UserSubscription.id.in_(ids))).all()
    return {shown.subscription_id: shown for shown in statements_of(session, rows, now=now)}
