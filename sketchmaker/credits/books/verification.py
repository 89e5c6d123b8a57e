"""Going over the whole database, range by range, in one snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, Table, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books import (
    hold_rules,
    parts,
    plan_versions,
    refund_rules,
    row_rules,
    schedules,
    sums,
)
from sketchmaker.credits.books.sweeps import (
    GRANT,
    HOLD,
    LEDGER_ROW,
    PLAN,
    SUBSCRIPTION,
    USER,
    Check,
    Sweep,
    ranges,
)
from sketchmaker.credits.books.values import VALUES, as_far_as_readable, check_values
from sketchmaker.credits.books.violations import Progress, Subject, Violation
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, PLANS, SUBSCRIPTIONS

DEFAULT_BATCH = 1000

BY_USER: Sequence[Check] = (parts.check_grants, refund_rules.check_named_grants)
"""What looks at the grants of a user, all together."""


@dataclass(frozen=True)
class _Pass:
    """One table, and what looks at its rows."""

    kind: str
    table: Table
    checks: Sequence[Check]
    # Only what is broken comes out of the ledger's rows, so that their ranges may be wider: each
    # statement joins three tables, and PostgreSQL may well read these whole.
    times: int = 1
    key_name: str = "id"

    @property
    def key(self) -> Column[int]:
        """What its rows are counted by."""
        return self.table.c[self.key_name]


@in_utc
def verify(
    session: Session,
    *,
    now: datetime,
    batch: int = DEFAULT_BATCH,
    progress: Progress | None = None,
) -> Iterator[Violation]:
    """Prove every invariant of `docs/invariants.md` for every row; yield what does not hold.

    Reads one snapshot, in ranges of `batch` ids (wider ones of the ledger), so that it may run
    beside the product: give it a session that has done nothing yet. `now` is an aware instant.
    Nothing is written.
    """
    _take_snapshot(session)
    passes = _passes(now)
    total = sum(_count(session, each.table) for each in passes)
    looked_at = 0
    for each in passes:
        for above, up_to, rows in ranges(session, each.key, batch * each.times):
            yield from _look_at(each, session, above, up_to)
            looked_at += rows
            if progress is not None:
                progress(looked_at, total)
    yield from schedules.check_runaways(session, now)


@in_utc
def verify_one(session: Session, subject: Subject, *, now: datetime) -> Iterator[Violation]:
    """Prove the invariants of one row, in the caller's transaction."""
    kind = subject.kind
    for each in _passes(now):
        if each.kind == kind:
            found = _look_at(each, session, subject.id - 1, subject.id)
            yield from (violation for violation in found if violation.subject == subject)
    if kind == GRANT:  # what of it is held and used is looked at by user
        owner: Any = session.scalar(select(GRANTS.c.user_id).where(GRANTS.c.id == subject.id))
        for check in BY_USER if isinstance(owner, int) else ():
            found = as_far_as_readable(check, USER, session, owner - 1, owner)
            yield from (violation for violation in found if violation.subject == subject)
    if kind == SUBSCRIPTION:
        yield from schedules.check_runaways(session, now, only=subject.id)


def _take_snapshot(session: Session) -> None:
    # READ COMMITTED sees another state in every statement: a charge between two of them would look
    # like a violation. SQLite reads one snapshot anyway.
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _look_at(each: _Pass, session: Session, above: int, up_to: int) -> Iterator[Violation]:
    """What does not hold for the rows of a range; a row with odd values is told once."""
    odd: set[Subject] = set()
    if each.key_name == "id":
        for violation in check_values(each.kind, each.table)(session, above, up_to):
            odd.add(violation.subject)
            yield violation
    for check in each.checks:
        for violation in as_far_as_readable(check, each.kind, session, above, up_to):
            if violation.invariant != VALUES or violation.subject not in odd:
                yield violation
            if violation.invariant == VALUES:
                odd.add(violation.subject)


def _passes(now: datetime) -> list[_Pass]:
    return [
        _Pass(PLAN, PLANS, [_swept(row_rules.plan_sweep()), plan_versions.check_terms]),
        _Pass(USER, SUBSCRIPTIONS, [_swept(sums.user_sweep()), *BY_USER], key_name="user_id"),
        _Pass(
            SUBSCRIPTION,
            SUBSCRIPTIONS,
            [
                _swept(sums.subscription_sweep()),
                parts.check_held,
                schedules.check_schedules,
                schedules.check_anchors,
                plan_versions.check_held_versions,
            ],
        ),
        _Pass(GRANT, GRANTS, [_swept(row_rules.grant_sweep())]),
        _Pass(
            HOLD,
            HOLDS,
            [
                _swept(hold_rules.hold_sweep()),
                parts.check_hold_parts,
                partial(hold_rules.check_ends, now=now),
            ],
        ),
        _Pass(
            LEDGER_ROW,
            LEDGER,
            [
                _swept(row_rules.ledger_sweep()),
                _swept(refund_rules.refund_sweep()),
                schedules.check_reset_rows,
            ],
            times=10,
        ),
    ]


def _swept(sweep: Sweep) -> Check:
    return sweep.violations


def _count(session: Session, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0
