"""Resets everything that is due, in batches, whatever one bad row may do."""

import logging
from collections.abc import Callable
from datetime import datetime

from sketchmaker.clock import Clock
from sketchmaker.credits import resets
from sketchmaker.credits.resets import guard
from sketchmaker.credits.resets.reset_plan import BatchDone, ResetDone
from sketchmaker.database import Database, DatabaseUnavailable, LostRace, retrying
from sketchmaker.scheduling.job_ids import job_id_for
from sketchmaker.scheduling.pace import QUIET_BATCH, Pace

LISTED = 200_000
"""So many due subscriptions are listed at once, longest overdue first, and then reset in the order
of their numbers: neighbours in the table share pages, which makes it half as fast again."""

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
            DatabaseUnavailable, LostRace: what was committed until then stays; the rest is due.
        """
        total, pace, before = 0, Pace(self._database.dialect), None
        # The same list again means that all on it are in the hands of others.
        while (due := self._list_due()) and due != before:
            total, before = total + self._reset_listed(due, pace), due
        return total

    def stop(self) -> None:
        """End `run` after the batch under way: for a shutdown, which must not wait for the rest."""
        self._is_stopping = True

    def _list_due(self) -> list[int]:
        if self._is_stopping:
            return []
        with self._database.reading() as session:
            return sorted(resets.due_ids(session, now=self._clock.now(), limit=LISTED))

    def _reset_listed(self, due: list[int], pace: Pace) -> int:
        total, at_the_end = 0, False
        while due and not self._is_stopping:
            began = self._clock.now()
            with self._database.reading() as session:
                size = min(pace.next_batch(session, began), self._largest, len(due))
            batch, due = (due[-size:], due[:-size]) if at_the_end else (due[:size], due[size:])
            done = self._reset(batch)
            pace.done()
            total += done
            # Another scheduler is at work here. Side by side both would wait for the same pages.
            at_the_end ^= 2 * done < size
            self._clock.sleep(pace.rest((self._clock.now() - began).total_seconds()))
        return total

    def _reset(self, batch: list[int]) -> int:
        """Reset them together; when that breaks, in halves, until what breaks it is alone."""
        now = self._clock.now()
        try:
            done = retrying(lambda: self._commit(batch, now))
        except (DatabaseUnavailable, LostRace):
            raise
        except Exception as error:  # whatever a bad row breaks on: others do not wait for it
            if len(batch) > 1:
                logger.exception("credit_reset: %d together failed; trying halves", len(batch))
            else:
                logger.exception("%s failed; its resets are suspended", job_id_for(batch[0]))
                return self._suspend(batch[0], error, now)
        else:
            self._report(done)
            return done.count
        middle = len(batch) // 2
        return self._reset(batch[:middle]) + self._reset(batch[middle:])

    def _commit(self, batch: list[int], now: datetime) -> BatchDone:
        with self._database.transaction() as session:
            return resets.reset_these(session, batch, now=now)

    def _suspend(self, subscription_id: int, error: Exception, now: datetime) -> int:
        with self._database.transaction() as session:
            sentence = f"{type(error).__name__}: {error}"
            row = guard.suspend_failed(
                session, subscription_id=subscription_id, error=sentence, now=now
            )
            logger.error("%s is retried %s", job_id_for(subscription_id), row.retry_at)
        self._on_failure(subscription_id, error)
        return 0

    def _report(self, done: BatchDone) -> None:
        for reset in done.described:
            self._on_reset(reset)
            if reset.was_suspended:
                logger.error(
                    "ALARM %s got too many allowances within a day: its resets are suspended",
                    job_id_for(reset.subscription_id),
                )
        if done.count > LINES_A_BATCH:
            logger.info("credit_reset: %d subscriptions reset in one batch", done.count)
            return
        for reset in done.described:
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
