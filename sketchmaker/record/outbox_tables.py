"""The tables of the outbox."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


_WAITS: Final = text("state = 'waiting'")
_ENDED: Final = text("state <> 'waiting'")


class OutboxRow(Base):
    """One event on its way to one deliverer.

    `due_at` is when it is tried next; whoever has claimed it moves that on by its lease. `attempts`
    counts claims. `event_id` stays the same however often the event is delivered, so that whoever
    gets it twice can tell.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name="known_state"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended_or_waiting"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index(
            "ix_outbox_waiting",
            "deliverer",
            "due_at",
            "id",
            sqlite_where=_WAITS,
            postgresql_where=_WAITS,
        ),
        Index("ix_outbox_ended", "state", "ended_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
        Index("uq_outbox_event_id_deliverer", "event_id", "deliverer", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(80))
    deliverer: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80), index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


class OutboxRoute(Base):
    """A kind of event of which a deliverer is told. Kept here, so that all processes agree."""

    __tablename__ = "outbox_routes"

    kind: Mapped[str] = mapped_column(String(60), primary_key=True)
    deliverer: Mapped[str] = mapped_column(String(60), primary_key=True)


OUTBOX: Final = cast(Table, OutboxRow.__table__)
ROUTES: Final = cast(Table, OutboxRoute.__table__)
