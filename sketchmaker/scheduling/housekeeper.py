"""Chores that every process does now and then, and the heartbeat that says it does."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable, retrying
from sketchmaker.scheduling.heartbeats import BEAT_EVERY, ProcessIdentity, Vitals, beat, retire

Chore = Callable[[datetime], object]

HEARTBEAT = "heartbeat"
"""The name under which a failed heartbeat is told of, beside those of the chores."""

IMAGES_FOLDER = "images folder"
"""The chore that makes sure that pictures can be stored; health asks how it went."""

SCHEDULER_THREAD = "scheduler's thread"
"""The chore that finds a thread which lives and does nothing; then there is no heartbeat."""

THREAD_DIED = "The scheduler's thread died; another was started."

logger = logging.getLogger(__name__)


class Housekeeper:
    """A thread that beats, does its chores, and starts the scheduler's thread anew if that dies.

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
        revive: Callable[[], bool],
        chores: Mapping[str, Chore],
        every_second: Mapping[str, Chore],
    ) -> None:
        self._database = database
        self._clock = clock
        self._identity = identity
        self._is_alive = is_alive
        self._revive = revive
        self._chores = chores
        self._every_second = every_second
        self._vitals = Vitals()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="housekeeper", daemon=True)

    @property
    def vitals(self) -> Vitals:
        """How the last round went."""
        return self._vitals

    def start(self) -> None:
        """Beat once, then go on in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the chore under way, and take the heartbeat back."""
        self._stopping.set()
        self._thread.join()
        self._attempt("taking the heartbeat back", self._retire)

    def round(self) -> None:
        """One heartbeat and every chore. What fails is logged and tried again next time."""
        if not self._is_alive():
            self._attempt("starting the scheduler's thread anew", self._replace_thread)
        self._attempt(HEARTBEAT, self._beat)
        for name, chore in self._chores.items():
            self._attempt(name, chore)

    def short_round(self) -> None:
        """The chores of every second, when no other is under way."""
        for name, chore in self._every_second.items():
            self._attempt(name, chore)

    def _live(self) -> None:
        while True:
            self.round()
            beat_every = BEAT_EVERY.total_seconds()
            for _ in range(max(round(beat_every), 1)):
                self.short_round()
                if self._stopping.wait(min(beat_every, 1.0)):
                    return

    def _replace_thread(self, now: datetime) -> None:
        if not self._revive():
            return  # the scheduler is just being started or stopped
        logger.error("ALARM scheduler: its thread has died; another is started")
        self._vitals = replace(
            self._vitals,
            thread_deaths=self._vitals.thread_deaths + 1,
            thread_died_at=now,
            last_error=THREAD_DIED,
            last_error_at=now,
        )

    def _attempt(self, name: str, chore: Chore) -> None:
        try:
            retrying(lambda: chore(self._clock.now()))
        except (DatabaseUnavailable, OSError) as error:
            logger.warning("scheduler: %s put off: %s", name, error)
            self._note_failure(name, error)
        except Exception as error:  # a chore that fails must not take the others with it
            logger.exception("scheduler: %s failed", name)
            self._note_failure(name, error)
        else:
            failing = {which: why for which, why in self._vitals.failing.items() if which != name}
            self._vitals = replace(self._vitals, failing=failing)

    def _note_failure(self, name: str, error: Exception) -> None:
        sentence = str(error) or type(error).__name__
        self._vitals = replace(
            self._vitals,
            failing={**self._vitals.failing, name: sentence},
            last_error=f"{name}: {sentence}",
            last_error_at=self._clock.now(),
        )

    def _beat(self, now: datetime) -> None:
        # After a death that could not be mended, or when the thread hangs, nobody does what falls
        # due, and nobody should be told otherwise.
        if self._is_alive() and SCHEDULER_THREAD not in self._vitals.failing:
            with self._database.transaction() as session:
                beat(session, self._identity, now=now, vitals=self._vitals)

    def _retire(self, _now: datetime) -> None:
        with self._database.transaction() as session:
            retire(session, self._identity)
