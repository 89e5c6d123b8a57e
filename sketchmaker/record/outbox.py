"""Telling others what happened: a row in the verb's own transaction, delivered after the commit.

An event is written once for each deliverer that has a route for its kind, and not at all when
nobody has: that is one statement, so it costs a verb next to nothing. Delivery is at least once;
`event_id` tells a repeat. Events of one subject are tried in the order in which they were written,
but one that has to be tried again is overtaken by those after it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.orm import Session

from sketchmaker.randomness import token
from sketchmaker.record.outbox_tables import OUTBOX, ROUTES, DeliveryState

COLUMNS: Final = (
    "event_id",
    "deliverer",
    "kind",
    "subject",
    "payload",
    "created_at",
    "due_at",
    "state",
    "attempts",
)
"""What is written of a new event."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    `kind` is what, such as "credits.reset"; `subject` is to whom, see `subject_of`. `payload` is
    what others are told: JSON, without secrets. `event_id` is given where it must be the same when
    the same thing is written again; else it is a random one.
    """

    kind: str
    subject: str
    payload: Mapping[str, Any]
    event_id: str | None = None


def add(session: Session, event: Event, *, now: datetime) -> int:
    """Tell every deliverer that has a route for this kind; gives how many there are."""
    values = _values(event, now) | {"deliverer": ROUTES.c.deliverer}
    rows = select(*(values[name] for name in COLUMNS)).where(ROUTES.c.kind == event.kind)
    written = insert(OUTBOX).from_select(list(COLUMNS), rows).returning(OUTBOX.c.id)
    return len(session.scalars(written).all())


def add_for(session: Session, deliverer: str, event: Event, *, now: datetime) -> None:
    """Tell this one deliverer, which needs no route: a message that is meant for nobody else."""
    values = _values(event, now) | {"deliverer": literal(deliverer)}
    row = select(*(values[name] for name in COLUMNS))
    session.execute(insert(OUTBOX).from_select(list(COLUMNS), row))


def set_routes(session: Session, deliverer: str, kinds: Collection[str]) -> None:
    """From now on this deliverer is told of these kinds of events, and of no others."""
    session.execute(delete(ROUTES).where(ROUTES.c.deliverer == deliverer))
    if kinds:
        rows = [{"kind": kind, "deliverer": deliverer} for kind in sorted(set(kinds))]
        session.execute(insert(ROUTES), rows)


def routes_of(session: Session, deliverer: str) -> set[str]:
    """The kinds of events of which this deliverer is told."""
    return set(session.scalars(select(ROUTES.c.kind).where(ROUTES.c.deliverer == deliverer)))


def subject_of(user_id: int) -> str:
    """The subject of every event about this user."""
    return f"user {user_id}"


def erase_subject(session: Session, subject: str) -> None:
    """Delete everything about this subject, delivered or not."""
    session.execute(delete(OUTBOX).where(OUTBOX.c.subject == subject))


def _values(event: Event, now: datetime) -> dict[str, Any]:
    columns = OUTBOX.c
    return {
        "event_id": literal(event.event_id or token()),
        "kind": literal(event.kind),
        "subject": literal(event.subject),
        "payload": literal(dict(event.payload), columns.payload.type),
        "created_at": literal(now, columns.created_at.type),
        "due_at": literal(now, columns.due_at.type),
        "state": literal(DeliveryState.WAITING.value),
        "attempts": literal(0),
    }
