"""Rules of dates: cycles begin where the anchor says, and never before that instant has come."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books.sums import forced
from sketchmaker.credits.books.sweeps import LEDGER_ROW, SUBSCRIPTION, within
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules import actions
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.tables import LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import SuspendedReset

ROW = SUBSCRIPTIONS.c
Moves = dict[tuple[int, int], datetime]
ANCHOR_FACT = "anchor"
"""What a start or a restart says of the anchor when that is not the time of the row itself."""

SCHEDULE = (
    ROW.cycle.label("present"),
    ROW.anchor_cycle,
    ROW.subscription_start,
    ROW.time_zone,
)


def check_schedules(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B24: the last reset and the next are where the anchor puts them."""
    query = schedules_of_range()
    moved = moved_resets(session, low, high)
    for row in session.execute(query, {"above": low, "up_to": high}).all():
        yield from _check_schedule(row, moved)


def check_anchors(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B25: the anchor is the instant at which the subscription began, or was restarted last."""
    query = (
        select(ROW.id, ROW.subscription_start, LEDGER.c.created_at, LEDGER.c.metadata)
        .join(SUBSCRIPTIONS, ROW.id == LEDGER.c.subscription_id)
        .where(
            within(LEDGER.c.subscription_id),
            LEDGER.c.cycle == ROW.anchor_cycle,
            LEDGER.c.action.in_((actions.START_ACTION, actions.RESTART_ACTION)),
        )
    )
    for row in session.execute(query, {"above": low, "up_to": high}).all():
        anchor = anchor_of(row)
        if row.subscription_start != anchor:
            sentence = "The anchor is not when the subscription began or was restarted."
            subject = Subject(SUBSCRIPTION, row.id)
            yield Violation("B25", subject, sentence, anchor, row.subscription_start)


def schedules_of_range() -> Select[*tuple[Any, ...]]:
    """What `expected_resets` needs of the subscriptions of a range."""
    since = forced()
    return (
        select(ROW.id, *SCHEDULE, ROW.last_credit_reset, ROW.next_credit_reset, since.c.at)
        .outerjoin(since, since.c.subscription_id == ROW.id)
        .where(within(ROW.id))
    )


def _check_schedule(row: Row[*tuple[Any, ...]], moved: Moves) -> Iterator[Violation]:
    subject = Subject(SUBSCRIPTION, row.id)
    last, following = expected_resets(row, moved, row.at)
    if last is None or following is None:
        sentence = "Its cycles can't be counted: the zone or the cycle is impossible."
        yield Violation("B24", subject, sentence, "a zone and a cycle", row.time_zone)
        return
    if row.last_credit_reset != last:
        sentence = "The last reset is not at the boundary of the present cycle, nor was it forced."
        yield Violation("B24", subject, sentence, last, row.last_credit_reset)
    if row.next_credit_reset != following:
        sentence = "The next reset is not where the anchor puts it, by this edition of the zones."
        yield Violation("B24", subject, sentence, following, row.next_credit_reset)


def expected_resets(
    row: Any, moved: Moves, forced_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """When the last reset was and the next one will be, by the anchor, unless they were moved."""
    # A restart begins its cycle by itself, wherever the reset before it had been moved to.
    was_restarted = row.present == row.anchor_cycle
    moved_to = None if was_restarted else moved.get((row.id, row.present - 1))
    began = moved_to or boundary_of(row, row.present)
    # A clock that was behind may have forced a reset before the cycle began.
    last = began if began is None or forced_at is None else max(began, forced_at)
    following = moved.get((row.id, row.present)) or boundary_of(row, row.present + 1)
    return last, following


def moved_resets(session: Session, low: int, high: int) -> Moves:
    """By subscription and the cycle that it ends: to which instant a reset was moved last."""
    query = (
        select(LEDGER.c.subscription_id, LEDGER.c.cycle, LEDGER.c.metadata)
        .join(SUBSCRIPTIONS, ROW.id == LEDGER.c.subscription_id)
        .where(
            within(LEDGER.c.subscription_id),
            LEDGER.c.action == actions.RESCHEDULE_ACTION,
            LEDGER.c.cycle >= ROW.cycle - 1,
        )
        .order_by(LEDGER.c.id)
    )
    return _moves(session.execute(query, {"above": low, "up_to": high}))


def moves_of(session: Session, subscription_id: int) -> Moves:
    """As `moved_resets`, of one subscription, whatever its row says of its cycle."""
    query = (
        select(LEDGER.c.subscription_id, LEDGER.c.cycle, LEDGER.c.metadata)
        .where(
            LEDGER.c.subscription_id == subscription_id,
            LEDGER.c.action == actions.RESCHEDULE_ACTION,
        )
        .order_by(LEDGER.c.id)
    )
    return _moves(session.execute(query))


def forced_at(session: Session, subscription_id: int, cycle: int) -> datetime | None:
    """The latest instant at which the cycle was refilled by force; None when it never was."""
    latest = func.max(LEDGER.c.created_at, type_=LEDGER.c.created_at.type)
    forced_last: datetime | None = session.scalar(
        select(latest).where(
            LEDGER.c.subscription_id == subscription_id,
            LEDGER.c.cycle == cycle,
            LEDGER.c.action == actions.FORCE_RESET_ACTION,
        )
    )
    return forced_last


def anchor_of(row: Any) -> datetime:
    """The anchor that a row of the ledger set: its own time, unless it says another."""
    told = _instant(row.metadata, ANCHOR_FACT)
    return told or row.created_at


def _moves(rows: Iterable[Any]) -> Moves:
    moves: Moves = {}
    for row in rows:
        to = _instant(row.metadata, "to")
        if to is not None:
            moves[row.subscription_id, row.cycle] = to
    return moves


def boundary_of(row: Any, cycle: int) -> datetime | None:
    """Where a cycle begins by the schedule of the row; None when that can't be said."""
    try:
        return cycle_start(row.subscription_start, cycle - row.anchor_cycle, row.time_zone)
    except (ValueError, OSError, KeyError, OverflowError):  # zones that are missing are KeyErrors
        return None


def check_reset_rows(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B23: a reset was due at its boundary, and was not applied before."""
    query = (
        select(LEDGER.c.id, LEDGER.c.cycle, LEDGER.c.created_at, LEDGER.c.metadata, *SCHEDULE)
        .add_columns(_was_moved().label("was_moved"))
        .join(SUBSCRIPTIONS, ROW.id == LEDGER.c.subscription_id)
        .where(within(LEDGER.c.id), LEDGER.c.action == actions.RESET_ACTION)
    )
    for row in session.execute(query, {"above": low, "up_to": high}).all():
        yield from _check_reset_row(row)


def _check_reset_row(row: Row[*tuple[Any, ...]]) -> Iterator[Violation]:
    subject = Subject(LEDGER_ROW, row.id)
    due_at = _instant(row.metadata, "due_at")
    if due_at is None:
        yield Violation("B23", subject, "It does not say when it was due.", "an instant", "none")
        return
    if row.created_at < due_at:
        sentence = "The reset was applied before it was due."
        yield Violation("B23", subject, sentence, due_at, row.created_at)
    # Elsewhere than in UTC, a newer edition of the zones may see past boundaries differently.
    counted = row.time_zone == "UTC" and row.cycle > row.anchor_cycle and not row.was_moved
    boundary = boundary_of(row, row.cycle) if counted else due_at
    if due_at != boundary:
        sentence = "The reset was due at another instant than its cycle begins."
        yield Violation("B23", subject, sentence, boundary, due_at)


def check_runaways(
    session: Session, now: datetime, *, only: int | None = None
) -> Iterator[Violation]:
    """B26: who got too many allowances in the last 24 hours is suspended, and stays so."""
    row = LEDGER.c
    allowances = func.count(row.created_at.distinct())
    is_suspended = exists().where(
        SuspendedReset.subscription_id == row.subscription_id,
        SuspendedReset.cause == guard.RUNAWAY,
    )
    query = (
        select(row.subscription_id, allowances.label("allowances"))
        .where(
            row.action.in_(actions.ALLOWANCE_ACTIONS),
            row.created_at > now - timedelta(days=1),
            row.created_at <= now,
            row.subscription_id.is_not(None),
            ~is_suspended,
        )
        .group_by(row.subscription_id)
        .having(allowances > guard.GRANTS_A_DAY)
    )
    if only is not None:
        query = query.where(row.subscription_id == only)
    for found in session.execute(query).all():
        yield Violation(
            "B26",
            Subject(SUBSCRIPTION, found.subscription_id),
            "It got more allowances within 24 hours than any rule gives, and is not suspended.",
            guard.GRANTS_A_DAY,
            found.allowances,
        )
    yield from _check_suspended(session, only)


def _check_suspended(session: Session, only: int | None) -> Iterator[Violation]:
    failed, retried = SuspendedReset.cause == guard.FAILED, SuspendedReset.retry_at.is_not(None)
    query = select(
        SuspendedReset.subscription_id, SuspendedReset.cause, retried.label("is_retried")
    )
    query = query.where(or_(and_(failed, ~retried), and_(~failed, retried)))
    if only is not None:
        query = query.where(SuspendedReset.subscription_id == only)
    for row in session.execute(query):
        yield Violation(
            "B26",
            Subject(SUBSCRIPTION, row.subscription_id),
            "What failed is retried; what is suspended for another cause is not.",
            row.cause,
            "retried" if row.is_retried else "not retried",
        )


def _was_moved() -> ColumnElement[bool]:
    move = LEDGER.alias("move")
    return exists().where(
        move.c.subscription_id == LEDGER.c.subscription_id,
        move.c.cycle == LEDGER.c.cycle - 1,
        move.c.action == actions.RESCHEDULE_ACTION,
    )


def _instant(facts: object, name: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(facts[name])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return None
    return at if at.tzinfo is not None else None
