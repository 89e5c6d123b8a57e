"""Is anybody going to reset credits? Read from the database, so any process can tell of all."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits.resets import guard
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.reports.listings import overdue_resets
from sketchmaker.scheduling.heartbeats import ALIVE_FOR, all_beats
from sketchmaker.scheduling.job_ids import job_id_for
from sketchmaker.scheduling.tables import SchedulerHeartbeat


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
class Suspension:
    """Why the resets of a subscription are suspended; without `retry_at`, until resumed."""

    job_id: str
    cause: str
    error: str
    failures: int
    since: datetime
    retry_at: datetime | None

    @property
    def is_alarm(self) -> bool:
        """Is it a runaway? Nothing of ours makes one; somebody must look."""
        return self.cause == guard.RUNAWAY


@dataclass(frozen=True, slots=True)
class SchedulerHealth:
    """All schedulers together, how many resets are late, and which are suspended.

    `suspended` describes the first ones, `suspended_counts` counts all of them by cause.
    """

    processes: tuple[ProcessHeartbeat, ...]
    overdue: int
    oldest_overdue: datetime | None
    suspended: tuple[Suspension, ...]
    suspended_counts: Mapping[str, int]

    @property
    def is_alive(self) -> bool:
        """Is at least one scheduler alive?"""
        return self.living > 0

    @property
    def living(self) -> int:
        """The number of processes whose scheduler is alive."""
        return sum(process.is_alive for process in self.processes)

    @property
    def dead(self) -> int:
        """The number of processes that stopped beating within a day and never said goodbye."""
        return len(self.processes) - self.living

    @property
    def missing(self) -> int:
        """The number of dead processes that no later start on their host has replaced."""
        by_host: dict[str, list[ProcessHeartbeat]] = defaultdict(list)
        for process in self.processes:
            by_host[process.host].append(process)
        return sum(_not_replaced(processes) for processes in by_host.values())

    @property
    def last_heartbeat(self) -> datetime | None:
        """When a scheduler was last heard of, in UTC."""
        return max((process.beat_at for process in self.processes), default=None)

    @property
    def alarms(self) -> list[str]:
        """A sentence for everything that no fault of ours is known to do."""
        runaways = [f"{reset.job_id}: {reset.error}" for reset in self.suspended if reset.is_alarm]
        died = [
            f"{process.process}: the scheduler's thread died and was started again "
            f"({process.thread_deaths} times, last at {process.thread_died_at.isoformat()})"
            for process in self.processes
            if process.is_alive and process.thread_died_at is not None
        ]
        return runaways + died

    @property
    def last_error(self) -> tuple[datetime, str] | None:
        """When something went wrong last, in any process, and what."""
        errors = [
            (process.last_error_at, process.last_error)
            for process in self.processes
            if process.last_error_at is not None and process.last_error is not None
        ]
        return max(errors, default=None)


def scheduler_health(session: Session, *, now: datetime) -> SchedulerHealth:
    """The health of every process's scheduler as of `now`."""
    overdue = overdue_resets(session, now=now)
    return SchedulerHealth(
        processes=tuple(_process(row, now) for row in all_beats(session)),
        overdue=overdue.count,
        oldest_overdue=overdue.oldest,
        suspended=tuple(_suspension(row) for row in guard.all_suspended(session)),
        suspended_counts=guard.count_suspended(session),
    )


def _process(row: SchedulerHeartbeat, now: datetime) -> ProcessHeartbeat:
    return ProcessHeartbeat(
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


def _suspension(row: SuspendedReset) -> Suspension:
    return Suspension(
        job_id=job_id_for(row.subscription_id),
        cause=row.cause,
        error=row.error,
        failures=row.failures,
        since=row.since,
        retry_at=row.retry_at,
    )


def _not_replaced(processes: list[ProcessHeartbeat]) -> int:
    """Go through the starts and deaths on one host in their order; each start replaces a death."""
    starts = [(process.started_at, -1) for process in processes]
    deaths = [(process.beat_at, 1) for process in processes if not process.is_alive]
    missing = 0
    for _, change in sorted(starts + deaths):  # of equal instants a process's start comes first
        missing = max(missing + change, 0)
    return missing
