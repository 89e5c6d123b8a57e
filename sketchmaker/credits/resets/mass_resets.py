"""Many resets in one statement: the plain ones, worked out by the database.

Which are plain says `mass_claims`; what becomes of them, the rules that say it for one row
(`new_cycle`, `reset_writing.RECORDS`), over columns instead of numbers. Everything else is left to
`resets`. `tests/credits/test_mass_resets.py` compares the two, row by row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Integer,
    Label,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.resets import mass_claims
from sketchmaker.credits.resets.dialect_words import POSTGRES_WORDS, SQLITE_WORDS, Words
from sketchmaker.credits.resets.reset_plan import BatchDone, ResetDone
from sketchmaker.credits.resets.writing import RECORDS
from sketchmaker.credits.rows.next_plan import NEXT_PLAN, next_plan_of, with_next_plan
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.new_cycle import (
    GRACE,
    RESET_EVENT,
    Boundary,
    begin_cycle,
    reset_event,
)
from sketchmaker.credits.tables import LEDGER, SUBSCRIPTIONS
from sketchmaker.database import UtcDateTime
from sketchmaker.record import outbox

MAX_DESCRIBED_RESETS = 50
"""So many of a batch are described one by one; a larger one is counted."""

_NOW = bindparam("now", type_=UtcDateTime)
_LATE = bindparam("late", type_=UtcDateTime)


@in_utc
def reset_plain(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> BatchDone:
    """Claim those of the subscriptions that are due, and reset the plain of them.

    The others stay due, and claimed by this transaction.
    """
    on_postgres = session.get_bind().dialect.name == "postgresql"
    reset = _on_postgres if on_postgres else _on_sqlite
    return reset(session, subscription_ids, now)


def _on_postgres(session: Session, subscription_ids: Sequence[int], now: datetime) -> BatchDone:
    told = mass_claims.postgres_parameters(session, subscription_ids, now)
    rows = session.execute(postgres_statement(), {**told, "now": now, "late": now - GRACE}).all()
    return BatchDone(rows[0].total if rows else 0, _described(rows, now))


def _on_sqlite(session: Session, subscription_ids: Sequence[int], now: datetime) -> BatchDone:
    told = mass_claims.sqlite_parameters(session, subscription_ids)
    count, planned = session.execute(mass_claims.SQLITE_PLAIN, {**told, "now": now}).one()
    if not count:
        return BatchDone(0, [])
    parameters = {"planned": planned, "now": now, "late": now - GRACE}
    # Nobody can begin to be told meanwhile, for the write lock is ours.
    describing, *writing = sqlite_statements(tells=outbox.has_route(session, RESET_EVENT))
    described = _described(session.execute(describing, parameters), now)
    for statement in writing:
        session.execute(statement, parameters)
    return BatchDone(count, described)


@cache
def postgres_statement() -> Select[*tuple[Any, ...]]:
    """All in one: claim, reset, add the records, describe the first."""
    plain = mass_claims.POSTGRES_PLAIN.cte("plain")
    rows = select(plain, *NEXT_PLAN).select_from(with_next_plan(plain, plain.c))
    due = rows.order_by(plain.c.id).subquery("due")
    many = _Many(due.c, next_plan_of(due.c), due.c.following)
    change = update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == due.c.id).values(many.changes)
    # What is added is worked out by the update; to hand on all columns of the rows would cost more.
    records = [(table, _labelled(row, table)) for table, row in many.records(POSTGRES_WORDS)]
    values = [value for _, row in records for value in row.values()]
    reset = change.returning(*many.described, *values).cte("reset")
    inserts = [
        insert(table).from_select(list(row), select(*(reset.c[each.name] for each in row.values())))
        for table, row in records
    ]
    total = select(func.count()).select_from(reset).scalar_subquery().label("total")
    described = select(*(reset.c[each.name] for each in many.described), total)
    entry = {name: reset.c[value.name] for name, value in dict(records)[LEDGER].items()}
    inserts.append(_events(select().select_from(reset), entry, POSTGRES_WORDS))
    adding = [each.cte(f"into_{each.table.name}") for each in inserts]
    return described.limit(MAX_DESCRIBED_RESETS).add_cte(*adding)


@cache
def sqlite_statements(*, tells: bool) -> tuple[Executable, ...]:
    """One after the other: describe the first, add the records, tell of them, reset."""
    entry = func.json_each(bindparam("planned", type_=Text)).table_valued("value")
    number = literal_column("value ->> 0", Integer)
    following = literal_column("value ->> 1", UtcDateTime)
    columns = (number.label("id"), following.label("following"))
    planned = select(*columns).select_from(entry).cte("planned").prefix_with("MATERIALIZED")
    row = SUBSCRIPTIONS.c
    subscribed = planned.join(SUBSCRIPTIONS, row.id == planned.c.id)
    given = select(*planned.c, *NEXT_PLAN).select_from(with_next_plan(subscribed, row))
    due = given.cte("due").prefix_with("MATERIALIZED")
    rows = select().select_from(due.join(SUBSCRIPTIONS, row.id == due.c.id))
    many = _Many(row, next_plan_of(due.c), due.c.following)
    reset = update(SUBSCRIPTIONS).where(row.id == due.c.id).values(many.changes)
    described = rows.add_columns(*many.described).limit(MAX_DESCRIBED_RESETS)
    records = many.records(SQLITE_WORDS)
    inserts = [
        insert(table).from_select(list(row), rows.add_columns(*row.values()))
        for table, row in records
    ]
    if tells:
        inserts.append(_events(rows, dict(records)[LEDGER], SQLITE_WORDS))
    return described, *inserts, reset


class _Many:
    """Resets of many rows: the columns of the rows, of their next plans, and of what follows."""

    def __init__(self, before: Any, plan: Any, following: ColumnElement[datetime]) -> None:
        boundary = Boundary(before.cycle + 1, before.next_credit_reset, following)
        self._operands = before, plan, boundary
        self.changes = begin_cycle(*self._operands)
        described = ("cycle", "cycle_allowance", "last_credit_reset", "next_credit_reset")
        self.described = [before.id, *(self.changes[name].label(name) for name in described)]

    def records(self, words: Words) -> list[tuple[Table, dict[str, ColumnElement[Any]]]]:
        """What each reset adds to which table, in the words of a database."""
        return [
            (table, {name: words.sql(value, table.c[name].type) for name, value in row.items()})
            for table, row in self._rows()
        ]

    def _rows(self) -> Iterator[tuple[Table, dict[str, Any]]]:
        for table, rule in RECORDS:
            yield table, rule(*self._operands, _NOW, _LATE)


def _events(
    rows: Select[*tuple[Any, ...]], entry: Mapping[str, ColumnElement[Any]], words: Words
) -> Insert:
    """Tell of each reset, whose row of the ledger has these columns, whoever wants to be told."""
    told = {name: words.sql(value) for name, value in reset_event(entry).items()}
    return outbox.insert_for_each(rows, kind=RESET_EVENT, now=_NOW, **told)


def _labelled(row: dict[str, ColumnElement[Any]], table: Table) -> dict[str, Label[Any]]:
    return {name: value.label(f"{table.name}_{name}") for name, value in row.items()}


def _described(rows: Iterable[Row[Any]], now: datetime) -> list[ResetDone]:
    return [
        ResetDone(
            subscription_id=row.id,
            cycle=row.cycle,
            credits=row.cycle_allowance,
            due_at=row.last_credit_reset,
            next_reset=row.next_credit_reset,
            was_caught_up=now - row.last_credit_reset > GRACE,
            missed=0,
        )
        for row in rows
    ]
