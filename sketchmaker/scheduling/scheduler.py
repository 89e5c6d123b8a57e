"""The scheduler that every process may run: as many as you like over one database."""

import logging
import os
import socket
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler

from sketchmaker.clock import Clock
from sketchmaker.credits.managing import granting, plan_edits
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.spending import holds
from sketchmaker.database import Database
from sketchmaker.database.listener import Listener
from sketchmaker.randomness import token
from sketchmaker.record import sealing
from sketchmaker.scheduling.durable_scheduler import DurableScheduler
from sketchmaker.scheduling.heartbeats import ProcessIdentity, Vitals
from sketchmaker.scheduling.housekeeper import SCHEDULER_THREAD, Chore, Housekeeper
from sketchmaker.scheduling.job_store import SubscriptionJobStore
from sketchmaker.scheduling.scheduled_jobs import ScheduledJobs, find_job
from sketchmaker.scheduling.watch import Watch

CHANNEL = "sketchmaker_credit_resets"
"""On which PostgreSQL tells that somebody wrote a reset date."""

logger = logging.getLogger(__name__)


class SchedulerNotRunning(RuntimeError):
    """APScheduler's verbs need a running scheduler."""

    def __init__(self) -> None:
        super().__init__("The scheduler does not run in this process: call start() first.")


THREADS: Final = 3
"""Those of one scheduler that ask the database: one looks, one resets, one keeps house."""

LISTENERS: Final = 1
"""Connections that one scheduler keeps to itself on PostgreSQL, to be told of new dates."""


class SubscriptionScheduler:
    """Resets credits when they are due, and keeps house.

    Any process may start one: the database makes sure that each reset happens once. Not started, it
    still answers for the schedule, as in `flask shell`.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        chores: Mapping[str, Chore] | None = None,
        store_type: type[SubscriptionJobStore] = SubscriptionJobStore,
    ) -> None:
        self._database = database
        self._clock = clock
        self._store_type = store_type
        self._chores = {
            "expired holds": self._release_expired_holds,
            "expired grants": self._expire_grants,
            "old idempotency keys": self._forget_old_keys,
            "planned versions of plans": self._publish_plans,
            "idle connections": lambda _now: database.give_back_idle(),
            **(chores or {}),
        }
        self._every_second: dict[str, Chore] = {
            "sealing the audit trail": lambda _now: sealing.seal_all(database)
        }
        self._lock = threading.Lock()
        self._scheduler: DurableScheduler | None = None
        self._housekeeper: Housekeeper | None = None
        self._listener: Listener | None = None

    @property
    def is_running(self) -> bool:
        """Does this process's scheduler run?"""
        scheduler = self._scheduler
        return scheduler is not None and scheduler.is_alive

    def start(self) -> None:
        """Start in the background; a second call changes nothing."""
        with self._lock:
            if self._scheduler is not None:
                return
            self._scheduler = DurableScheduler(self._store_type(self._database, self._clock))
            self._scheduler.start()
            self._housekeeper = self._build_housekeeper(self._scheduler)
            self._housekeeper.start()
            if self._database.dialect == "postgresql":
                self._listener = Listener(
                    self._database,
                    channel=CHANNEL,
                    wake=self._scheduler.wakeup,
                    who="scheduler",
                )
                self._listener.start()
        logger.info("scheduler started: credits are reset as each subscription becomes due")

    def shutdown(self) -> None:
        """Finish the batch under way and stop. What is left is still due, for whoever runs next."""
        with self._lock:
            if self._scheduler is None or self._housekeeper is None:
                return
            if self._listener is not None:
                self._listener.stop()
                self._listener = None
            self._housekeeper.stop()
            self._scheduler.shutdown()
            self._scheduler = self._housekeeper = None
        logger.info("scheduler stopped")

    @property
    def vitals(self) -> Vitals | None:
        """How this process's housekeeping goes; None when its scheduler was not started."""
        housekeeper = self._housekeeper
        return None if housekeeper is None else housekeeper.vitals

    def get_scheduled_jobs(self) -> ScheduledJobs:
        """Every upcoming reset, the next one first; read lazily, and `len()` counts them."""
        return ScheduledJobs(self._database)

    def schedule_user_reset(self, subscription_id: int) -> bool:
        """Is this subscription's reset scheduled? Wakes the scheduler, so that it is seen at once.

        There is nothing to add: an active subscription is scheduled by existing. False means that
        there is no active subscription of that number.
        """
        job = find_job(self._database, subscription_id)
        if job is None:
            logger.warning("scheduler: there is no active subscription %s", subscription_id)
            return False
        if self._scheduler is not None:
            self._scheduler.wakeup()
        logger.info("scheduler: %s is due %s", job.job_id, job.due_at.isoformat())
        return True

    @property
    def apscheduler(self) -> BackgroundScheduler:
        """APScheduler's own scheduler, for its own verbs: `get_job`, `pause_job`, listeners.

        Raises:
            SchedulerNotRunning: this process has not started it.
        """
        if self._scheduler is None:
            raise SchedulerNotRunning
        return self._scheduler

    def _build_housekeeper(self, scheduler: DurableScheduler) -> Housekeeper:
        now = self._clock.now()
        host, pid = socket.gethostname(), os.getpid()
        name = f"{host}:{pid}:{token()[:8]}"
        identity = ProcessIdentity(name=name, host=host, pid=pid, started_at=now)
        return Housekeeper(
            self._database,
            self._clock,
            identity,
            is_alive=lambda: self.is_running,
            revive=self._revive,
            chores={SCHEDULER_THREAD: Watch(lambda: scheduler.looks).check, **self._chores},
            every_second=self._every_second,
        )

    def _revive(self) -> bool:
        """Start another thread for the scheduler; False while it is being started or stopped."""
        # A shutdown holds the lock while it waits for the housekeeper, who is asking here.
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._scheduler is not None:
                self._scheduler.revive()
        finally:
            self._lock.release()
        return True

    def _release_expired_holds(self, now: datetime) -> None:
        with self._database.transaction() as session:
            released = holds.release_expired(session, now=now)
        if released:
            logger.info("scheduler: %d expired hold(s) released", released)

    def _expire_grants(self, now: datetime) -> None:
        with self._database.transaction() as session:
            expired = granting.expire_due(session, now=now)
        if expired:
            logger.info("scheduler: %d credit(s) of grants expired", expired)

    def _publish_plans(self, now: datetime) -> None:
        with self._database.transaction() as session:
            plan_edits.publish_begun(session, now=now)

    def _forget_old_keys(self, now: datetime) -> None:
        with self._database.transaction() as session:
            idempotency.forget_old(session, now=now)
