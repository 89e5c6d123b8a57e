"""What `/healthz` tells: facts, and which of them keep the service from its work.

"down" means that the service can't do its work: it can't read or write its database, can't store
pictures, or nobody does what falls due. "starting" means that this process is young and has heard
of no scheduler yet. "attention" means that it works and somebody should look.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sketchmaker import schema
from sketchmaker.credits.resets import guard
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.delivery.health import outbox_notes
from sketchmaker.record import outbox_deliveries
from sketchmaker.scheduling.health import SchedulerHealth, scheduler_health
from sketchmaker.scheduling.heartbeats import ALIVE_FOR, Vitals
from sketchmaker.scheduling.housekeeper import HEARTBEAT, IMAGES_FOLDER
from sketchmaker.schema import SchemaError
from sketchmaker.studio import queue
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.web.frame.parts import WebParts

OK: Final = "ok"
STARTING: Final = "starting"
ATTENTION: Final = "attention"
DOWN: Final = "down"

LEAST_FREE_BYTES: Final = 500_000_000
LONGEST_WAIT: Final = timedelta(minutes=5)
"""A generation that waits longer than this has nobody who takes it up."""

Report = dict[str, Any]


def health_report(parts: WebParts) -> Report:
    """Everything a monitor may want to know, with a sentence for each thing that is not well."""
    now, vitals = parts.clock.now(), parts.scheduler.vitals
    problems: list[str] = []
    notes: list[str] = []
    facts: Report = {
        **_clock(parts, notes),
        **_images(parts.image_store, vitals, problems, notes),
        **_database(parts, now, vitals, problems, notes),
    }
    notes += _failing_chores(vitals)
    status = DOWN if problems else _well_or_not(notes, facts)
    return {"status": status, "problems": problems, "attention": notes, **facts}


def _well_or_not(notes: list[str], facts: Report) -> str:
    if not facts["schedulers"]["living"]:
        return STARTING
    return ATTENTION if notes else OK


def _clock(parts: WebParts, notes: list[str]) -> Report:
    if parts.clock.leap is None:
        return {"clock": OK}
    notes.append("The clock has leapt ahead and is not followed: check it, then restart.")
    return {"clock": "leapt ahead, restart after checking it"}


def _images(
    store: ImageStore, vitals: Vitals | None, problems: list[str], notes: list[str]
) -> Report:
    try:
        free = store.free_bytes()
        error = _why_not_storable(store, vitals)
    except OSError as missing:
        free, error = None, str(missing)
    if error is not None:
        problems.append(f"Images can't be stored: {error}")
    elif free is not None and free < LEAST_FREE_BYTES:
        notes.append(f"Only {free // 1_000_000} MB are free for images.")
    return {"images": {"writable": error is None, "free_bytes": free}}


def _why_not_storable(store: ImageStore, vitals: Vitals | None) -> str | None:
    if vitals is None:  # nobody tries it regularly in this process
        store.check_writable()
        return None
    return vitals.failing.get(IMAGES_FOLDER)


def _database(
    parts: WebParts,
    now: datetime,
    vitals: Vitals | None,
    problems: list[str],
    notes: list[str],
) -> Report:
    try:
        schema.check(parts.database)
        with parts.database.reading() as session:
            health = scheduler_health(session, now=now)
            waiting, oldest = queue.backlog(session)
            outbox = outbox_deliveries.figures(session, now=now)
    except SchemaError as error:
        problems.append(str(error))
        return {"database": OK, "schema": str(error)}
    except DatabaseUnavailable as error:
        problems.append(str(error))
        return {"database": "unavailable"}
    if oldest is not None and now - oldest > LONGEST_WAIT:
        notes.append(f"A generation has been waiting since {oldest.isoformat()}.")
    notes += outbox_notes(outbox, now=now)
    return {
        "database": OK,
        "schema": OK,
        "writable": _writable(health, vitals, problems),
        **_schedulers(health, is_starting=_is_starting(parts, now), problems=problems, notes=notes),
        **_resets(health, now, notes),
        "queue": {"waiting": waiting, "oldest_seconds": _age(oldest, now)},
        "outbox": {
            "waiting": outbox.waiting,
            "oldest_seconds": _age(outbox.oldest, now),
            "retrying": outbox.retrying,
            "dead": outbox.dead,
        },
    }


def _is_starting(parts: WebParts, now: datetime) -> bool:
    """Whether this process is so young that a scheduler may not have been heard of yet."""
    return now - parts.started_at <= ALIVE_FOR


def _writable(health: SchedulerHealth, vitals: Vitals | None, problems: list[str]) -> bool | None:
    """Whether the last heartbeat could be written; None when nobody tries."""
    error = None if vitals is None else vitals.failing.get(HEARTBEAT)
    if error is not None:
        problems.append(f"The database can't be written: {error}")
        return False
    return True if health.is_alive else None


def _schedulers(
    health: SchedulerHealth, *, is_starting: bool, problems: list[str], notes: list[str]
) -> Report:
    if not health.is_alive and not is_starting:  # else one may be about to beat
        problems.append("No scheduler is alive: nobody does what falls due.")
    elif health.missing:
        notes.append(f"{health.missing} scheduler(s) died and were not replaced.")
    notes += health.alarms
    error = health.last_error
    return {
        "schedulers": {
            "living": health.living,
            "dead": health.dead,
            "not_replaced": health.missing,
            "last_heartbeat": _iso(health.last_heartbeat),
            "thread_deaths": sum(process.thread_deaths for process in health.processes),
        },
        "alarms": health.alarms,
        "last_error": None if error is None else {"at": _iso(error[0]), "what": error[1]},
    }


def _resets(health: SchedulerHealth, now: datetime, notes: list[str]) -> Report:
    if health.overdue:
        notes.append(f"{health.overdue} reset(s) are overdue.")
    counts = health.suspended_counts
    # What somebody suspended by hand is as they want it.
    if failing := counts[guard.FAILED] + counts[guard.RUNAWAY]:
        notes.append(f"{failing} resets are suspended until they are mended.")
    return {
        "overdue_resets": {
            "count": health.overdue,
            "oldest_seconds": _age(health.oldest_overdue, now),
        },
        "suspended_resets": {
            "failed": counts[guard.FAILED],
            "runaway": counts[guard.RUNAWAY],
            "manual": counts[guard.MANUAL],
        },
    }


def _failing_chores(vitals: Vitals | None) -> list[str]:
    failing = {} if vitals is None else dict(vitals.failing)
    return [
        f"The chore {name!r} failed: {error}"
        for name, error in failing.items()
        if name not in {HEARTBEAT, IMAGES_FOLDER}
    ]


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
