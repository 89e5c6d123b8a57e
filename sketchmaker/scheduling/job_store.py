"""APScheduler's view of the schedule: `credit_reset_42` exists because subscription 42 does.

The store reads `user_subscriptions` and keeps nothing. APScheduler asks which jobs are due; it gets
the one due first, whose work is to reset everything that is due by then, in batches. So there is
nothing to synchronise, nothing to lose at a restart, and no memory for each subscription.

What the stock stores do on their own and this one must not: forget a job at submission, before it
ran; drop one that comes later than its grace; raise when the database is away.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError
from apscheduler.triggers.date import DateTrigger
from sqlalchemy.orm import Session

from sketchmaker.clock import Clock
from sketchmaker.credits import resets
from sketchmaker.credits.managing.rescheduling import reschedule, suspend
from sketchmaker.credits.resets import guard
from sketchmaker.credits.resets.reset_plan import ResetDone
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.record.actor import Actor, Through
from sketchmaker.scheduling.job_ids import job_id_for, subscription_id_of
from sketchmaker.scheduling.reset_runner import ResetRunner
from sketchmaker.scheduling.scheduled_jobs import ScheduledJob, ScheduledJobs, find_job

POLL_EVERY = timedelta(seconds=5)
"""The longest sleep, so that rows written by other processes are seen within it."""

LOOK_AGAIN_AFTER = timedelta(seconds=1)
"""Soon after the database did not answer; APScheduler's own ten seconds would be a long wait."""

REST_AFTER_NOTHING = timedelta(seconds=1)
"""The pause after a run that reset nothing, although something was due."""

BY_JOB: Final[dict[str, Any]] = {
    "by": Actor.program("APScheduler", Through.SCHEDULER),
    "reason": "The job was changed by APScheduler's own verbs.",
}

JOBS_AT_ONCE = 1000
"""`get_jobs()` gives the next so many. `get_scheduled_jobs()` gives all of them, lazily."""

RESET_FUNCTION = "sketchmaker.scheduling.reset_runner:reset_user_credits"
"""What a listed job says that it runs. APScheduler wants a name that can be imported."""

logger = logging.getLogger(__name__)


class JobRefused(Exception):
    """What was asked of a reset job can't be: it is a view of its subscription's row."""

    def __init__(self, job_id: str, why: str) -> None:
        self.job_id = job_id
        super().__init__(f"Job {job_id!r}: {why}")


