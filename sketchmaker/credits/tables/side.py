"""Tables beside the books: remembered answers, and suspended resets."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime


class IdempotencyKey(Base):
    """The first answer to a request that names itself, in force before `kept_until`.

    Written in the transaction of its effect, so that the two are there together or not at all.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_kept_until", "kept_until"),)

    user_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    verb: Mapped[str] = mapped_column(String(20))
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept_until: Mapped[datetime] = mapped_column(UtcDateTime)


class SuspendedReset(Base):
    """The resets of a subscription, suspended: one failed, it got too many, or an admin wanted it.

    With `retry_at` they are retried then; without, somebody has to resume them.
    """

    __tablename__ = "suspended_resets"
    __table_args__ = (
        CheckConstraint("cause IN ('failed', 'runaway', 'manual')", name="cause_known"),
    )

    subscription_id: Mapped[int] = mapped_column(
        ForeignKey("user_subscriptions.id"), primary_key=True
    )
    cause: Mapped[str] = mapped_column(String(10))
    error: Mapped[str] = mapped_column(Text)
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


KEYS: Final = cast(Table, IdempotencyKey.__table__)
SUSPENDED: Final = cast(Table, SuspendedReset.__table__)
