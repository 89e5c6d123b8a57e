"""APScheduler's background scheduler, made so that nothing its store does can end its thread.

APScheduler catches what `get_due_jobs` raises, and nothing else that a store does: any other
exception leaves its loop, and the process lives on without resets.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from threading import Thread
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from sketchmaker.scheduling.job_store import LOOK_AGAIN_AFTER, SubscriptionJobStore

logger = logging.getLogger(__name__)


class DurableScheduler(BackgroundScheduler):
    """A background scheduler over one `SubscriptionJobStore`."""

    _thread: Thread | None

    def __init__(self, store: SubscriptionJobStore) -> None:
        self._store = store
        super().__init__(
            timezone="UTC",
            jobstores={"default": store},
            jobstore_retry_interval=LOOK_AGAIN_AFTER.total_seconds(),
        )
        self.add_executor(_OneRunAtATime(store.forget_lost_run), "default")
        self.add_listener(_log_error, EVENT_JOB_ERROR)

    @property
    def is_alive(self) -> bool:
        """Whether its thread lives. Looks at the thread itself, not at a flag."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def looks(self) -> int:
        """How often its thread has looked for due resets."""
        return self._store.looks

    def revive(self) -> None:
        """Start another thread in place of one that has died; listeners and jobs stay."""
        self._store.forget_lost_run()
        self._thread = Thread(target=self._main_loop, name="APScheduler", daemon=True)
        self._thread.start()
        self.wakeup()

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - APScheduler's signature
        """Finish the batch under way and stop. What is left is still due."""
        # The lock is held for a whole look at the store. Stopping in the middle of one, APScheduler
        # would not find the job again that it has just been given.
        with self._jobstores_lock:
            self._store.stop_giving_out()
        super().shutdown(wait)

    def _process_jobs(self) -> float | None:
        try:
            wait_seconds: float | None = super()._process_jobs()
        except Exception:  # whatever it is, the next look may go well
            logger.exception("scheduler: looking for due resets failed; it looks again soon")
            return LOOK_AGAIN_AFTER.total_seconds()
        return wait_seconds


class _OneRunAtATime(ThreadPoolExecutor):
    """One run resets everything that is due, in batches; another process may run beside it."""

    def __init__(self, on_lost: Callable[[], object]) -> None:
        super().__init__(max_workers=1)
        self._on_lost = on_lost

    def submit_job(self, job: Job, run_times: list[datetime]) -> Any:
        # It fails when no more threads are to be had, for instance.
        with ExitStack() as unless_submitted:
            unless_submitted.callback(self._on_lost)
            submitted = super().submit_job(job, run_times)
            unless_submitted.pop_all()
        return submitted


def _log_error(event: JobExecutionEvent) -> None:
    logger.error("scheduler: %s failed and will be tried again: %s", event.job_id, event.exception)
