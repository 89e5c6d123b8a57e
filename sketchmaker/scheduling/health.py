"""Is anybody going to reset credits? Read from the database, so any process can tell of all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import guard
from sketchmaker.credits.listings import count_overdue
from sketchmaker.scheduling.heartbeats import ALIVE_FOR, all_beats
from sketchmaker.scheduling.job_ids import job_id_for


@dataclass(frozen=True, slots=True)
class ProcessHeartbeat:
    """One process with a scheduler."""

    process: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    is_alive: bool
    thread_deaths: int
    thread_died_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


@dataclass(frozen=True, slots=True)
class SetAsideReset:
    """A subscription that resets leave out, and why; `retry_at` None waits for an admin."""

    job_id: str
    cause: str
    error: str
    failures: int
    since: datetime
    retry_at: datetime | None

    @property
    def is_alarm(self) -> bool:
        """Was it parked by the guard? Nothing of ours does that; somebody must look."""
        return self.cause == guard.RUNAWAY


@dataclass(frozen=True, slots=True)
class SchedulerHealth:
    """All schedulers together, how many resets are late, and which are left out."""

    processes: tuple[ProcessHeartbeat, ...]
    overdue: int
    set_aside: tuple[SetAsideReset, ...]

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
            thread_deaths=row.thread_deaths,
            thread_died_at=row.thread_died_at,
            last_error=row.last_error,
            last_error_at=row.last_error_at,
        )
        for row in all_beats(session)
    )
    set_aside = tuple(
        SetAsideReset(
            job_id=job_id_for(row.subscription_id),
            cause=row.cause,
            error=row.error,
            failures=row.failures,
            since=row.since,
            retry_at=row.retry_at,
        )
        for row in guard.all_set_aside(session)
    )
    overdue = count_overdue(session, now=now)
    return SchedulerHealth(processes=processes, overdue=overdue, set_aside=set_aside)
