"""Notices a scheduler's thread that lives and does nothing: it hangs in a lock or a call."""

import logging
from collections.abc import Callable
from datetime import datetime

from sketchmaker.clock import uptime_seconds

SILENT_ROUNDS = 12
SILENT_SECONDS = 120.0
"""A thread that looks every few seconds, and has not for so many rounds and so long, hangs.

Both, because the machine may have slept in between: then no round has passed.
"""

logger = logging.getLogger(__name__)


class SchedulerHangs(RuntimeError):
    """The scheduler's thread is alive and has stopped looking for due resets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"The scheduler's thread hangs: it has not looked for {seconds:.0f} seconds. "
            "Restart the process."
        )


class Watch:
    """Compares, round by round, how often the thread has looked; `looks` counts that."""

    def __init__(self, looks: Callable[[], int]) -> None:
        self._looks = looks
        self._seen = -1
        self._seen_at = 0.0
        self._rounds = 0
        self._raised_alarm = False

    def check(self, _now: datetime) -> None:
        """One round.

        Raises:
            SchedulerHangs: nothing has been looked for in a long time.
        """
        looks, uptime = self._looks(), uptime_seconds()
        if looks != self._seen:
            self._seen, self._seen_at, self._rounds = looks, uptime, 0
            self._raised_alarm = False
            return
        self._rounds += 1
        silent = uptime - self._seen_at
        if self._rounds < SILENT_ROUNDS or silent < SILENT_SECONDS:
            return
        if not self._raised_alarm:
            self._raised_alarm = True
            logger.error("ALARM scheduler: its thread hangs; restart this process")
        raise SchedulerHangs(silent)
