"""Values that are none of their column's kind: SQLite stores whatever it is given.

Text, fractions or impossible dates, where a number or a date belongs, can't be read as what they
should be. So they are looked for in SQL, before anything else looks at their rows.
"""

import sqlite3
from collections.abc import Iterator
from functools import cache

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Integer,
    Table,
    and_,
    func,
    literal_column,
    not_,
    or_,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from sketchmaker.credits.books.sweeps import SUBSCRIPTION, Check, Rule, Sweep
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.tables.side import SUSPENDED
from sketchmaker.database import UtcDateTime

VALUES = "B3"
"""Every value is of its column's kind."""

SHOWN = 60
"""Characters of a value that are shown."""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Python raises of a value that is not of the kind it should be."""

_TO_THE_SECOND = 19


def check_values(kind: str, table: Table) -> Check:
    """B3: what looks at the values of a table; on PostgreSQL, whose columns see to it, nothing."""

    def check(session: Session, low: int, high: int) -> Iterator[Violation]:
        if session.get_bind().dialect.name == "sqlite":
            yield from _value_sweep(kind, table).violations(session, low, high)
            if kind == SUBSCRIPTION:
                yield from _value_sweep(kind, SUSPENDED).violations(session, low, high)

    return check


def as_far_as_readable(
    check: Check, kind: str, session: Session, low: int, high: int
) -> Iterator[Violation]:
    """What the check finds; where a value can't be read, row by row, and which rows these are."""
    try:
        yield from list(check(session, low, high))
    except (*UNREADABLE, DBAPIError) as error:
        if isinstance(error, DBAPIError) and not _is_of_a_value(error):
            raise
        if high - low > 1:
            middle = (low + high) // 2
            yield from as_far_as_readable(check, kind, session, low, middle)
            yield from as_far_as_readable(check, kind, session, middle, high)
            return
        sentence = "Not every rule could be looked at, for a value can't be reckoned with."
        found = f"{type(error).__name__} of a value of it, or of a row that belongs to it"
        yield Violation(VALUES, Subject(kind, high), sentence, "values of their kind", found)


@cache
def _value_sweep(kind: str, table: Table) -> Sweep:
    key = table.c.get("id", next(iter(table.primary_key)))
    return Sweep(kind, key, table, [_rule(table, column) for column in table.c])


def _rule(table: Table, column: Column[object]) -> Rule:
    expected, is_kind = _kind(column)
    stored = func.typeof(column)
    broken = and_(not_(is_kind), stored != "null") if column.nullable else not_(is_kind)
    return Rule(
        VALUES,
        broken,
        f"{table.name}.{column.name} holds what is no {expected}.",
        expected,
        func.substr(func.quote(column), 1, SHOWN),
    )


def _kind(column: Column[object]) -> tuple[str, ColumnElement[bool]]:
    """What a column should hold, and whether it does."""
    stored = func.typeof(column)
    if isinstance(column.type, Boolean):
        truths: list[ColumnElement[int]] = [literal_column("0"), literal_column("1")]
        return "yes or no", and_(stored == "integer", func.abs(column).in_(truths))
    if isinstance(column.type, Integer):
        return "whole number", stored == "integer"
    if isinstance(column.type, UtcDateTime):
        return "date", and_(stored == "text", _is_date(column))
    if isinstance(column.type, JSON):
        return "JSON", and_(stored == "text", func.json_valid(column) == 1)
    return "text", stored == "text"


def _is_date(column: Column[object]) -> ColumnElement[bool]:
    """Is it the text of a date that there is? SQLite takes February 30 for March 2."""
    written = func.substr(column, 1, _TO_THE_SECOND)
    # Without the fraction, which SQLite would round. Adding nothing makes it count the days.
    understood = func.strftime("%Y-%m-%d %H:%M:%S", written, "+0 days")
    fraction = func.substr(column, _TO_THE_SECOND + 1)
    return and_(
        written.is_not_distinct_from(understood),
        written > "0001",
        or_(fraction == "", fraction.op("GLOB")(".[0-9][0-9][0-9][0-9][0-9][0-9]")),
    )


def _is_of_a_value(error: DBAPIError) -> bool:
    """Is it SQLite, which could not reckon with a value? Else it is an outage, or our mistake."""
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
