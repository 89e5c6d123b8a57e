"""APScheduler's view of the schedule: `credit_reset_42` exists because subscription 42 does.

The store reads `user_subscriptions` and keeps nothing. APScheduler asks which jobs are due; it gets
the one due first, whose work is to reset everything that is due by then, in batches. So there is
nothing to synchronise, nothing to lose at a restart, and no memory for each subscription.

What the stock stores do on their own and this one must not: forget a job at submission, before it
ran; drop one that comes later than its grace; end the scheduler's thread when the database is away.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.triggers.date import DateTrigger

from sketchmaker.clock import Clock
from sketchmaker.credits import resets
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.job_ids import subscription_id_of
from sketchmaker.scheduling.reset_runner import ResetRunner
from sketchmaker.scheduling.scheduled_jobs import ScheduledJob, ScheduledJobs, find_job

POLL_EVERY = timedelta(seconds=5)
"""The longest sleep, so that rows written by other processes are seen within it."""

REST_AFTER_NOTHING = timedelta(seconds=1)
"""The pause after a run that reset nothing, although something was due."""

JOBS_AT_ONCE = 1000
"""`get_jobs()` gives the next so many. `get_scheduled_jobs()` gives all of them, lazily."""

logger = logging.getLogger(__name__)


class JobsComeFromSubscriptions(Exception):
    """A reset job can't be added or changed by itself: it is a view of its subscription's row."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Job {job_id!r} can't be changed here: the jobs of this store are the rows of "
            "user_subscriptions. Change the subscription instead."
        )


class SubscriptionJobStore(BaseJobStore):
    """A job store over `user_subscriptions`, read only."""

    def __init__(self, database: Database, clock: Clock, runner: ResetRunner) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._runner = runner
        self._submitted: str | None = None
        self._rests_until = clock.now()
        self._ahead = timedelta(0)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """The job due first, unless a run is under way: that run will see to the rest."""
        # APScheduler reads the machine's clock by itself; ours may differ (`SystemClock.leap`).
        self._ahead = now - self._clock.now()
        wake_at = self._next_wake()
        found = find_job(self._database, wake_at.subscription_id) if wake_at.is_due else None
        if found is None:
            return []
        self._submitted = found.job_id
        return [self._job(found, now)]

    def get_next_run_time(self) -> datetime:
        """When to wake: at the next reset, or within `POLL_EVERY` to look for rows of others."""
        try:
            return self._next_wake().at + self._ahead
        except DatabaseUnavailable as error:
            # An exception here would end the scheduler's thread for good.
            logger.warning("scheduler: %s", error)
            return self._clock.now() + POLL_EVERY + self._ahead

    def lookup_job(self, job_id: str) -> Job | None:
        """The job of that name, as the row has it now."""
        subscription_id = subscription_id_of(job_id)
        if subscription_id is None:
            return None
        found = find_job(self._database, subscription_id)
        return None if found is None else self._job(found, found.next_run_time)

    def get_all_jobs(self) -> list[Job]:
        """The next `JOBS_AT_ONCE` jobs."""
        upcoming = ScheduledJobs(self._database)[:JOBS_AT_ONCE]
        return [self._job(job, job.next_run_time) for job in upcoming]

    def add_job(self, job: Job) -> None:
        """Refused: a subscription makes its job by existing."""
        raise JobsComeFromSubscriptions(job.id)

    def update_job(self, job: Job) -> None:
        """Refused: as `add_job`."""
        raise JobsComeFromSubscriptions(job.id)

    def remove_job(self, job_id: str) -> None:
        """Refused, but for the call by which APScheduler forgets the job it has just submitted.

        Its row stays as it is until the reset is committed.
        """
        if job_id != self._submitted:
            raise JobsComeFromSubscriptions(job_id)

    def remove_all_jobs(self) -> None:
        """Refused: as `add_job`."""
        raise JobsComeFromSubscriptions("all jobs")

    def _next_wake(self) -> "_Wake":
        now = self._clock.now()
        poll_at = now + POLL_EVERY
        earliest = None
        if self._submitted is None and not now < self._rests_until <= poll_at:
            with self._database.reading() as session:
                earliest = resets.earliest_due(session, now=now)
        if earliest is None or earliest[1] > poll_at:
            return _Wake(poll_at)
        subscription_id, due_at = earliest
        return _Wake(due_at, subscription_id, is_due=due_at <= now)

    def _job(self, job: ScheduledJob, run_at: datetime) -> Job:
        made = Job(
            self._scheduler,
            id=job.job_id,
            name=job.name,
            func=self._run,
            args=(),
            kwargs={},
            trigger=DateTrigger(run_at),
            executor=self._alias,
            # A late reset is caught up, never dropped: the grace only decides how it is marked.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=run_at,
        )
        made._jobstore_alias = self._alias  # noqa: SLF001 - every job store of APScheduler sets it
        return made

    def _run(self) -> int:
        done = 0
        try:
            done = self._runner.run()
        finally:
            if not done:
                # Another process has claimed the rows, or they fail: look again in a moment.
                self._rests_until = self._clock.now() + REST_AFTER_NOTHING
            self._submitted = None
            self._scheduler.wakeup()
        return done


@dataclass(frozen=True, slots=True)
class _Wake:
    """When to look again, and for which subscription if one is the reason."""

    at: datetime
    subscription_id: int = 0
    is_due: bool = False
