"""Heartbeats: how anybody can see from the database that schedulers are alive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sketchmaker.scheduling.tables import SchedulerHeartbeat

BEAT_EVERY = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=45)
"""A process not seen for longer than this counts as gone: four beats and some patience."""
FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What tells one process from another, across hosts and restarts."""

    name: str
    host: str
    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a process's housekeeping goes, as the process itself knows it.

    `failing` maps the name of each chore whose last attempt failed to what went wrong.
    """

    failing: Mapping[str, str] = field(default_factory=dict)
    thread_deaths: int = 0
    thread_died_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


def beat(
    session: Session,
    identity: ProcessIdentity,
    *,
    now: datetime,
    vitals: Vitals | None = None,
) -> None:
    """Say that this process's scheduler is alive, and what it has been through."""
    row = session.get(SchedulerHeartbeat, identity.name)
    if row is None:
        row = SchedulerHeartbeat(
            process=identity.name,
            host=identity.host,
            pid=identity.pid,
            started_at=identity.started_at,
        )
        session.add(row)
    row.beat_at = now
    if vitals is not None:
        row.thread_deaths, row.thread_died_at = vitals.thread_deaths, vitals.thread_died_at
        row.last_error, row.last_error_at = vitals.last_error, vitals.last_error_at
    forgotten = SchedulerHeartbeat.beat_at < now - FORGET_AFTER
    session.execute(delete(SchedulerHeartbeat).where(forgotten))


def retire(session: Session, identity: ProcessIdentity) -> None:
    """Say that this process's scheduler has stopped in good order."""
    session.execute(delete(SchedulerHeartbeat).where(SchedulerHeartbeat.process == identity.name))


def all_beats(session: Session) -> list[SchedulerHeartbeat]:
    """Every process heard of lately, the one heard last first."""
    return list(
        session.scalars(select(SchedulerHeartbeat).order_by(SchedulerHeartbeat.beat_at.desc()))
    )
