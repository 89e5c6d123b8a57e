"""Working off the outbox: claim a delivery for a while, then write down how it went.

Nothing here delivers, and nobody delivers within a transaction. A claim is a lease: whoever dies
leaves a row that is due again when the lease has passed, so an event may be delivered twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.outbox_tables import OUTBOX, DeliveryState, OutboxRow
from sketchmaker.record.trail import record

DELIVERED_KEPT_FOR: Final = timedelta(days=3)
DEAD_KEPT_FOR: Final = timedelta(days=30)
LATELY: Final = timedelta(days=1)
LONGEST_ERROR: Final = 500

_WAITING = OUTBOX.c.state == DeliveryState.WAITING.value
_DEAD = OUTBOX.c.state == DeliveryState.DEAD.value


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one deliverer; `attempt` counts from 1."""

    id: int
    event_id: str
    deliverer: str
    kind: str
    subject: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class OutboxFigures:
    """How the outbox stands: what waits, since when, what is dead.

    Of those that wait, `retrying` have failed at least once; of the dead, `died_lately` died within
    a day.
    """

    waiting: int
    oldest: datetime | None
    retrying: int
    dead: int
    died_lately: int


def has_due(session: Session, deliverer: str, *, now: datetime) -> bool:
    """Whether there is anything to claim: a look that needs no lock."""
    return session.scalar(_due(deliverer, now)) is not None


def claim(session: Session, deliverer: str, *, now: datetime, lease: timedelta) -> Delivery | None:
    """Take the delivery due first for this deliverer, and keep it from others until the lease ends.

    None when none is due, or when others have claimed all that are.
    """
    number = session.scalar(_due(deliverer, now).with_for_update(skip_locked=True))
    if number is None:
        return None
    taken = (
        update(OUTBOX)
        .where(OUTBOX.c.id == number)
        .values(due_at=now + lease, attempts=OUTBOX.c.attempts + 1)
        .returning(OUTBOX)
    )
    row = session.execute(taken).one()
    return Delivery(
        id=row.id,
        event_id=row.event_id,
        deliverer=row.deliverer,
        kind=row.kind,
        subject=row.subject,
        payload=row.payload,
        created_at=row.created_at,
        attempt=row.attempts,
    )


def note_delivered(session: Session, delivery: Delivery, *, now: datetime) -> None:
    """It arrived. That is true even when the lease has passed and somebody else has it now."""
    _end(session, delivery, DeliveryState.DELIVERED, now, error=None)


def note_failed(
    session: Session, delivery: Delivery, *, error: str, retry_at: datetime | None, now: datetime
) -> None:
    """It did not arrive, and is tried again at `retry_at`; None: never again, it is dead.

    Does nothing when the lease has passed and somebody else has it now.
    """
    if retry_at is None:
        _end(session, delivery, DeliveryState.DEAD, now, error=error)
        return
    again = update(OUTBOX).where(_is(delivery), OUTBOX.c.attempts == delivery.attempt)
    session.execute(again.values(due_at=retry_at, last_error=error[:LONGEST_ERROR]))


def dead_deliveries(session: Session, *, limit: int = 100) -> list[OutboxRow]:
    """Deliveries that nobody tries any more, the latest death first."""
    latest_first = select(OutboxRow).where(_DEAD).order_by(OUTBOX.c.ended_at.desc(), OUTBOX.c.id)
    return list(session.scalars(latest_first.limit(limit)))


def replay(
    session: Session,
    numbers: Collection[int] | None = None,
    *,
    now: datetime,
    by: Actor,
    reason: str,
) -> int:
    """Try dead deliveries again from the first attempt on; gives how many. None means all.

    Raises:
        ReasonMissing: the actor does not say why.
    """
    chosen = update(OUTBOX).where(_DEAD)
    if numbers is not None:
        chosen = chosen.where(OUTBOX.c.id.in_(list(numbers)))
    waiting = {"state": DeliveryState.WAITING.value, "ended_at": None}
    again = chosen.values(due_at=now, attempts=0, **waiting).returning(OUTBOX.c.id)
    replayed = len(session.scalars(again).all())
    if replayed:
        subject, after = Subject("outbox", None, "dead deliveries"), {"replayed": replayed}
        record(session, by, "replayed", subject, before=None, after=after, reason=reason, now=now)
    return replayed


def forget_old(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Delete, at most `limit`, what was delivered or died long ago; gives how many."""
    delivered = OUTBOX.c.state == DeliveryState.DELIVERED.value
    past = (delivered & (OUTBOX.c.ended_at < now - DELIVERED_KEPT_FOR)) | (
        _DEAD & (OUTBOX.c.ended_at < now - DEAD_KEPT_FOR)
    )
    some = select(OUTBOX.c.id).where(past).limit(limit)
    gone = delete(OUTBOX).where(OUTBOX.c.id.in_(some)).returning(OUTBOX.c.id)
    return len(session.scalars(gone).all())


def figures(session: Session, *, now: datetime) -> OutboxFigures:
    """How the outbox stands, of all deliverers together."""
    oldest = func.min(OUTBOX.c.created_at, type_=OUTBOX.c.created_at.type)
    failed_once = func.count().filter(OUTBOX.c.last_error.is_not(None))
    columns = (func.count(), oldest, failed_once)
    waiting, since, retrying = session.execute(select(*columns).where(_WAITING)).one()
    lately = func.count().filter(OUTBOX.c.ended_at > now - LATELY)
    dead, died_lately = session.execute(select(func.count(), lately).where(_DEAD)).one()
    return OutboxFigures(waiting, since, retrying, dead, died_lately)


def _due(deliverer: str, now: datetime) -> Any:
    due = (_WAITING, OUTBOX.c.deliverer == deliverer, OUTBOX.c.due_at <= now)
    return select(OUTBOX.c.id).where(*due).order_by(OUTBOX.c.due_at, OUTBOX.c.id).limit(1)


def _is(delivery: Delivery) -> Any:
    return _WAITING & (OUTBOX.c.id == delivery.id)


def _end(
    session: Session, delivery: Delivery, state: DeliveryState, now: datetime, error: str | None
) -> None:
    ended = update(OUTBOX).where(_is(delivery))
    if state is DeliveryState.DEAD:
        ended = ended.where(OUTBOX.c.attempts == delivery.attempt)
    why = error and error[:LONGEST_ERROR]
    session.execute(ended.values(state=state.value, ended_at=now, last_error=why))
