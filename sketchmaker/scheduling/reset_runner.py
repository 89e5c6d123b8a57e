"""Resets everything that is due, in batches, whatever one bad row may do."""

import logging
from collections.abc import Callable
from datetime import datetime

from sketchmaker.clock import Clock
from sketchmaker.credits import guard, resets
from sketchmaker.credits.reset_plan import BatchDone, ResetDone
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.job_ids import job_id_for
from sketchmaker.scheduling.pace import BUSY_BATCH, QUIET_BATCH, Pace

LINES_A_BATCH = 50
"""A batch larger than this is one line in the log; the ledger has a row for each reset anyway."""

logger = logging.getLogger(__name__)


def reset_user_credits() -> None:
    """What a job of the schedule is listed as running. `ResetRunner.run` is what really runs."""
    raise RuntimeError("Resets are run by the scheduler of a process; see ResetRunner.")


class ResetRunner:
    """The edge between being woken and the engine: reads the clock, commits, reports errors.

    `on_reset` and `on_failure` are told of each subscription, after its commit; of a large batch
    `on_reset` is told of the first ones, and of all that were not reset together.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        batch: int = QUIET_BATCH,
        on_reset: Callable[[ResetDone], object] = lambda _done: None,
        on_failure: Callable[[int, Exception], object] = lambda _subscription_id, _error: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._largest = batch
        self._on_reset = on_reset
        self._on_failure = on_failure
        self._is_stopping = False

    def run(self) -> int:
        """Reset what is due until nothing is. How many subscriptions were reset.

        Raises:
            DatabaseUnavailable: what was committed until then stays; the rest is still due.
        """
        total, pace = 0, Pace()
        while not self._is_stopping and (done := self._one_batch(pace)):
            total += done
        return total

    def stop(self) -> None:
        """End `run` after the batch under way: for a shutdown, which must not wait for the rest."""
        self._is_stopping = True

    def _one_batch(self, pace: Pace) -> int:
        now = self._clock.now()
        try:
            with self._database.transaction() as session:
                limit = min(pace.next_batch(session, now), self._largest)
                done = resets.reset_due(session, now=now, limit=limit)
                pace.done(session, done.count)
        except DatabaseUnavailable:
            raise
        except Exception:  # whatever a bad row breaks on: the others must not wait for it
            logger.exception("credit_reset: a batch failed; going on one subscription at a time")
            done = self._one_by_one(now)
        self._report(done)
        self._clock.sleep(pace.rest((self._clock.now() - now).total_seconds()))
        return done.count

    def _one_by_one(self, now: datetime) -> BatchDone:
        with self._database.reading() as session:
            due = resets.due_ids(session, now=now, limit=min(BUSY_BATCH, self._largest))
        tried = [self._try_one(subscription_id, now) for subscription_id in due]
        done = [reset for reset in tried if reset is not None]
        return BatchDone(len(done), done)

    def _try_one(self, subscription_id: int, now: datetime) -> ResetDone | None:
        try:
            with self._database.transaction() as session:
                done = resets.reset_subscription(session, subscription_id=subscription_id, now=now)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # this row is set aside with its error, for admins to see
            logger.exception("%s failed; it is set aside", job_id_for(subscription_id))
            self._set_aside(subscription_id, error, now)
            self._on_failure(subscription_id, error)
            return None
        return done

    def _set_aside(self, subscription_id: int, error: Exception, now: datetime) -> None:
        with self._database.transaction() as session:
            sentence = f"{type(error).__name__}: {error}"
            row = guard.set_aside(session, subscription_id=subscription_id, error=sentence, now=now)
            logger.error("%s is tried again %s", job_id_for(subscription_id), row.retry_at)

    def _report(self, done: BatchDone) -> None:
        for reset in done.told:
            self._on_reset(reset)
            if reset.was_parked:
                logger.error(
                    "ALARM %s got too many allowances within a day: it is parked",
                    job_id_for(reset.subscription_id),
                )
        if done.count > LINES_A_BATCH:
            logger.info("credit_reset: %d subscriptions reset in one batch", done.count)
            return
        for reset in done.told:
            late = ", caught up" if reset.was_caught_up else ""
            missed = f", {reset.missed} missed before it" if reset.missed else ""
            logger.info(
                "%s: cycle %d, %d credits, was due %s, next %s%s%s",
                job_id_for(reset.subscription_id),
                reset.cycle,
                reset.credits,
                reset.due_at.isoformat(),
                reset.next_reset.isoformat(),
                late,
                missed,
            )
