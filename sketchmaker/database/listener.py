"""Hears at once, on PostgreSQL, that somebody wrote a row that others wait for.

A message only wakes whoever then reads the rows. One that is lost costs a few seconds: SQLite has
no messages, so everybody who waits looks by themselves now and then.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from sketchmaker.database import Database, DatabaseUnavailable

LOOK_UP_SECONDS = 1.0
RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Listener:
    """A thread with a connection of its own that waits for `NOTIFY` on a channel.

    `who` is named in the log.
    """

    def __init__(
        self, database: Database, *, channel: str, wake: Callable[[], object], who: str
    ) -> None:
        self._database = database
        self._channel = channel
        self._wake = wake
        self._who = who
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"{who}-listener", daemon=True)

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
                # Until it is back, its own looking sees what is written.
                logger.warning("%s: not listening: %s", self._who, error)
                self._stopping.wait(RETRY_SECONDS)
            except Exception:  # whatever it is, listening again may go well
                logger.exception("%s: listening failed", self._who)
                self._stopping.wait(RETRY_SECONDS)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"LISTEN {self._channel}")
        self._wake()  # for what was written while nobody listened
        while not self._stopping.is_set():
            for _ in connection.notifies(timeout=LOOK_UP_SECONDS, stop_after=1):
                self._wake()
