"""Which processes run a scheduler, and when each was last seen."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime


class SchedulerHeartbeat(Base):
    """One process with a scheduler. A scheduler that died silently is one whose beat is old."""

    __tablename__ = "scheduler_heartbeats"

    process: Mapped[str] = mapped_column(String(120), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
