"""Hears at once, on PostgreSQL, that somebody wrote a reset date; SQLite is looked at in turns.

A message only wakes the scheduler, which then reads the rows. One that is lost costs a few seconds.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from sketchmaker.database import Database, DatabaseUnavailable

CHANNEL = "sketchmaker_credit_resets"
LOOK_UP_SECONDS = 1.0
RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class ScheduleListener:
    """A thread with a connection of its own that waits for `NOTIFY`."""

    def __init__(self, database: Database, wake: Callable[[], object]) -> None:
        self._database = database
        self._wake = wake
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="schedule-listener", daemon=True)

    def start(self) -> None:
        """Listen in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop within `LOOK_UP_SECONDS`."""
        self._stopping.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._database.detached() as connection:
                    self._listen(connection)
            except (psycopg.Error, DatabaseUnavailable) as error:
                # Until it is back, the scheduler's own looking sees what is written.
                logger.warning("scheduler: not listening: %s", error)
                self._stopping.wait(RETRY_SECONDS)
            except Exception:  # whatever it is, listening again may go well
                logger.exception("scheduler: listening failed")
                self._stopping.wait(RETRY_SECONDS)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._wake()  # for what was written while nobody listened
        while not self._stopping.is_set():
            for _ in connection.notifies(timeout=LOOK_UP_SECONDS, stop_after=1):
                self._wake()
