"""The table of wishes."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime

_OPEN = text("answered_at IS NULL")


class Wish(Base):
    """A person asks for more credits; `credits` were granted, none when the answer was no."""

    __tablename__ = "wishes"
    __table_args__ = (
        Index("uq_wishes_open", "user_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_wishes_user", "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sentence: Mapped[str] = mapped_column(Text)
    wished_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    credits: Mapped[int | None]