class SubscriptionJobStore(BaseJobStore):
    """A job store over `user_subscriptions`.

    A job can be looked up, moved, paused and resumed; the row is what changes. It can't be made or
    removed: its subscription is started and ended instead.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._runner = ResetRunner(
            database, clock, on_reset=self._announce_reset, on_failure=self._announce_failure
        )
        # Two things that end in any order: APScheduler asks to forget a job when it has submitted
        # it, and the run itself ends in another thread, often before that.
        self._to_forget: str | None = None
        self._under_way: str | None = None
        self._has_begun = False
        self._closed = False
        self.looks = 0
        """How often somebody has looked for due jobs."""
        self._rests_until = clock.now()
        self._ahead = timedelta(0)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """The job due first, unless a run is under way: that run will see to the rest."""
        self.looks += 1
        # APScheduler reads the machine's clock by itself; ours may differ (`SystemClock.leap`).
        self._ahead = now - self._clock.now()
        if self._to_forget is not None:  # the last one was never submitted
            self.forget_lost_run()
        self._to_forget = None
        if self._closed:  # APScheduler looks once more after it has shut its executors down
            return []
        subscription_id = self._next_wake().subscription_id
        if subscription_id is None:
            return []
        job_id = job_id_for(subscription_id)
        job = self._job(job_id, name=job_id, run_at=now, next_run_time=now)
        job.func = self._run
        self._to_forget = self._under_way = job_id
        self._has_begun = False
        return [job]

    def get_next_run_time(self) -> datetime:
        """When to wake: at the next reset, or within `POLL_EVERY` to look for rows of others."""
        try:
            return self._next_wake().at + self._ahead
        except DatabaseUnavailable as error:
            logger.warning("scheduler: %s", error)
            return self._clock.now() + LOOK_AGAIN_AFTER + self._ahead

    def stop_giving_out(self) -> None:
        """Give out no more jobs, and end the run under way after its batch; the rest stays due."""
        self._closed = True
        self._runner.stop()

    def forget_lost_run(self) -> None:
        """Give out jobs again if the last one was never begun, and will never be."""
        if not self._has_begun:
            self._under_way = None

    def lookup_job(self, job_id: str) -> Job | None:
        """The job of that name, as the row has it now."""
        subscription_id = subscription_id_of(job_id)
        if subscription_id is None:
            return None
        found = find_job(self._database, subscription_id)
        return None if found is None else self._listed(found)

    def get_all_jobs(self) -> list[Job]:
        """The next `JOBS_AT_ONCE` jobs."""
        upcoming = ScheduledJobs(self._database)[:JOBS_AT_ONCE]
        return [self._listed(job) for job in upcoming]

    def add_job(self, job: Job) -> None:
        """Add what is there already: only `replace_existing=True` gets any further.

        Raises:
            ConflictingIdError: the subscription has its job, as every active one does.
            JobRefused: there is no such subscription.
        """
        if self.lookup_job(job.id) is None:
            raise JobRefused(job.id, "jobs come from active subscriptions, and it has none.")
        raise ConflictingIdError(job.id)

    def update_job(self, job: Job) -> None:
        """Move the reset to the job's time; None suspends it.

        Raises:
            JobRefused: no such subscription, or something else than the time was to change.
            InvalidResetDate: past one of the neighbouring resets.
        """
        subscription_id = subscription_id_of(job.id)
        found = None if subscription_id is None else find_job(self._database, subscription_id)
        if found is None or subscription_id is None:
            raise JobRefused(job.id, "jobs come from active subscriptions, and it has none.")
        if job.func_ref != RESET_FUNCTION or not isinstance(job.trigger, DateTrigger):
            raise JobRefused(
                job.id, f"it runs {RESET_FUNCTION} at a date; only that date can be changed."
            )
        with self._database.transaction() as session:
            self._move(session, found, job.next_run_time)

    def remove_job(self, job_id: str) -> None:
        """Refused, but for the call by which APScheduler forgets the job it has just submitted.

        Its row stays as it is until the reset is committed.

        Raises:
            JobRefused.
        """
        if job_id != self._to_forget:
            raise JobRefused(job_id, "it exists as long as its subscription is active; end that.")
        self._to_forget = None

    def remove_all_jobs(self) -> None:
        """Refused: as `remove_job`."""
        raise JobRefused("*", "jobs exist as long as their subscriptions are active.")

    def _move(self, session: Session, found: ScheduledJob, at: datetime | None) -> None:
        subscription_id = found.subscription_id
        if at is None:
            suspend(session, subscription_id=subscription_id, now=self._clock.now(), **BY_JOB)
            return
        if at != found.due_at:
            now = self._clock.now()
            reschedule(session, subscription_id=subscription_id, at=at, now=now, **BY_JOB)
        suspended = guard.suspension_of(session, subscription_id)
        if suspended is not None and suspended.cause == guard.MANUAL:
            now = self._clock.now()
            guard.resume(session, subscription_id=subscription_id, now=now, **BY_JOB)

    def _next_wake(self) -> "_Wake":
        now = self._clock.now()
        poll_at = now + POLL_EVERY
        if self._under_way is not None or now < self._rests_until <= poll_at:
            return _Wake(poll_at)
        with self._database.reading() as session:
            # Its number is all that is read of a due row: no odd value in it must end this look.
            due = resets.due_ids(session, now=now, limit=1)
            if due:
                return _Wake(now, due[0])
            upcoming = resets.next_due_at(session, now=now)
        return _Wake(min(upcoming or poll_at, poll_at))

    def _listed(self, job: ScheduledJob) -> Job:
        return self._job(
            job.job_id, name=job.name, run_at=job.due_at, next_run_time=job.next_run_time
        )

    def _job(
        self, job_id: str, *, name: str, run_at: datetime, next_run_time: datetime | None
    ) -> Job:
        made = Job(
            self._scheduler,
            id=job_id,
            name=name,
            func=RESET_FUNCTION,
            args=(),
            kwargs={},
            trigger=DateTrigger(run_at),
            executor=self._alias,
            # A late reset is caught up, never dropped: the grace only decides how it is marked.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=next_run_time,
        )
        made._jobstore_alias = self._alias  # noqa: SLF001 - every job store of APScheduler sets it
        return made

    def _run(self) -> int:
        done, self._has_begun = 0, True
        try:
            done = self._runner.run()
        finally:
            if not done:
                # Another process has claimed the rows, or they fail: look again in a moment.
                self._rests_until = self._clock.now() + REST_AFTER_NOTHING
            self._under_way = None
            self._scheduler.wakeup()
        return done

    def _announce_reset(self, done: ResetDone) -> None:
        job_id = job_id_for(done.subscription_id)
        if job_id != self._under_way:  # APScheduler announces that one itself
            self._announce(JobExecutionEvent(EVENT_JOB_EXECUTED, job_id, self._alias, done.due_at))

    def _announce_failure(self, subscription_id: int, error: Exception) -> None:
        job_id, now = job_id_for(subscription_id), self._clock.now()
        self._announce(
            JobExecutionEvent(EVENT_JOB_ERROR, job_id, self._alias, now, exception=error)
        )

    def _announce(self, event: JobExecutionEvent) -> None:
        self._scheduler._dispatch_event(event)  # noqa: SLF001 - as APScheduler's executors do


@dataclass(frozen=True, slots=True)
class _Wake:
    """When to look again; and the subscription that is due now, if one is."""

    at: datetime
    subscription_id: int | None = None
