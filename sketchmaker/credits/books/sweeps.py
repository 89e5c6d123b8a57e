"""A sweep looks at one table in ranges of ids, and lets the database say which rows break a rule.

One statement a range, and only rows that break something come out of it: time grows with the rows
of a database, memory does not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.books.violations import Subject, Violation

LOW = bindparam("above", type_=Integer)
HIGH = bindparam("up_to", type_=Integer)

LEDGER_ROW = "ledger row"
HOLD = "hold"
GRANT = "grant"
PLAN = "plan"
SUBSCRIPTION = "subscription"
USER = "user"


@dataclass(frozen=True)
class Rule:
    """Which rows break an invariant, and what is said of them."""

    invariant: str
    broken: ColumnElement[bool]
    sentence: str
    expected: object = "none such"
    found: object = "it"


class Sweep:
    """Rules for the rows of one table, in a statement for a range of its keys."""

    def __init__(self, kind: str, key: Any, source: FromClause, rules: Sequence[Rule]) -> None:
        self.kind = kind
        self.key = key
        self._rules = list(rules)
        self._statement = self._select(source)

    def violations(self, session: Session, low: int, high: int) -> Iterator[Violation]:
        """What the rows above `low` and up to `high` break."""
        found = session.execute(self._statement, {"above": low, "up_to": high}).all()
        for row in found:
            yield from self._of_row(row)

    def _select(self, source: FromClause) -> Select[*tuple[Any, ...]]:
        columns = []
        for number, rule in enumerate(self._rules):
            columns += [
                func.coalesce(rule.broken, literal(value=False)).label(f"broken_{number}"),
                _column(rule.expected).label(f"expected_{number}"),
                _column(rule.found).label(f"found_{number}"),
            ]
        return (
            select(self.key.label("key"), *columns)
            .select_from(source)
            .where(within(self.key), or_(*(rule.broken for rule in self._rules)))
            .order_by(self.key)
        )

    def _of_row(self, row: Row[*tuple[Any, ...]]) -> Iterator[Violation]:
        for number, rule in enumerate(self._rules):
            facts = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
            if facts[f"broken_{number}"]:
                yield Violation(
                    rule.invariant,
                    Subject(self.kind, row.key),
                    rule.sentence,
                    facts[f"expected_{number}"],
                    facts[f"found_{number}"],
                )


def within(key: Any) -> ColumnElement[bool]:
    """The rows of the range that a statement's parameters name."""
    inside: ColumnElement[bool] = (key > LOW) & (key <= HIGH)
    return inside


def ranges(session: Session, key: Column[int], batch: int) -> Iterator[tuple[int, int, int]]:
    """Ranges of a key's values, each `(above, up_to, rows)` with about `batch` rows."""
    low = session.scalar(select(func.min(key)))
    if low is None:
        return
    above = low - 1
    while True:
        next_ids = select(key.label("id")).where(key > above).order_by(key).limit(batch)
        inside = next_ids.subquery()
        row = session.execute(select(func.count(), func.max(inside.c.id)).select_from(inside)).one()
        rows, up_to = row
        if not rows:
            return
        yield above, up_to, rows
        above = up_to


def _column(value: object) -> ColumnElement[Any]:
    return value if isinstance(value, ColumnElement) else literal(value)


Check = Callable[[Session, int, int], Iterator[Violation]]
"""What looks at a range of a table."""
