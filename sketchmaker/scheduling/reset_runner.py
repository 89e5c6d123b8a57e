"""Resets everything that is due, in batches, whatever one bad row may do."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sketchmaker.clock import Clock
from sketchmaker.credits import resets
from sketchmaker.credits.resets import DEFAULT_BATCH, ResetDone
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.job_ids import job_id_for

FIRST_RETRY_AFTER = timedelta(minutes=1)
LAST_RETRY_AFTER = timedelta(hours=1)
LINES_A_BATCH = 50
"""A batch larger than this is one line in the log; the ledger has a row for each reset anyway."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A subscription whose reset failed: tried again later, so that the others go on."""

    failures: int
    retry_at: datetime


class ResetRunner:
    """The edge between being woken and the engine: reads the clock, commits, reports errors."""

    def __init__(self, database: Database, clock: Clock, *, batch: int = DEFAULT_BATCH) -> None:
        self._database = database
        self._clock = clock
        self._batch = batch
        self._set_aside: dict[int, SetAside] = {}

    def run(self) -> int:
        """Reset what is due until nothing is. How many subscriptions were reset.

        Raises:
            DatabaseUnavailable: what was committed until then stays; the rest is still due.
        """
        total = 0
        while done := self._one_batch():
            total += len(done)
        return total

    def waiting(self) -> frozenset[int]:
        """The subscriptions that are set aside at the moment."""
        now = self._clock.now()
        return frozenset(key for key, aside in self._set_aside.items() if aside.retry_at > now)

    def _one_batch(self) -> Sequence[ResetDone]:
        now, waiting = self._clock.now(), self.waiting()
        try:
            with self._database.transaction() as session:
                done = resets.reset_due(session, now=now, limit=self._batch, excluding=waiting)
        except DatabaseUnavailable:
            raise
        except Exception:  # whatever a bad row breaks on: the others must not wait for it
            logger.exception("credit_reset: a batch failed; going on one subscription at a time")
            done = self._one_by_one(now, waiting)
        self._report(done)
        return done

    def _one_by_one(self, now: datetime, waiting: frozenset[int]) -> list[ResetDone]:
        with self._database.reading() as session:
            due = resets.due_ids(session, now=now, limit=self._batch, excluding=waiting)
        done = [self._try_one(subscription_id, now) for subscription_id in due]
        return [reset for reset in done if reset is not None]

    def _try_one(self, subscription_id: int, now: datetime) -> ResetDone | None:
        try:
            with self._database.transaction() as session:
                done = resets.reset_subscription(session, subscription_id=subscription_id, now=now)
        except DatabaseUnavailable:
            raise
        except Exception:  # this row is set aside with its error in the log
            aside = self._put_aside(subscription_id, now)
            logger.exception("%s failed: %s", job_id_for(subscription_id), aside)
            return None
        self._set_aside.pop(subscription_id, None)
        return done

    def _put_aside(self, subscription_id: int, now: datetime) -> SetAside:
        before = self._set_aside.get(subscription_id)
        failures = before.failures + 1 if before else 1
        pause = min(FIRST_RETRY_AFTER * 2 ** min(failures - 1, 10), LAST_RETRY_AFTER)
        self._set_aside[subscription_id] = SetAside(failures, now + pause)
        return self._set_aside[subscription_id]

    def _report(self, done: Sequence[ResetDone]) -> None:
        if len(done) > LINES_A_BATCH:
            logger.info("credit_reset: %d subscriptions reset in one batch", len(done))
            return
        for reset in done:
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
