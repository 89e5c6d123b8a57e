"""The tables of the studio: what was asked for, and what came of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import NEVER_REUSE_IDS, CreditHold, LongId
from sketchmaker.database import Base, UtcDateTime


class GenerationState(StrEnum):
    """A generation waits, works, and then ends once, in one of three ways."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Generation(Base):
    """One request for images and how far it got.

    `failure_reason` is a sentence for the person; a generation that succeeded has one too when it
    delivered fewer images than were asked for. `images_drawn` is progress while it works,
    `images_delivered` the truth afterwards. `price` is what all its images cost, in credits, fixed
    when it was ordered. `worker` names the process that took it up last, for the `attempts`th time;
    that process holds a lease until `lease_until`.
    """

    __tablename__ = "generations"
    __table_args__ = (
        UniqueConstraint("user_id", "request_key"),
        CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name="state_known",
        ),
        CheckConstraint("width > 0", name="width_positive"),
        CheckConstraint("height > 0", name="height_positive"),
        CheckConstraint("images_requested > 0", name="images_requested_positive"),
        CheckConstraint("price > 0", name="price_positive"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("images_drawn >= 0", name="images_drawn_not_negative"),
        CheckConstraint("images_delivered >= 0", name="images_delivered_not_negative"),
        CheckConstraint("images_delivered <= images_requested", name="images_within_requested"),
        CheckConstraint("seed >= 0", name="seed_not_negative"),
        CheckConstraint("(state = 'succeeded') = (images_delivered > 0)", name="success_delivers"),
        CheckConstraint(
            "(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name="finished_once",
        ),
        CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"
        ),
        CheckConstraint(
            "state != 'failed' OR failure_reason IS NOT NULL", name="failure_has_reason"
        ),
        Index("ix_generations_user_created", "user_id", "created_at"),
        Index("ix_generations_state_lease", "state", "lease_until"),
        # Who was served lately, and how long drawing took.
        Index("ix_generations_started", "started_at"),
        # A person's open generations are a handful among any number of ended ones.
        Index(
            "ix_generations_open_user",
            "user_id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    hold_id: Mapped[int] = mapped_column(ForeignKey(CreditHold.id), unique=True)
    request_key: Mapped[str] = mapped_column(String(100))
    prompt: Mapped[str] = mapped_column(Text)
    size: Mapped[str] = mapped_column(String(20))
    width: Mapped[int]
    height: Mapped[int]
    images_requested: Mapped[int]
    price: Mapped[int]
    images_drawn: Mapped[int] = mapped_column(default=0)
    images_delivered: Mapped[int] = mapped_column(default=0)
    seed: Mapped[int]
    provider: Mapped[str] = mapped_column(String(50))
    model: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10), default=GenerationState.QUEUED)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    worker: Mapped[str | None] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(default=0)

    @property
    def is_finished(self) -> bool:
        """Has it ended, in whichever way?"""
        return self.finished_at is not None

    @property
    def credits_used(self) -> int:
        """Credits charged for what it delivered."""
        return self.price_of(self.images_delivered)

    def price_of(self, images: int) -> int:
        """The share of the price that this many of its images cost, in whole credits.

        All of them cost the whole price; what does not divide evenly is rounded down.
        """
        return self.price * images // self.images_requested


class Image(Base):
    """One delivered picture. The names are those of its files in the image store."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("generation_id", "position"),
        CheckConstraint("position >= 0", name="position_not_negative"),
        CheckConstraint("seed >= 0", name="seed_not_negative"),
        CheckConstraint("width > 0", name="width_positive"),
        CheckConstraint("height > 0", name="height_positive"),
        CheckConstraint("byte_count > 0", name="byte_count_positive"),
        Index("ix_images_user", "user_id", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(64), unique=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey(Generation.id))
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    position: Mapped[int]
    seed: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    file_name: Mapped[str] = mapped_column(String(200), unique=True)
    thumbnail_name: Mapped[str] = mapped_column(String(200), unique=True)
    byte_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


IS_OPEN = Generation.finished_at.is_(None)
