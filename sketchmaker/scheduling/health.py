"""Is anybody going to reset credits? Read from the database, so any process can tell of all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits.listings import count_overdue
from sketchmaker.scheduling.heartbeats import ALIVE_FOR, all_beats


@dataclass(frozen=True, slots=True)
class ProcessHeartbeat:
    """One process with a scheduler."""

    process: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True)
class SchedulerHealth:
    """All schedulers together, and how many resets are late."""

    processes: tuple[ProcessHeartbeat, ...]
    overdue: int

    @property
    def is_alive(self) -> bool:
        """Is at least one scheduler alive?"""
        return any(process.is_alive for process in self.processes)

    @property
    def last_heartbeat(self) -> datetime | None:
        """When a scheduler was last heard of, in UTC."""
        return max((process.beat_at for process in self.processes), default=None)


def scheduler_health(session: Session, *, now: datetime) -> SchedulerHealth:
    """The health of every process's scheduler as of `now`."""
    processes = tuple(
        ProcessHeartbeat(
            process=row.process,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            beat_at=row.beat_at,
            is_alive=now - row.beat_at <= ALIVE_FOR,
        )
        for row in all_beats(session)
    )
    return SchedulerHealth(processes=processes, overdue=count_overdue(session, now=now))
