"""The order in which waiting generations are taken up: fairly, whoever orders how much.

It is decided by the database for all processes together. Every waiting generation has a turn: how
many of its person's are at work or were begun lately, plus its place among the person's own. The
lowest turn is next, and of equal turns the oldest. So the oldest order of whoever has had least
comes first, and nobody waits for all that somebody else has ordered.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Subquery, func, or_, select
from sqlalchemy.orm import Session

from sketchmaker.studio.tables import IS_OPEN, Generation, GenerationState

LATELY = timedelta(minutes=5)
"""For how long a generation that was begun counts as had, after it has ended."""

MEASURED_GENERATIONS = 20
UNMEASURED_SECONDS = 1.0
"""An image's drawing time as long as none was measured."""

IS_WAITING = Generation.state == GenerationState.QUEUED
IS_AT_WORK = Generation.state == GenerationState.RUNNING


def next_up(session: Session, *, now: datetime, limit: int = 10) -> list[int]:
    """The numbers of the generations to be taken up next, in their order."""
    waiting = _in_order(now)
    query = select(waiting.c.id).order_by(waiting.c.place)
    return list(session.scalars(query.limit(limit)))


def backlog(session: Session) -> tuple[int, datetime | None]:
    """How many generations are waiting, and since when the oldest; None when none is."""
    query = select(func.count(), func.min(Generation.created_at)).where(IS_WAITING)
    count, oldest = session.execute(query).one()
    return count, oldest


def places(
    session: Session, generation_ids: Collection[int], *, now: datetime
) -> Mapping[int, int]:
    """The place in the queue, counted from 1, of each of these that is waiting."""
    if not generation_ids:
        return {}
    waiting = _in_order(now)
    query = select(waiting.c.id, waiting.c.place).where(waiting.c.id.in_(generation_ids))
    return {row.id: row.place for row in session.execute(query)}


def expected_wait(session: Session) -> timedelta:
    """How long drawing all that is ordered will take, by the drawing times measured last.

    When something waits, every thread of every process is at work: as many as draw now.
    """
    ordered = session.execute(
        select(
            func.coalesce(func.sum(Generation.images_requested - Generation.images_drawn), 0),
            func.count().filter(IS_AT_WORK),
        ).where(IS_OPEN)
    ).one()
    images, threads = ordered
    return timedelta(seconds=int(images) * _seconds_an_image(session) / max(threads, 1))


def _seconds_an_image(session: Session) -> float:
    query = select(Generation.started_at, Generation.finished_at, Generation.images_delivered)
    drawn = query.where(Generation.images_delivered > 0, Generation.started_at.is_not(None))
    newest = session.execute(
        drawn.order_by(Generation.started_at.desc()).limit(MEASURED_GENERATIONS)
    ).all()
    images = sum(row.images_delivered for row in newest)
    seconds = sum((row.finished_at - row.started_at).total_seconds() for row in newest)
    return float(seconds / images) if images else UNMEASURED_SECONDS


def _in_order(now: datetime) -> Subquery:
    """Every waiting generation with its place."""
    had = (
        select(Generation.user_id, func.count().label("number"))
        .where(or_(IS_AT_WORK, Generation.started_at > now - LATELY))
        .group_by(Generation.user_id)
        .subquery()
    )
    own_place = func.row_number().over(partition_by=Generation.user_id, order_by=Generation.id)
    turns = (
        select(Generation.id, (func.coalesce(had.c.number, 0) + own_place).label("turn"))
        .outerjoin(had, had.c.user_id == Generation.user_id)
        .where(IS_WAITING)
        .subquery()
    )
    place = func.row_number().over(order_by=(turns.c.turn, turns.c.id)).label("place")
    return select(turns.c.id, place).subquery()
