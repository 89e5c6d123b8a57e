"""Chores that every process does now and then, and the heartbeat that says it does."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.heartbeats import BEAT_EVERY, ProcessIdentity, beat, retire

Chore = Callable[[datetime], object]

logger = logging.getLogger(__name__)


class Housekeeper:
    """A thread that beats while the scheduler is alive, and does the chores.

    A thread of its own rather than interval jobs: those are due at a wall-clock time, and would
    stand still for as long as a clock was set back.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        identity: ProcessIdentity,
        *,
        is_alive: Callable[[], bool],
        chores: Mapping[str, Chore],
    ) -> None:
        self._database = database
        self._clock = clock
        self._identity = identity
        self._is_alive = is_alive
        self._chores = chores
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Beat once, then go on in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the chore under way, and take the heartbeat back."""
        self._stopping.set()
        self._thread.join()
        try:
            with self._database.transaction() as session:
                retire(session, self._identity)
        except DatabaseUnavailable as error:
            logger.warning("scheduler: could not take the heartbeat back: %s", error)

    def round(self) -> None:
        """One heartbeat and every chore. What fails is logged and tried again next time."""
        if self._is_alive():
            self._attempt("heartbeat", self._beat)
        else:
            logger.error("scheduler: its thread has died; restart this process")
        for name, chore in self._chores.items():
            self._attempt(name, chore)

    def _live(self) -> None:
        while True:
            self.round()
            if self._stopping.wait(BEAT_EVERY.total_seconds()):
                return

    def _attempt(self, name: str, chore: Chore) -> None:
        try:
            chore(self._clock.now())
        except DatabaseUnavailable as error:
            logger.warning("scheduler: %s put off: %s", name, error)
        except Exception:  # a chore that fails must not take the others with it
            logger.exception("scheduler: %s failed", name)

    def _beat(self, now: datetime) -> None:
        with self._database.transaction() as session:
            beat(session, self._identity, now=now)
