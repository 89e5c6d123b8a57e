"""Which processes run a scheduler, and when each was last seen."""

from datetime import datetime

from sqlalchemy import String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime


class SchedulerHeartbeat(Base):
    """One process with a scheduler. A scheduler that died silently is one whose beat is old.

    `thread_deaths` counts how often the scheduler's thread died and was started anew; `last_error`
    is what went wrong last, of that or of a chore.
    """

    __tablename__ = "scheduler_heartbeats"

    process: Mapped[str] = mapped_column(String(120), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    thread_deaths: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    thread_died_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
