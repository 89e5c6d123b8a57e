"""Telling others what happened: a row in the verb's own transaction, delivered after the commit.

An event is written once for each deliverer that has a route for its kind, and not at all when
nobody has: that is one statement, so it costs a verb next to nothing. Delivery is at least once;
`event_id` tells a repeat. Events of one subject are tried in the order in which they were written,
but one that has to be tried again is overtaken by those after it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Insert, Select, delete, insert, literal, select
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


def add_all(session: Session, kind: str, events: Iterable[Event], *, now: datetime) -> None:
    """As `add`, of many events of one kind; they are not even looked at when nobody is told."""
    deliverers = session.scalars(select(ROUTES.c.deliverer).where(ROUTES.c.kind == kind)).all()
    if deliverers:
        rows = [
            {**_fields(event), **_new(now), "deliverer": deliverer}
            for event in events
            for deliverer in deliverers
        ]
        session.connection().execute(insert(OUTBOX), rows)


def insert_for_each(
    rows: Select[*tuple[Any, ...]],
    *,
    kind: str,
    event_id: ColumnElement[str],
    subject: ColumnElement[str],
    payload: ColumnElement[Any],
    now: ColumnElement[datetime],
) -> Insert:
    """As `add`, of an event for each of these rows: for who changes many in one statement.

    `rows` selects from what the expressions are about, and selects no column itself.
    """
    values = _literals({"kind": kind, **_new(now)}) | {
        "event_id": event_id,
        "subject": subject,
        "payload": payload,
        "deliverer": ROUTES.c.deliverer,
    }
    told = rows.join(ROUTES, ROUTES.c.kind == kind)
    chosen = told.add_columns(*(values[name] for name in COLUMNS))
    return insert(OUTBOX).from_select(list(COLUMNS), chosen)


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


def has_route(session: Session, kind: str) -> bool:
    """Whether anybody is told of this kind of event."""
    return (
        session.scalar(select(ROUTES.c.deliverer).where(ROUTES.c.kind == kind).limit(1)) is not None
    )


def routes_of(session: Session, deliverer: str) -> set[str]:
    """The kinds of events of which this deliverer is told."""
    return set(session.scalars(select(ROUTES.c.kind).where(ROUTES.c.deliverer == deliverer)))


def subject_of(user_id: int) -> str:
    """The subject of every event about this user."""
    return f"user {user_id}"


def erase_subject(session: Session, subject: str) -> None:
    """Delete everything about this subject, delivered or not."""
    session.execute(delete(OUTBOX).where(OUTBOX.c.subject == subject))


def _values(event: Event, now: datetime) -> dict[str, ColumnElement[Any]]:
    return _literals({**_fields(event), **_new(now)})


def _fields(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id or token(),
        "kind": event.kind,
        "subject": event.subject,
        "payload": dict(event.payload),
    }


def _new(now: Any) -> dict[str, Any]:
    """Where every delivery begins."""
    state = DeliveryState.WAITING.value
    return {"created_at": now, "due_at": now, "state": state, "attempts": 0}


def _literals(row: dict[str, Any]) -> dict[str, ColumnElement[Any]]:
    return {
        name: value if isinstance(value, ColumnElement) else literal(value, OUTBOX.c[name].type)
        for name, value in row.items()
    }
